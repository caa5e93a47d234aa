#include "controller/flow/audit_log.h"

#include <string>
#include <vector>

#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class AuditLogTest : public World {
 protected:
  void AddEntries(size_t count, size_t bytes = 10) {
    Mutation mutation;
    for (size_t i = 0; i < count; ++i) {
      v1::AuditEntry& entry = mutation.audit.emplace_back();
      entry.set_verb("test.add");
      entry.set_reason(std::string(bytes, 'x'));
      *entry.mutable_at() = ToProto(clock_.Now());
    }
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  uint64_t Size() { return store_->Read()->log_head().size; }
  absl::StatusOr<v1::ReadAuditLogResponse> ReadFrom(uint64_t from, uint64_t until) {
    v1::ReadAuditLogRequest request;
    request.set_from(from);
    request.set_until(until);
    return ReadLog(*store_->Read(), request);
  }
};

TEST_F(AuditLogTest, AllEntriesInOrderAreWhatTheSignedHeadCovers) {
  AddEntries(700);
  const auto snapshot = store_->Read();
  const auto head = SignedHead(*snapshot, signer_, settings_);
  ASSERT_TRUE(head.ok()) << head.status();
  const auto opened = OpenCheckpoint(head->checkpoint(), {*NoteVerifier::FromText(head->key())},
                                     LogOrigin("agency"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->size, Size());
  EXPECT_EQ(head->newest_at().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(head->pruned_below(), 0U);
  std::vector<std::string> leaves;
  while (leaves.size() < opened->size) {
    const auto some = ReadFrom(leaves.size(), 0);
    ASSERT_TRUE(some.ok()) << some.status();
    ASSERT_GT(some->records_size(), 0);
    for (const v1::AuditRecord& record : some->records()) {
      EXPECT_EQ(LeafHash(record.entry()), record.leaf_hash());
      leaves.push_back(record.leaf_hash());
    }
  }
  EXPECT_EQ(MerkleRoot(leaves), opened->root);
}

TEST_F(AuditLogTest, AnAnswerIsBoundedInEntriesAndBytes) {
  AddEntries(limits::kMaxLogReadEntries + 100);
  EXPECT_EQ(ReadFrom(0, 0)->records_size(), static_cast<int>(limits::kMaxLogReadEntries));
  EXPECT_EQ(ReadFrom(5, 9)->records_size(), 4);
  const uint64_t from = Size();
  AddEntries(100, 60'000);
  const auto large = ReadFrom(from, 0);
  EXPECT_GT(large->records_size(), 40);
  EXPECT_LE(large->ByteSizeLong(), limits::kMaxLogReadBytes + 1'000);
}

TEST_F(AuditLogTest, WhatIsNotThereIsAnError) {
  AddEntries(10);
  for (const auto& [from, until] : std::vector<std::pair<uint64_t, uint64_t>>{
           {Size(), 0}, {0, Size() + 1}, {5, 5}, {6, 5}, {~uint64_t{0}, 0}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadFrom(from, until).status())) << from << " " << until;
  }
  EXPECT_TRUE(absl::IsNotFound(ProveEntry(*store_->Read(), signer_, settings_, Size()).status()));
}

TEST_F(AuditLogTest, AnEntryIsProvenUnderTheHeadOfTheSameMoment) {
  AddEntries(600);
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{255}, uint64_t{256}, Size() - 1}) {
    const auto proof = ProveEntry(*store_->Read(), signer_, settings_, sequence);
    ASSERT_TRUE(proof.ok()) << proof.status();
    const auto head = OpenCheckpoint(
        proof->checkpoint(), {*NoteVerifier::FromText(*signer_.LogKey("agency/audit"))}, "");
    ASSERT_TRUE(head.ok()) << head.status();
    EXPECT_TRUE(LeadsToRoot(LeafHash(proof->entry()), sequence, head->size,
                            {proof->path().begin(), proof->path().end()}, head->root));
  }
}

TEST_F(AuditLogTest, WhereItWasPrunedIsSaid) {
  AddEntries(600);
  Mutation mutation;
  mutation.prune = {0, 512};
  mutation.puts.push_back({kPrunedBelowKey, "512"});
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  EXPECT_EQ(SignedHead(*store_->Read(), signer_, settings_)->pruned_below(), 512U);
}

}  // namespace
}  // namespace muster
