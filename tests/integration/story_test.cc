// The main job from end to end, on each directory: an LDIF file, and a real slapd over StartTLS
// and over LDAPS. Real mTLS, a real agent, real fanotify on a tmpfs. Needs root.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

using Names = std::set<std::string>;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less

class StoryTest : public ::testing::TestWithParam<DirectoryKind> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  Started Alice() { return TryRun({laptop_.chat()}, accounts_.uid(0)); }
  Started Bob() { return TryRun({laptop_.chat()}, accounts_.uid(1)); }
  bool Becomes(uid_t uid, Started wanted) {
    return WaitUntil(kSoon, [&] { return TryRun({laptop_.chat()}, uid) == wanted; });
  }
  bool AliceBecomes(Started wanted) { return Becomes(accounts_.uid(0), wanted); }
  bool BobBecomes(Started wanted) { return Becomes(accounts_.uid(1), wanted); }

  Names Members() {
    auto members = tenant_.directory().Members(kChatGroup);
    EXPECT_TRUE(members.ok()) << members.status();
    return members.value_or(Names{"?"});
  }
  void AddByHand(const std::vector<std::string>& accounts) {
    const absl::Status status = tenant_.directory().AddByHand(kChatGroup, accounts);
    EXPECT_TRUE(status.ok()) << status;
  }
  void RemoveByHand(const std::vector<std::string>& accounts) {
    const absl::Status status = tenant_.directory().RemoveByHand(kChatGroup, accounts);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string Explain(const std::string& upn) { return tenant_.Explain(upn, laptop_.device()); }
  Json Sync() { return tenant_.Get(kAdmin, {"directory", "sync"}); }
  // What only a sync may change: grants, and who is a member.
  Json Grants() {
    Json out;
    out["grants"] = tenant_.Items({"grant", "list"});
    out["members"] = tenant_.Items({"directory", "members", "it-chat"});
    return out;
  }

  const std::string& alice() const { return accounts_.name(0); }
  const std::string& bob() const { return accounts_.name(1); }

  TestAccounts accounts_{2};
  TestTenant tenant_{GetParam(), accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

INSTANTIATE_TEST_SUITE_P(Directories, StoryTest,
                         ::testing::Values(DirectoryKind::kLdif, DirectoryKind::kStartTls,
                                           DirectoryKind::kLdaps),
                         [](const auto& info) -> std::string {
                           switch (info.param) {
                             case DirectoryKind::kLdif:
                               return "Ldif";
                             case DirectoryKind::kStartTls:
                               return "SlapdStartTls";
                             case DirectoryKind::kLdaps:
                             case DirectoryKind::kSamba:
                               break;
                           }
                           return "SlapdLdaps";
                         });

TEST_P(StoryTest, ApprovedRunsRevokedDoesNot) {
  EXPECT_EQ(Alice(), Started::kBlocked);
  EXPECT_EQ(Bob(), Started::kBlocked);
  EXPECT_EQ(TryRun({laptop_.editor()}, accounts_.uid(1)), Started::kRan);
  EXPECT_EQ(Explain(kAlice), "BLOCK NO_GRANT");

  const std::string request = tenant_.Submit(kAlice);
  EXPECT_EQ(Alice(), Started::kBlocked) << "asking is not enough";
  EXPECT_EQ(Members(), Names{});
  tenant_.Get(kApprover, {"request", "approve", request, "--reason", "The need is documented"});
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  EXPECT_EQ(Members(), Names{alice()});
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.RequestState(request) == "ACTIVE"; }));
  const Json shown = tenant_.Get(kAdmin, {"request", "show", request});
  const std::string grant = shown.value("grant_id", "");
  EXPECT_EQ(Bob(), Started::kBlocked) << "the grant is a person's, not the machine's";
  EXPECT_EQ(Explain(kAlice), "ALLOW GRANT " + grant);
  EXPECT_EQ(Explain(kBob), "BLOCK NO_GRANT");
  EXPECT_EQ(laptop_.agent().Explain("it-chat", alice()), "ALLOW GRANT " + grant);
  EXPECT_EQ(laptop_.agent().Explain("it-chat", bob()), "BLOCK NO_GRANT");

  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  EXPECT_EQ(Members(), Names{});
  EXPECT_EQ(Explain(kAlice), "BLOCK NO_GRANT");
  EXPECT_EQ(TryRun({laptop_.editor()}, accounts_.uid(1)), Started::kRan);

  // One transaction id ties the request to the device. Publishing and notes of what is waited for
  // run beside the directory's work, so their place among the others may vary.
  std::vector<std::string> verbs;
  for (const Json& entry :
       tenant_.Items({"audit", "list", "--transaction", shown.value("transaction_id", "?")})) {
    verbs.push_back(entry.value("verb", ""));
  }
  EXPECT_EQ(std::erase(verbs, "document.publish"), 2u);
  std::erase(verbs, "grant.waiting");
  EXPECT_EQ(verbs,
            (std::vector<std::string>{"request.submit", "request.approve", "member.add",
                                      "grant.activate", "request.member-seen", "request.active",
                                      "grant.revoke", "grant.absent-from-group", "grant.revoked"}));
  // Once more: what was revoked can be asked for again.
  const std::string again = tenant_.Grant(kAlice);
  EXPECT_NE(again, grant);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
}

TEST_P(StoryTest, ProhibitedBlocksAtOnce) {
  const std::string grant = tenant_.Grant(kAlice);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  const auto set = [&](const char* status) {
    tenant_.Get(kAdmin, {"trm", "set", "it-chat", status, "--decision", "TRM-IT-2", "--reason",
                         "A flaw was found"});
  };
  set("PROHIBITED");
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_EQ(tenant_.GrantState(grant), "SUSPENDED");
  EXPECT_EQ(Explain(kAlice), "ALLOW_EXPORT_ONLY TRM_PROHIBITED_EXPORT");
  EXPECT_EQ(Explain(kBob), "BLOCK TRM_PROHIBITED");
  EXPECT_EQ(Members(), Names{alice()}) << "a suspension is not a revocation";
  set("RESTRICTED");
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  EXPECT_EQ(tenant_.GrantState(grant), "ACTIVE");
  set("PERMITTED");
  EXPECT_TRUE(BobBecomes(Started::kRan));
}

TEST_P(StoryTest, ChangedByHandInTheDirectory) {
  tenant_.Grant(kAlice);
  tenant_.Grant(kBob);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  EXPECT_TRUE(BobBecomes(Started::kRan));
  RemoveByHand({alice()});
  const Json removed = Sync();
  EXPECT_EQ(removed.value("state", ""), "APPLIED");
  ASSERT_EQ(removed["removed"].size(), 1u) << removed;
  EXPECT_EQ(removed["removed"][0].value("upn", ""), kAlice);
  EXPECT_EQ(removed["removed"][0].value("why", ""), "left group");
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_EQ(Explain(kAlice), "BLOCK NO_GRANT");
  EXPECT_EQ(Bob(), Started::kRan);

  AddByHand({CrewAccount(1)});
  const Json added = Sync();
  ASSERT_EQ(added["added"].size(), 1u) << added;
  EXPECT_EQ(added["added"][0].value("upn", ""), CrewUpn(1));
  const Json grants = tenant_.Items({"grant", "list", "--person", CrewUpn(1)});
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].value("state", ""), "UNSANCTIONED");
}

TEST_P(StoryTest, AddedByHandStaysBlocked) {
  AddByHand({bob()});
  EXPECT_EQ(Sync().value("state", ""), "APPLIED");
  const Json grants = tenant_.Items({"grant", "list", "--person", kBob});
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].value("state", ""), "UNSANCTIONED");
  EXPECT_TRUE(laptop_.WaitForVerifiedPolicy(tenant_));
  EXPECT_EQ(Bob(), Started::kBlocked);
  EXPECT_EQ(Explain(kBob), "BLOCK NO_GRANT");
  const Json said = tenant_.Get(kServiceDesk, {"explain", "--person", kBob, "--device",
                                               laptop_.device(), "--app", "it-chat"});
  EXPECT_TRUE(absl::StrContains(said["chain"].dump(), "is UNSANCTIONED")) << said;
  // An approved request makes it good, under the same grant.
  EXPECT_EQ(tenant_.Grant(kBob), grants[0].value("grant_id", ""));
  EXPECT_TRUE(BobBecomes(Started::kRan));
}

TEST_P(StoryTest, ADirectoryThatCannotBeReadChangesNothing) {
  const std::string grant = tenant_.Grant(kAlice);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  tenant_.directory().Break();
  const Json before = Grants();
  const Answer sync = tenant_.Ask(kAdmin, {"directory", "sync"});
  // A server that is away may come back; a file that is no LDIF must be mended by somebody.
  EXPECT_EQ(sync.code(), GetParam() == DirectoryKind::kLdif ? 1 : 6) << sync;
  EXPECT_EQ(Grants(), before);
  EXPECT_EQ(Alice(), Started::kRan);
  EXPECT_EQ(Explain(kAlice), "ALLOW GRANT " + grant);
  const Json runs = tenant_.Items({"directory", "runs"});
  ASSERT_FALSE(runs.empty());
  EXPECT_EQ(runs.back().value("state", ""), "DISCARDED");
  EXPECT_TRUE(absl::StartsWith(runs.back().value("detail", ""), "PARTIAL: ")) << runs.back();

  // A revocation does not wait for the directory, nor is it forgotten.
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_EQ(tenant_.GrantState(grant), "REVOKING");
  const absl::Status healed = tenant_.directory().Heal();
  ASSERT_TRUE(healed.ok()) << healed;
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  EXPECT_EQ(Members(), Names{});
}

TEST_P(StoryTest, ApprovedWhileTheDirectoryIsAway) {
  const std::string request = tenant_.Submit(kAlice);
  tenant_.directory().Break();
  tenant_.Get(kApprover, {"request", "approve", request, "--reason", "Urgent"});
  EXPECT_TRUE(WaitUntil(kSoon, [&] {
    return absl::StrContains(tenant_.Get(kAdmin, {"request", "show", request}).value("detail", ""),
                             "trying again");
  }));
  EXPECT_EQ(tenant_.RequestState(request), "PROVISIONING");
  EXPECT_EQ(Alice(), Started::kBlocked);
  ASSERT_TRUE(tenant_.directory().Heal().ok());
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.RequestState(request) == "ACTIVE"; }));
  EXPECT_EQ(Members(), Names{alice()});
  EXPECT_TRUE(AliceBecomes(Started::kRan));
}

TEST_P(StoryTest, AMassRemovalWaitsForTwoPeople) {
  const std::string grant = tenant_.Grant(kAlice);
  std::vector<std::string> crew;
  for (int n = 1; n <= kCrew; ++n) crew.push_back(CrewAccount(n));
  AddByHand(crew);
  EXPECT_EQ(Sync()["added"].size(), crew.size());
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  const Json before = Grants();

  std::vector<std::string> gone(crew.begin(), crew.begin() + 5);
  gone.push_back(alice());
  RemoveByHand(gone);
  const Json held = Sync();
  EXPECT_EQ(held.value("state", ""), "HELD");
  EXPECT_EQ(held["removed"].size(), gone.size());
  const std::string run = held.value("run_id", "?");
  EXPECT_EQ(Grants(), before);
  EXPECT_EQ(Alice(), Started::kRan);
  EXPECT_EQ(Sync().value("run_id", ""), run) << "the same removals are held once";

  EXPECT_EQ(tenant_.Get(kApprover, {"directory", "release", run}).value("state", ""), "HELD");
  const Answer twice = tenant_.Ask(kApprover, {"directory", "release", run});
  EXPECT_EQ(twice.code(), 3) << twice;
  EXPECT_TRUE(absl::StrContains(twice.command.err, "another person must do so too")) << twice;
  EXPECT_EQ(Grants(), before);
  EXPECT_EQ(Alice(), Started::kRan);
  EXPECT_EQ(tenant_.Get(kSecond, {"directory", "release", run}).value("state", ""), "RELEASED");
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  EXPECT_EQ(tenant_.Items({"directory", "members", "it-chat"}).size(), crew.size() - 5);
  EXPECT_EQ(tenant_.Explain(kAlice, laptop_.device()), "BLOCK NO_GRANT") << grant;
  EXPECT_EQ(tenant_.Ask(kSecond, {"directory", "release", run}).code(), 3);
}

TEST_P(StoryTest, AnEmptiedGroupIsHeldAndCanBeDiscarded) {
  tenant_.Grant(kAlice);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  RemoveByHand({alice()});
  const Json held = Sync();
  EXPECT_EQ(held.value("state", ""), "HELD");
  EXPECT_TRUE(absl::StrContains(held.value("detail", ""), "held members and reads empty")) << held;
  EXPECT_EQ(Alice(), Started::kRan);
  const std::string run = held.value("run_id", "?");
  EXPECT_EQ(tenant_.Get(kApprover, {"directory", "discard", run}).value("state", ""), "DISCARDED");
  EXPECT_EQ(Alice(), Started::kRan);
  AddByHand({alice()});
  EXPECT_EQ(Sync().value("state", ""), "APPLIED");
  EXPECT_EQ(Alice(), Started::kRan);
  // Members that go because Muster took them out do not count as an emptied group.
  const std::string grant = tenant_.Items({"grant", "list", "--person", kAlice})[0]["grant_id"];
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));
  EXPECT_EQ(Sync().value("state", ""), "APPLIED");
}

}  // namespace
}  // namespace muster
