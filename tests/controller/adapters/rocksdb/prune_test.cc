// Texts of entries go, their place in the tree does not.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"
#include "muster/v1/audit.pb.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

class PruneTest : public testing::Test {
 protected:
  PruneTest() { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = RocksDbStore::Open(dir_.File("db"));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Write(uint64_t entries) {
    Mutation mutation;
    for (uint64_t i = 0; i < entries; ++i) {
      v1::AuditEntry entry;
      entry.set_verb("request.submit");
      entry.set_object(absl::StrCat("request/REQ-", i));
      mutation.audit.push_back(entry);
    }
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  }
  absl::Status Prune(uint64_t from, uint64_t until) {
    Mutation mutation;
    mutation.puts.push_back({kPrunedBelowKey, absl::StrCat(until)});
    mutation.prune = {from, until};
    return store_->Commit(std::move(mutation)).status();
  }
  v1::AuditRecord RecordAt(uint64_t sequence) {
    return Load<v1::AuditRecord>(*store_->Read(), AuditKey(sequence), "missing")->value;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
};

TEST_F(PruneTest, HashesHeadAndProofsStay) {
  Write(700);
  const LogHead before = store_->Read()->log_head();
  const v1::AuditRecord whole = RecordAt(300);
  const auto path = *InclusionPath(*store_->Read(), 300, 700);
  ASSERT_TRUE(Prune(0, 512).ok());
  for (int round = 0; round < 2; ++round, Reopen()) {
    const auto snapshot = store_->Read();
    EXPECT_EQ(snapshot->log_head().size, 700u);
    EXPECT_EQ(snapshot->log_head().root, before.root);
    EXPECT_EQ(*RootAt(*snapshot, 700), before.root);
    EXPECT_EQ(*InclusionPath(*snapshot, 300, 700), path);
    for (uint64_t i = 0; i < 700; ++i) {
      EXPECT_EQ(RecordAt(i).entry().empty(), i < 512) << i;
      EXPECT_EQ(RecordAt(i).leaf_hash().size(), kHashBytes) << i;
    }
    EXPECT_EQ(RecordAt(300).leaf_hash(), LeafHash(whole.entry()));
    EXPECT_EQ(snapshot->FindInLog("object/request/req-511", 0, 9)->size(), 0u);
    EXPECT_EQ(*snapshot->FindInLog("object/request/req-512", 0, 9), std::vector<uint64_t>{512});
    EXPECT_EQ(snapshot->FindInLog("verb/request.*", 0, 1'000)->size(), 188u);
  }
  Write(1);
  EXPECT_EQ(store_->Read()->log_head().size, 701u);
}

TEST_F(PruneTest, TwiceComesToTheSame) {
  Write(300);
  ASSERT_TRUE(Prune(0, 256).ok());
  const std::string bytes = RecordAt(7).SerializeAsString();
  ASSERT_TRUE(Prune(0, 256).ok());
  EXPECT_EQ(RecordAt(7).SerializeAsString(), bytes);
}

TEST_F(PruneTest, WhatDoesNotFitChangesNothing) {
  Write(4'500);
  const struct {
    uint64_t from, until;
  } kCases[] = {
      {0, 255},                                     // not a whole tile
      {1, 256},                                     // nor here
      {256, 0},                                     // backwards
      {4'352, 4'608},                               // beyond the log
      {0, limits::kMaxPrunedEntries + kTileWidth},  // too many at once
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Prune(c.from, c.until).code(), absl::StatusCode::kInvalidArgument)
        << c.from << " " << c.until;
  }
  EXPECT_FALSE(store_->Read()->Get(kPrunedBelowKey)->has_value());
  EXPECT_FALSE(RecordAt(0).entry().empty());
}

}  // namespace
}  // namespace muster
