// The documents beside root, cohort list and assignment: chunks, emergency deny, beacon.
#include <gtest/gtest.h>

#include "common/limits.h"
#include "common/merkle.h"
#include "tests/common/signed_docs.h"

namespace muster {
namespace {

TEST_F(SignedDocTest, ContentIsItsChunksInOrder) {
  v1::CohortPolicy policy = tenant_.Cohort();
  const std::string first = TestTenant::ChunkOf("whatsapp"), second = TestTenant::ChunkOf("signal");
  TestTenant::AddChunk(&policy, second);
  const auto assemble = [&](const std::vector<absl::string_view>& chunks) {
    return AssembleContent(policy, chunks);
  };
  const absl::StatusOr<v1::CohortContent> content = assemble({first, second});
  ASSERT_TRUE(content.ok()) << content.status();
  ASSERT_EQ(content->apps_size(), 2);
  EXPECT_EQ(content->apps(0).id(), "whatsapp");
  EXPECT_EQ(content->apps(1).id(), "signal");
  std::string flipped = second;
  flipped.back() ^= 1;
  EXPECT_EQ(Code(assemble({second, first}).status()), "MALFORMED");
  EXPECT_EQ(Code(assemble({first}).status()), "MALFORMED");
  EXPECT_EQ(Code(assemble({first, flipped}).status()), "MALFORMED");
  EXPECT_EQ(Code(assemble({first, first}).status()), "MALFORMED");
  EXPECT_EQ(Code(assemble({first, second, first}).status()), "MALFORMED");
  v1::CohortPolicy unreadable, no_app;
  TestTenant::AddChunk(&unreadable, "\xff\xff");
  EXPECT_EQ(Code(AssembleContent(unreadable, {"\xff\xff"}).status()), "MALFORMED");
  v1::CohortContent blocklist;
  blocklist.add_blocklist("whatsapp");
  TestTenant::AddChunk(&no_app, blocklist.SerializeAsString());
  EXPECT_EQ(Code(AssembleContent(no_app, {blocklist.SerializeAsString()}).status()), "EMPTY");
}

TEST_F(SignedDocTest, EmergencyDenyCases) {
  const struct {
    const char* name;
    std::function<void(v1::EmergencyDeny&)> edit;
    const char* want;
  } kCases[] = {
      {"valid", [](auto&) {}, "OK"},
      {"names no app", [](auto& d) { d.clear_app_ids(); }, "EMPTY"},
      {"denies and lifts", [](auto& d) { d.set_lifts_all(true); }, "MALFORMED"},
      {"lifts",
       [](auto& d) {
         d.clear_app_ids();
         d.set_lifts_all(true);
       },
       "OK"},
      {"too many apps",
       [](auto& d) {
         for (size_t i = 0; i < limits::kMaxEmergencyApps; ++i) d.add_app_ids("x");
       },
       "OVERSIZE"},
      {"another kind", [](auto& d) { d.mutable_header()->set_kind("cohort"); }, "MALFORMED"},
      {"ended", [](auto& d) { *d.mutable_header()->mutable_not_after() = ToProto(kTestNow); },
       "EXPIRED"},
  };
  for (const auto& c : kCases) {
    v1::EmergencyDeny deny = tenant_.Deny();
    c.edit(deny);
    EXPECT_EQ(Code(Deny(Sign(deny, tenant_.emergency))), c.want) << c.name;
  }
  EXPECT_EQ(Code(Deny(Sign(tenant_.Deny(), tenant_.policy))), "ROLE");
  // The key that can deny can say nothing else.
  EXPECT_EQ(Code(Cohort(Sign(tenant_.Cohort(), tenant_.emergency))), "ROLE");
  EXPECT_EQ(Code(Assignment(Sign(tenant_.Assignment(), tenant_.emergency))), "ROLE");
  EXPECT_EQ(Code(Beacon(Sign(tenant_.BeaconNow(), tenant_.emergency))), "ROLE");
}

TEST_F(SignedDocTest, BeaconCases) {
  const struct {
    const char* name;
    std::function<void(v1::Beacon&)> edit;
    const char* want;
  } kCases[] = {
      {"valid", [](auto&) {}, "OK"},
      {"no root", [](auto& b) { b.clear_merkle_root(); }, "MALFORMED"},
      {"half a root", [](auto& b) { b.set_merkle_root(std::string(16, 'x')); }, "MALFORMED"},
      {"no tree", [](auto& b) { b.set_tree_size(0); }, "MALFORMED"},
      {"ended", [](auto& b) { *b.mutable_header()->mutable_not_after() = ToProto(kTestNow); },
       "EXPIRED"},
  };
  for (const auto& c : kCases) {
    v1::Beacon beacon = tenant_.BeaconNow();
    c.edit(beacon);
    EXPECT_EQ(Code(Beacon(Sign(beacon, tenant_.beacon))), c.want) << c.name;
  }
  EXPECT_EQ(Code(Beacon(Sign(tenant_.BeaconNow(), tenant_.policy))), "ROLE");
}

TEST(VerifyInclusion, EveryPartOfALeafCounts) {
  v1::InclusionProof proof;
  proof.mutable_leaf()->set_name("cohort/linux");
  proof.mutable_leaf()->set_epoch(1);
  proof.mutable_leaf()->set_version(7);
  proof.mutable_leaf()->set_sha256("ab");
  EXPECT_EQ(LeafText(proof.leaf()), "MUSTERv1-leaf cohort/linux 1.7 ab");
  const MerkleTree tree({LeafHash("other"), LeafHash(LeafText(proof.leaf())), LeafHash("third")});
  v1::Beacon beacon;
  beacon.set_tree_size(3);
  beacon.set_merkle_root(tree.Root());
  proof.set_index(1);
  for (const std::string& hash : tree.Path(1)) proof.add_path(hash);
  EXPECT_TRUE(VerifyInclusion(beacon, proof).ok());
  const std::function<void(v1::InclusionProof&)> kEdits[] = {
      [](auto& p) { p.mutable_leaf()->set_name("cohort/ios"); },
      [](auto& p) { p.mutable_leaf()->set_epoch(2); },
      [](auto& p) { p.mutable_leaf()->set_version(8); },
      [](auto& p) { p.mutable_leaf()->set_sha256("ac"); },
      [](auto& p) { p.set_index(0); },
      [](auto& p) { p.set_index(3); },
      [](auto& p) { p.mutable_path()->RemoveLast(); },
      [](auto& p) { p.add_path(p.path(0)); },
      [](auto& p) { p.mutable_path(0)->clear(); },
  };
  for (const auto& edit : kEdits) {
    v1::InclusionProof broken = proof;
    edit(broken);
    const absl::Status status = VerifyInclusion(beacon, broken);
    EXPECT_EQ(VerifyCodeOf(status), VerifyCode::kNotNamed) << broken.ShortDebugString();
  }
}

}  // namespace
}  // namespace muster
