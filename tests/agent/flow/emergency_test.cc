// Emergency denies, and a device that is cut off for a month.
#include <gtest/gtest.h>

#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

TEST_F(AgentTest, AnEmergencyDenyEndsARunningGrantAndLapses) {
  SendPolicy(true);
  EXPECT_FALSE(Denied(20001));
  const int kills = enforcer_.kills;
  v1::EmergencyDeny deny = tenant_.Deny(1, {"chat"});
  *deny.mutable_header()->mutable_not_after() = ToProto(clock_.Now() + absl::Minutes(30));
  Send({tenant_.Sign(deny)});
  EXPECT_TRUE(Denied(20001));
  EXPECT_EQ(enforcer_.kills, kills + 1) << "running instances end now";
  EXPECT_EQ(Explain("chat", 20001).explanation().reason(), "EMERGENCY_DENY");
  EXPECT_EQ(Explain("nope", 20001).exit_code(), 5u);
  ASSERT_EQ(Status().emergency_denied_size(), 1);
  EXPECT_EQ(Status().emergency_denied(0), "chat");
  EXPECT_EQ(Status().warnings_size(), 0);
  Restart();
  EXPECT_TRUE(Denied(20001)) << "also after a restart, offline";
  clock_.Advance(absl::Minutes(30));
  agent_->Tick();
  EXPECT_FALSE(Denied(20001));
  EXPECT_EQ(Status().emergency_denied_size(), 0);
  EXPECT_FALSE(Status().policy_stale()) << "it lapses; nothing else ended";
}

TEST_F(AgentTest, AnAppThatNothingElseBlocksIsGatedAndLearned) {
  TestCohort open = tenant_.Cohort(1, v1::Trm::PERMITTED);
  open.content.clear_blocklist();
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(open)});
  agent_->Work();
  EXPECT_FALSE(store_.files().contains(kLearnedFile)) << "its copies do not matter";
  Send({tenant_.Sign(tenant_.Deny(1, {"chat"}))});
  EXPECT_TRUE(enforcer_.state.policy->CouldDeny(0));
  EXPECT_TRUE(Denied(20002));
  agent_->Work();
  EXPECT_EQ(enforcer_.state.candidates->FindHash(100, "aa", "/tmp/copy"), 0);
  Send({tenant_.Sign(tenant_.Deny(2, {}))});
  EXPECT_FALSE(Denied(20002));
  EXPECT_EQ(Status().emergency_denied_size(), 0);
}

TEST_F(AgentTest, WhatAnEmergencyDenyCannotReachIsSaid) {
  Send({tenant_.Sign(tenant_.Deny(1, {"chat", "ghost"}))});
  ASSERT_EQ(Status().warnings_size(), 2);
  EXPECT_EQ(Status().warnings(0),
            "the emergency deny of chat cannot be enforced: no catalogue has reached this device "
            "yet");
  SendPolicy(true);
  EXPECT_TRUE(Denied(20001)) << "it waited for the catalogue";
  ASSERT_EQ(Status().warnings_size(), 1);
  EXPECT_EQ(Status().warnings(0),
            "the emergency deny of ghost cannot be enforced: the catalogue of this device says "
            "nothing to know it by");
  bool told = false;
  for (const v1::Report& r : TakeReports()) {
    for (const std::string& why : r.status().cannot_enforce()) told |= why == Status().warnings(0);
  }
  EXPECT_TRUE(told) << "the controller hears of it too";
}

// Cohort 14 d, assignment 30 d, root 1 y, an entitlement for 20 d.
class OfflineTest : public AgentTest {
 protected:
  template <typename Doc>
  static void Lives(Doc& doc, absl::Time from, int days) {
    *doc.mutable_header()->mutable_issued_at() = ToProto(from);
    *doc.mutable_header()->mutable_not_after() = ToProto(from + absl::Hours(24 * days));
  }
  void SendLongLived(uint64_t version) {
    v1::Root root = tenant_.Root(version + 1);
    Lives(root, clock_.Now(), 365);
    v1::DeviceAssignment assignment = tenant_.Assignment(version, true);
    Lives(assignment, clock_.Now(), 30);
    v1::Entitlement* e = assignment.mutable_entitlements(0);
    *e->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(24 * 10));
    v1::Entitlement* longer = assignment.add_entitlements();
    *longer = *e;
    longer->set_grant_id("GRT-2");
    longer->set_person_id("id-bob");
    *longer->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(24 * 20));
    TestCohort cohort = tenant_.Cohort(version);
    Lives(cohort.policy, clock_.Now(), 14);
    // Blocked whoever asks, and not catalogued as restricted.
    v1::App* banned = cohort.content.add_apps();
    banned->set_id("banned");
    v1::AppIdentity* identity = banned->add_identities();
    identity->set_origin(v1::Origin::DPKG);
    identity->set_package_id("banned");
    cohort.content.add_blocklist("banned");
    root_ = tenant_.Sign(root);
    assignment_ = tenant_.Sign(assignment);
    cohort_ = tenant_.Sign(cohort);
    Send({root_, assignment_, cohort_});
  }
  bool BannedRuns() {
    const auto& policy = *enforcer_.state.policy;
    return !policy.Decide(*policy.FindApp("banned"), 20001, clock_.Now()).deny;
  }
  v1::SignedDoc root_, assignment_, cohort_;
};

TEST_F(OfflineTest, ThirtyDaysOfflineKeepsBlockingDropsGrantsAndCatchesUpAtOnce) {
  SendLongLived(1);
  SendBeacon(tenant_.Beacon(1, {root_, assignment_, cohort_}));
  struct Day {
    int day;
    bool alice, bob, stale;
  };
  // Alice's grant ends after 10 days; Bob's would after 20, but the cohort policy ends after 14.
  const Day kDays[] = {
      {0, true, true, false},   {1, true, true, false},   {9, true, true, false},
      {10, false, true, false}, {13, false, true, false}, {14, false, false, true},
      {20, false, false, true}, {30, false, false, true}, {31, false, false, true}};
  const absl::Time start = clock_.Now();
  for (const Day& d : kDays) {
    clock_.Set(start + absl::Hours(24 * d.day));
    agent_->Tick();
    EXPECT_EQ(!Denied(20001), d.alice) << d.day;
    EXPECT_EQ(!Denied(20002), d.bob) << d.day;
    EXPECT_FALSE(BannedRuns()) << d.day;
    EXPECT_EQ(Status().policy_stale(), d.stale) << d.day;
    EXPECT_EQ(Status().stale_because().empty(), d.day == 0) << "the beacon lives a day";
    if (d.day % 10 == 0) Restart();
  }
  const v1::AgentStatus late = Status();
  EXPECT_EQ((std::vector<std::string>{late.stale_because().begin(), late.stale_because().end()}),
            (std::vector<std::string>{"the beacon ended 2026-03-02T12:00:00Z",
                                      "cohort/linux ended 2026-03-15T12:00:00Z",
                                      "assignment/dev-1 ended 2026-03-31T12:00:00Z"}));
  tenant_.SetNow(clock_.Now());
  SendLongLived(2);
  SendBeacon(tenant_.Beacon(2, {root_, assignment_, cohort_}));
  EXPECT_FALSE(Denied(20001));
  EXPECT_FALSE(Denied(20002));
  EXPECT_FALSE(BannedRuns());
  EXPECT_EQ(Status().stale_because_size(), 0);
}

}  // namespace
}  // namespace muster::agent
