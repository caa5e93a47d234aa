// The probes: when they run, what is signed, and a cohort that only monitors.
#include <gtest/gtest.h>

#include "common/agent_limits.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

using Result = v1::Canary::Result;

class ProofTest : public AgentTest {
 protected:
  // The PolicyReports that are due now: "documents: filesystem RESULT, ...".
  std::vector<std::string> Proofs() {
    std::vector<std::string> out;
    for (const v1::Report& r : TakeReports()) {
      if (!r.has_policy()) continue;
      std::string text = absl::StrCat(r.policy().documents_size(), ":");
      for (const v1::Canary& c : r.policy().canaries()) {
        absl::StrAppend(&text, " ", c.filesystem(), " ", v1::Canary::Result_Name(c.result()));
      }
      out.push_back(std::move(text));
    }
    return out;
  }
  void SendMonitored(uint64_t version, absl::Time until) {
    TestCohort cohort = tenant_.Cohort(version);
    *cohort.policy.mutable_monitor_until() = ToProto(until);
    cohort.policy.set_monitor_reason("pilot in the records office");
    Send({tenant_.Sign(tenant_.Assignment(version, false)), tenant_.Sign(cohort)});
  }
};
using Strings = std::vector<std::string>;

TEST_F(ProofTest, RunsAtTheStartOnEachPolicyAndOncePerHour) {
  EXPECT_EQ(Proofs(), Strings({"1: / BLOCKED"}));
  EXPECT_EQ(Proofs(), Strings());
  SendPolicy(true);
  EXPECT_EQ(enforcer_.proofs, 1);
  EXPECT_EQ(Proofs(), Strings({"3: / BLOCKED"})) << "all that changed is proven by one run";
  agent_->OnConnected();
  int reports = 0;
  for (int minute = 0; minute < 180; ++minute) {
    clock_.Advance(absl::Minutes(1));
    reports += static_cast<int>(Proofs().size());
  }
  EXPECT_EQ(reports, 3);
  EXPECT_EQ(enforcer_.proofs, 5);
}

TEST_F(ProofTest, WhatIsTheSameIsNotSpooledForNobody) {
  Proofs();
  clock_.Advance(limits::kCanaryInterval);
  EXPECT_EQ(Proofs(), Strings());
  EXPECT_EQ(enforcer_.proofs, 2) << "it ran";
  enforcer_.canaries = {MakeCanary("/", Result::Canary_Result_RAN)};
  clock_.Advance(limits::kCanaryInterval);
  EXPECT_EQ(Proofs(), Strings({"1: / RAN"})) << "another result is always told";
  ASSERT_EQ(Status().canaries_size(), 1);
  EXPECT_EQ(Status().canaries(0).result(), v1::Canary::RAN);
}

TEST_F(ProofTest, WhatRanIsTriedAgainSoonAndToldWhenItChanges) {
  Proofs();
  // To right after the hour of this device, which would be one more.
  for (int second = 0; second < 3'600 && enforcer_.proofs == 1; ++second) {
    clock_.Advance(absl::Seconds(1));
    Proofs();
  }
  enforcer_.canaries = {MakeCanary("/", Result::Canary_Result_RAN)};
  SendPolicy(true);
  EXPECT_EQ(Proofs(), Strings({"3: / RAN"}));
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Minutes(1));
  clock_.Advance(absl::Seconds(59));
  EXPECT_EQ(Proofs(), Strings());
  EXPECT_EQ(enforcer_.proofs, 3) << "not again and again";
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Proofs(), Strings()) << "nothing new";
  EXPECT_EQ(enforcer_.proofs, 4);
  enforcer_.canaries = {MakeCanary("/", v1::Canary::BLOCKED)};
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Proofs(), Strings({"3: / BLOCKED"}));
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(Proofs(), Strings());
  EXPECT_EQ(enforcer_.proofs, 5) << "the next is the hour's";
}

TEST_F(ProofTest, TheHourOfADeviceIsItsOwnAndSteady) {
  Proofs();
  agent_->OnConnected();
  absl::Time first = absl::InfiniteFuture();
  for (int i = 0; i < 3600 && first == absl::InfiniteFuture(); ++i) {
    clock_.Advance(absl::Seconds(1));
    if (!Proofs().empty()) first = clock_.Now();
  }
  ASSERT_NE(first, absl::InfiniteFuture());
  EXPECT_LE(agent_->Tick(), first + limits::kCanaryInterval);
  Restart();
  Proofs();
  agent_->OnConnected();
  clock_.Set(first + limits::kCanaryInterval - absl::Seconds(2));
  EXPECT_EQ(Proofs(), Strings());
  clock_.Advance(absl::Seconds(2));
  EXPECT_EQ(Proofs(), Strings({"1: / BLOCKED"})) << "also after a restart";
  clock_.Set(first - absl::Hours(50));
  EXPECT_EQ(Proofs(), Strings());
  clock_.Advance(limits::kCanaryInterval);
  EXPECT_EQ(Proofs().size(), 1u) << "a clock that was turned back puts off nothing";
}

TEST_F(ProofTest, ANewFilesystemIsProvenSoonAndTogetherWithOthers) {
  enforcer_.known.marked = {"/"};
  Proofs();
  agent_->OnMountsChanged();
  EXPECT_EQ(Proofs(), Strings());
  EXPECT_EQ(enforcer_.proofs, 1) << "nothing is new";
  enforcer_.known.marked = {"/", "/home"};
  enforcer_.canaries.push_back(MakeCanary("/home", v1::Canary::NOT_TRIED, "read-only"));
  agent_->OnMountsChanged();
  EXPECT_EQ(Proofs(), Strings());
  EXPECT_LE(agent_->Tick(), clock_.Now() + limits::kMinProofGap);
  clock_.Advance(limits::kMinProofGap);
  EXPECT_EQ(Proofs(), Strings({"1: / BLOCKED /home NOT_TRIED"}));
  EXPECT_EQ(enforcer_.proofs, 2);
}

TEST_F(ProofTest, AProofThatCouldNotBeSavedIsOwed) {
  Proofs();
  SendPolicy(true);
  store_.before_write = [](const std::string&) { return false; };
  agent_->ProveIfDue();
  agent_->ProveIfDue();
  EXPECT_EQ(enforcer_.proofs, 2) << "not again and again";
  store_.before_write = nullptr;
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Proofs(), Strings({"3: / BLOCKED"}));
}

TEST_F(ProofTest, ACohortMonitorsUntilTheSignedTimeAndNoLonger) {
  Proofs();
  const absl::Time until = clock_.Now() + absl::Minutes(30);
  SendMonitored(1, until);
  EXPECT_EQ(enforcer_.state.monitor_until, until);
  EXPECT_EQ(enforcer_.state.policy_version, "cohort/linux version 1");
  std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].policy().documents_size(), 3);
  EXPECT_EQ(reports[1].policy().canaries_size(), 0);
  EXPECT_EQ(reports[0].status().mode(), v1::StatusReport::MONITORING);
  EXPECT_EQ(FromProto(reports[0].status().monitor_until()), until);
  EXPECT_EQ(FromProto(Status().monitor_until()), until);
  EXPECT_EQ(Status().monitor_reason(), "pilot in the records office");
  EXPECT_EQ(enforcer_.proofs, 1) << "nothing is blocked, so nothing is tried";
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Minutes(1));
  const int kills = enforcer_.kills;
  clock_.Set(until);
  agent_->Tick();
  EXPECT_EQ(enforcer_.kills, kills + 1) << "what was let run ends";
  reports = TakeReports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_TRUE(reports[0].has_inventory()) << "with the app that the policy names";
  EXPECT_EQ(reports[1].status().mode(), v1::StatusReport::ENFORCING);
  EXPECT_FALSE(reports[1].status().has_monitor_until());
  EXPECT_EQ(reports[2].policy().canaries_size(), 1);
  EXPECT_FALSE(Status().has_monitor_until());
}

TEST_F(ProofTest, MonitoringEndsWithItsDocumentAndAClockTurnedBackDoesNotProlongIt) {
  SendMonitored(1, clock_.Now() + absl::Hours(24 * 20));
  const absl::Time end = FromProto(tenant_.Cohort(1).policy.header().not_after());
  EXPECT_EQ(enforcer_.state.monitor_until, end);
  const absl::Time until = clock_.Now() + absl::Minutes(30);
  SendMonitored(2, until);
  EXPECT_EQ(Status().mode(), v1::StatusReport::MONITORING);
  clock_.Set(until);
  v1::EmergencyDeny later = tenant_.Deny(1, {"chat"});
  *later.mutable_header()->mutable_issued_at() = ToProto(until);
  *later.mutable_header()->mutable_not_after() = ToProto(until + absl::Hours(1));
  Send({tenant_.Sign(later)});
  clock_.Set(until - absl::Minutes(20));
  EXPECT_EQ(Status().mode(), v1::StatusReport::ENFORCING);
  EXPECT_FALSE(
      enforcer_.state.policy->OnlyMonitors(0, enforcer_.state.monitor_until, clock_.Now()));
}

TEST_F(ProofTest, AnEmergencyDenyIsNotMonitoredAway) {
  SendMonitored(1, clock_.Now() + absl::Minutes(30));
  const auto only_monitors = [&](absl::Time now) {
    return enforcer_.state.policy->OnlyMonitors(0, enforcer_.state.monitor_until, now);
  };
  EXPECT_TRUE(only_monitors(clock_.Now()));
  EXPECT_FALSE(only_monitors(clock_.Now() + absl::Minutes(30)));
  v1::EmergencyDeny deny = tenant_.Deny(1, {"chat"});
  *deny.mutable_header()->mutable_not_after() = ToProto(clock_.Now() + absl::Minutes(10));
  Send({tenant_.Sign(deny)});
  EXPECT_TRUE(enforcer_.state.policy->EmergencyDenied(0, clock_.Now()));
  EXPECT_FALSE(only_monitors(clock_.Now()));
  EXPECT_TRUE(only_monitors(clock_.Now() + absl::Minutes(10))) << "it lapsed";
  Send({tenant_.Sign(tenant_.Deny(2, {}))});
  EXPECT_TRUE(only_monitors(clock_.Now())) << "it was lifted";
}

TEST_F(ProofTest, TamperingAndWhatTheKernelOffersAreTold) {
  TakeReports();
  for (size_t i = 0; i < limits::kMaxTampering + 1; ++i) {
    v1::Tampering t;
    t.set_what(absl::StrCat("try ", i));
    enforcer_.known.tampering.push_back(t);
  }
  enforcer_.known.capabilities = {"ignore marks: yes"};
  enforcer_.known.worker_restarts = 3;
  agent_->Tick();
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  const v1::StatusReport& status = reports[0].status();
  ASSERT_EQ(static_cast<size_t>(status.tampering_size()), limits::kMaxTampering);
  EXPECT_EQ(status.tampering(0).what(), "try 1");
  const v1::AgentStatus shown = Status();
  EXPECT_EQ(shown.tampering_size(), status.tampering_size());
  EXPECT_EQ(shown.capabilities(0), "ignore marks: yes");
  EXPECT_EQ(shown.worker_restarts(), 3u);
}

}  // namespace
}  // namespace muster::agent
