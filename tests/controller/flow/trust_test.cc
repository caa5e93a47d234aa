// Publishing roots and emergency denies into a real store, with keys that a ceremony would hold.
#include "controller/flow/trust.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/time_proto.h"
#include "common/trust_root.h"
#include "controller/adapters/openssl/tenant_files.h"
#include "controller/adapters/rocksdb/rocksdb_store.h"
#include "controller/flow/lookup.h"
#include "tests/support/temp_dir.h"

namespace muster {
namespace {

class TrustFlow : public testing::Test {
 protected:
  TrustFlow() {
    settings_.tenant = "agency";
    for (const char* name : {"policy", "assignment", "beacon"}) online_.push_back(Key(name));
    first_ = *FirstRoot("agency",
                        {{"root", {Public("r1"), Public("r2"), Public("r3")}, 2},
                         {"policy", {Public("policy")}},
                         {"assignment", {Public("assignment")}},
                         {"beacon", {Public("beacon")}},
                         {"emergency", {Public("emergency")}}},
                        clock_.Now());
  }

  const PrivateKey& Key(const std::string& name) {
    auto it = keys_.find(name);
    if (it == keys_.end()) it = keys_.emplace(name, *PrivateKey::Generate(kEcdsaP256Sha256)).first;
    return it->second;
  }
  v1::TrustedKey Public(const std::string& name) { return *TrustedKeyFromSpki(Key(name).spki()); }
  v1::SignedDoc Sign(const google::protobuf::Message& payload,
                     const std::vector<std::string>& names) {
    std::vector<PrivateKey> keys;
    for (const std::string& name : names) keys.push_back(Key(name));
    return *MakeSignedDoc(payload, keys);
  }
  v1::Root Next(const v1::Root& root, const RoleChange& change) {
    auto next = NextRoot(root, change, clock_.Now());
    EXPECT_TRUE(next.ok()) << next.status();
    return *next;
  }
  v1::EmergencyDeny Deny(std::vector<std::string> apps, uint64_t version, uint32_t epoch = 1) {
    v1::EmergencyDeny deny;
    v1::DocumentHeader* h = deny.mutable_header();
    h->set_tenant("agency");
    h->set_kind("emergency_deny");
    h->set_name(kEmergencyDenyName);
    h->set_epoch(epoch);
    h->set_version(version);
    *h->mutable_issued_at() = ToProto(clock_.Now());
    *h->mutable_not_after() = ToProto(clock_.Now() + limits::kEmergencyDenyLife);
    deny.mutable_app_ids()->Assign(apps.begin(), apps.end());
    deny.set_lifts_all(apps.empty());
    deny.set_reason("a hole in it");
    return deny;
  }
  void Adopt() {
    const absl::Status status = AdoptRoot(services_, signer_, Sign(first_, {"r1", "r2"}));
    ASSERT_TRUE(status.ok()) << status;
    work_.Wait(absl::ZeroDuration());
  }
  absl::StatusOr<TrustOutcome> Publish(const std::vector<v1::SignedDoc>& docs,
                                       bool dry_run = false) {
    return PublishTrust(services_, signer_, actor_, docs, dry_run);
  }
  // "ok", or the error. A refusal must leave everything as it was.
  std::string Try(const std::vector<v1::SignedDoc>& docs) {
    const uint64_t before = store_->Read()->revision();
    const uint32_t epoch = signer_.epoch();
    const auto result = Publish(docs);
    if (result.ok()) return "ok";
    EXPECT_EQ(store_->Read()->revision(), before);
    EXPECT_EQ(signer_.epoch(), epoch);
    return std::string(result.status().message());
  }
  std::string Code(const std::vector<v1::SignedDoc>& docs) {
    const std::string said = Try(docs);
    return said.substr(0, said.find(':'));
  }
  uint64_t RootInForce() {
    v1::TrustView view;
    EXPECT_TRUE(GetTrust(services_, view).ok());
    return RootOf(view.root())->header().version();
  }
  std::string DenyInForce() {
    v1::TrustView view;
    EXPECT_TRUE(GetTrust(services_, view).ok());
    v1::EmergencyDeny deny;
    deny.ParseFromString(view.emergency_deny().payload());
    return absl::StrCat(deny.header().version(), " ", absl::StrJoin(deny.app_ids(), ","));
  }
  std::vector<uint64_t> Steps(uint64_t version) {
    std::vector<uint64_t> out;
    const auto steps = RootsAfter(*store_->Read(), version);
    EXPECT_TRUE(steps.ok()) << steps.status();
    for (const DocumentPtr& step : *steps) out.push_back(step->version);
    return out;
  }
  std::vector<std::string> AuditVerbs() {
    std::vector<std::string> out;
    EXPECT_TRUE(ForEach<v1::AuditRecord>(*store_->Read(), "audit/",
                                         [&](const std::string&, const auto& record) {
                                           v1::AuditEntry entry;
                                           entry.ParseFromString(record.value.entry());
                                           out.push_back(entry.verb() + " " + entry.object());
                                           return absl::OkStatus();
                                         })
                    .ok());
    return out;
  }

  TempDir dir_;
  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  SystemEntropy entropy_;
  Work work_;
  Settings settings_;
  std::unique_ptr<Store> store_ = *RocksDbStore::Open(dir_.File("db"));
  Services services_{*store_, clock_, entropy_, work_, settings_};
  std::map<std::string, PrivateKey> keys_;
  std::vector<PrivateKey> online_;
  Signer signer_{[this]() -> absl::StatusOr<std::vector<PrivateKey>> { return online_; }};
  Actor actor_{{"id", "admin@agency.test"}, "certificate 1", "test"};
  v1::Root first_;
};

TEST_F(TrustFlow, TheNextRootIsStoredAuditedAndFollowed) {
  Adopt();
  online_.push_back(Key("policy-2"));
  const v1::Root second =
      Next(first_, {.role = "policy", .add = {Public("policy-2")}, .replace = true});
  const v1::SignedDoc doc = Sign(second, {"r1", "r3"});
  const auto dry = Publish({doc}, true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(RootInForce(), 1u);
  const auto outcome = Publish({doc});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->touched.changes, dry->touched.changes);
  EXPECT_EQ(
      outcome->touched.changes,
      (std::vector<std::string>{
          "root 1 -> 2", absl::StrCat("role policy: key ", Key("policy-2").key_id(), " added"),
          absl::StrCat("role policy: key ", Key("policy").key_id(), " removed")}));
  EXPECT_EQ(outcome->items.at(0).version(), 2u);
  EXPECT_EQ(outcome->items.at(0).signed_by_size(), 2);
  EXPECT_EQ(RootInForce(), 2u);
  EXPECT_TRUE(work_.Wait(absl::ZeroDuration()).all);
  EXPECT_EQ(AuditVerbs(),
            (std::vector<std::string>{"trust.root document/root@1", "trust.root document/root@2"}));
  const auto leaf = Find<v1::DocumentLeaf>(*store_->Read(), LeafKey(kRootName));
  ASSERT_TRUE(leaf.ok() && leaf->has_value());
  EXPECT_EQ((*leaf)->value.sha256(), Sha256Hex(doc.payload()));
  // The signer signs with the new key from now on; also when the root of before is told late, as by
  // a publication that ran beside this one.
  EXPECT_EQ(signer_.Sign(first_, "policy")->signatures(0).key_id(), Key("policy-2").key_id());
  ASSERT_TRUE(signer_.Follow(*Trust::FromRoot(first_)).ok());
  EXPECT_EQ(signer_.Sign(first_, "policy")->signatures(0).key_id(), Key("policy-2").key_id());
}

TEST_F(TrustFlow, RootsThatAreRefused) {
  Adopt();
  online_.push_back(Key("fresh"));
  const RoleChange rotate = {.role = "policy", .add = {Public("fresh")}, .replace = true};
  const v1::Root second = Next(first_, rotate);
  EXPECT_EQ(Code({Sign(second, {})}), "THRESHOLD");
  EXPECT_EQ(Code({Sign(second, {"r1"})}), "THRESHOLD");
  EXPECT_EQ(Code({Sign(second, {"r1", "r1"})}), "THRESHOLD");
  EXPECT_EQ(Code({Sign(second, {"policy"})}), "ROLE");
  EXPECT_EQ(Code({Sign(second, {"stranger"})}), "UNKNOWN_KEY");
  v1::SignedDoc bad = Sign(second, {"r1", "r2"});
  bad.mutable_payload()->back() ^= 1;
  EXPECT_EQ(Code({bad}), "BAD_SIGNATURE");
  EXPECT_EQ(
      Code({Sign(Next(second, {.role = "root", .remove = {Key("r3").key_id()}}), {"r1", "r2"})}),
      "ROLLBACK")
      << "root 3 before root 2";
  v1::Root other = first_;
  other.mutable_roles(0)->set_threshold(3);
  EXPECT_EQ(Code({Sign(other, {"r1", "r2", "r3"})}), "EQUIVOCATION");
  v1::Root foreign = second;
  foreign.mutable_header()->set_tenant("bureau");
  EXPECT_EQ(Code({Sign(foreign, {"r1", "r2"})}), "WRONG_TENANT");
  v1::Root ended = second;
  *ended.mutable_header()->mutable_not_after() = ToProto(clock_.Now() - absl::Seconds(1));
  *ended.mutable_header()->mutable_issued_at() = ToProto(clock_.Now() - absl::Hours(1));
  EXPECT_EQ(Code({Sign(ended, {"r1", "r2"})}), "EXPIRED");
  clock_.Advance(absl::Hours(2));
  const v1::Root early = Next(first_, rotate);
  clock_.Advance(-absl::Hours(2));
  EXPECT_TRUE(absl::StartsWith(Try({Sign(early, {"r1", "r2"})}), "root version 2 was issued"));
  // Signed as it should be, but this controller could not sign for it.
  online_.pop_back();
  EXPECT_TRUE(
      absl::StartsWith(Try({Sign(second, {"r1", "r2"})}), "the root gives the role policy to "));
  EXPECT_EQ(RootInForce(), 1u);
}

TEST_F(TrustFlow, OneRefusedDocumentKeepsAllOut) {
  Adopt();
  const v1::Root second = Next(first_, {.role = "root", .add = {Public("r4")}});
  const v1::Root third = Next(second, {.role = "root", .remove = {Key("r1").key_id()}});
  EXPECT_EQ(Code({Sign(second, {"r1", "r2"}), Sign(third, {"r2"})}), "THRESHOLD");
  EXPECT_EQ(RootInForce(), 1u);
  EXPECT_EQ(Try({Sign(second, {"r1", "r2"}), Sign(third, {"r2", "r4"}),
                 Sign(Deny({"tox"}, 1), {"emergency"})}),
            "ok");
  EXPECT_EQ(RootInForce(), 3u);
  EXPECT_EQ(DenyInForce(), "1 tox");
  EXPECT_EQ(Steps(1), (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(Steps(0), (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(Steps(3), std::vector<uint64_t>{});
  EXPECT_EQ(Steps(UINT64_MAX), std::vector<uint64_t>{});
}

TEST_F(TrustFlow, TheSameAgainChangesNothing) {
  Adopt();
  const v1::SignedDoc second =
      Sign(Next(first_, {.role = "root", .add = {Public("r4")}}), {"r1", "r2"});
  const v1::SignedDoc third =
      Sign(Next(*RootOf(second), {.role = "root", .remove = {Key("r4").key_id()}}), {"r1", "r2"});
  const v1::SignedDoc deny = Sign(Deny({"tox"}, 1), {"emergency"});
  ASSERT_EQ(Try({second, third, deny}), "ok");
  const uint64_t revision = store_->Read()->revision();
  const auto again = Publish({second, third, deny});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->items.size(), 3u);
  EXPECT_EQ(again->touched.changes, std::vector<std::string>{});
  EXPECT_EQ(store_->Read()->revision(), revision);
}

TEST_F(TrustFlow, OnlyTheNewestRootsAreKept) {
  Adopt();
  v1::Root root = first_;
  for (size_t i = 0; i < limits::kMaxRootSteps; ++i) {
    root = i % 2 == 0 ? Next(root, {.role = "root", .add = {Public("r4")}})
                      : Next(root, {.role = "root", .remove = {Key("r4").key_id()}});
    ASSERT_EQ(Try({Sign(root, {"r1", "r2"})}), "ok");
  }
  EXPECT_EQ(Steps(1).size(), limits::kMaxRootSteps);
  EXPECT_EQ(RootsAfter(*store_->Read(), 0).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TrustFlow, EmergencyDenies) {
  Adopt();
  EXPECT_EQ(Code({Sign(Deny({"tox"}, 5), {"policy"})}), "ROLE");
  EXPECT_EQ(Code({Sign(Deny({"tox"}, 5), {"r1"})}), "ROLE");
  v1::EmergencyDeny empty = Deny({"tox"}, 5);
  empty.clear_app_ids();
  EXPECT_EQ(Code({Sign(empty, {"emergency"})}), "EMPTY");
  EXPECT_EQ(Code({Sign(Deny({"tox"}, 5, 2), {"emergency"})}), "NOT_NAMED");
  const auto outcome = Publish({Sign(Deny({"tox"}, 5), {"emergency"})});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->touched.changes,
            (std::vector<std::string>{
                "emergency deny: blocks tox until 2027-01-29T08:00:00Z",
                "warning: there is no app 'tox' in the catalogue, so this blocks nothing for it"}));
  EXPECT_EQ(DenyInForce(), "5 tox");
  EXPECT_TRUE(work_.Wait(absl::ZeroDuration()).all);
  EXPECT_EQ(AuditVerbs().back(), "trust.emergency-deny document/emergency-deny@5");
  EXPECT_EQ(Code({Sign(Deny({"whatsapp"}, 4), {"emergency"})}), "ROLLBACK");
  EXPECT_EQ(Code({Sign(Deny({"whatsapp"}, 5), {"emergency"})}), "EQUIVOCATION");
  EXPECT_EQ(Try({Sign(Deny({}, 6), {"emergency"})}), "ok");
  EXPECT_EQ(DenyInForce(), "6 ");
}

TEST_F(TrustFlow, ANewEpochIsTheWayBackFromAStolenEmergencyKey) {
  Adopt();
  ASSERT_EQ(Try({Sign(Deny({"tox"}, UINT64_MAX), {"emergency"})}), "ok") << "fast-forward";
  const v1::Root second =
      Next(first_,
           {.role = "emergency", .add = {Public("fresh")}, .replace = true, .compromised = true});
  const auto outcome = Publish({Sign(second, {"r1", "r2"})});
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_TRUE(absl::StartsWith(outcome->touched.changes.back(), "warning: the emergency deny in"));
  EXPECT_EQ(signer_.epoch(), 2u);
  EXPECT_EQ(Code({Sign(Deny({"signal"}, UINT64_MAX), {"emergency"})}), "UNKNOWN_KEY");
  EXPECT_EQ(Try({Sign(Deny({"tox"}, 1, 2), {"fresh"})}), "ok");
  EXPECT_EQ(DenyInForce(), "1 tox");
}

TEST_F(TrustFlow, OtherDocumentsAndCountsAreRefused) {
  Adopt();
  v1::SignedDoc policy = Sign(first_, {"r1", "r2"});
  policy.set_payload_type("muster.v1.CohortPolicy");
  for (const auto& docs : {std::vector<v1::SignedDoc>{},
                           {policy},
                           std::vector<v1::SignedDoc>(limits::kMaxTrustDocuments + 1)}) {
    EXPECT_EQ(Publish(docs).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(TrustFlow, AtTheStartTheStoreWinsUnlessTheFileIsTheNextRoot) {
  EXPECT_EQ(AdoptRoot(services_, signer_, std::nullopt).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Publish({Sign(first_, {"r1", "r2"})}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(AdoptRoot(services_, signer_, Sign(first_, {"r1"})).ok());
  Adopt();
  EXPECT_EQ(signer_.epoch(), 1u);
  const v1::Root second = Next(first_, {.role = "root", .add = {Public("r4")}});
  const v1::Root third = Next(second, {.role = "root", .remove = {Key("r4").key_id()}});
  const auto adopt = [&](const v1::Root& root, const std::vector<std::string>& keys) {
    const uint64_t before = RootInForce();
    const absl::Status status = AdoptRoot(services_, signer_, Sign(root, keys));
    if (!status.ok()) {
      EXPECT_EQ(RootInForce(), before);
    }
    return std::string(status.message());
  };
  EXPECT_EQ(adopt(second, {"r1"}),
            "trust/root.pb is refused: THRESHOLD: 1 of 2 needed keys of role root signed; the "
            "store holds root 1: put that one there, or remove the file");
  EXPECT_NE(adopt(third, {"r1", "r2"}), "") << "skips root 2";
  EXPECT_EQ(adopt(second, {"r1", "r2"}), "");
  EXPECT_EQ(RootInForce(), 2u);
  EXPECT_EQ(adopt(first_, {"r1", "r2"}), "") << "an older file is left alone";
  EXPECT_EQ(RootInForce(), 2u);
  EXPECT_TRUE(AdoptRoot(services_, signer_, std::nullopt).ok());
  v1::Root other = second;
  other.mutable_roles(0)->set_threshold(1);
  EXPECT_NE(adopt(other, {"r1", "r2"}), "") << "another root 2";
  EXPECT_EQ(AuditVerbs(),
            (std::vector<std::string>{"trust.root document/root@1", "trust.root document/root@2"}));
}

// As a crash between the commit and the signer leaves it.
TEST_F(TrustFlow, AfterACrashTheSignerFollowsTheStoredRoot) {
  Adopt();
  online_.push_back(Key("policy-2"));
  const v1::Root second =
      Next(first_,
           {.role = "policy", .add = {Public("policy-2")}, .replace = true, .compromised = true});
  ASSERT_EQ(Try({Sign(second, {"r1", "r2"})}), "ok");
  Signer fresh([this]() -> absl::StatusOr<std::vector<PrivateKey>> { return online_; });
  ASSERT_TRUE(AdoptRoot(services_, fresh, Sign(first_, {"r1", "r2"})).ok());
  EXPECT_EQ(fresh.epoch(), 2u);
  // And one whose keys were taken away says so at the start.
  online_.pop_back();
  EXPECT_EQ(AdoptRoot(services_, fresh, std::nullopt).code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace muster
