// The agent as a witness of the audit log: what it says in its Hello, reports and alarms.
#include <gtest/gtest.h>

#include "common/log_limits.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

using Strings = std::vector<std::string>;

class WitnessFlowTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    tenant_.NameLogKey();
    Enrol();
    tenant_.log().AddSome(5);
    SendPolicy(true);
    TakeReports();
  }
  // Under a root that outlives the days of these tests.
  void Enrol() {
    v1::Root root = tenant_.Root();
    *root.mutable_header()->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(1000));
    const v1::SignedDoc doc = tenant_.Sign(root);
    const auto verified = VerifyRoot(doc, nullptr, kTestTenant, Floor(), clock_.Now());
    ASSERT_TRUE(store_.Write(kAcceptedFile, FirstState(doc, *verified).SerializeAsString()).ok());
    Restart();
  }
  // Names nothing but the log; the device has seen `from` entries of it.
  void SendHead(uint64_t from) {
    tenant_.ProveLogFrom(from);
    SendBeacon(tenant_.Beacon(++version_, {}));
  }
  std::vector<v1::WitnessReport> TakeWitness() {
    std::vector<v1::WitnessReport> out;
    for (const v1::Report& r : TakeReports()) {
      if (r.has_witness()) out.push_back(r.witness());
    }
    return out;
  }
  std::vector<std::string> TakeWitnessTexts() {
    std::vector<std::string> out;
    for (const v1::WitnessReport& w : TakeWitness()) out.push_back(w.ShortDebugString());
    return out;
  }
  static std::string Text(const std::string& note, const std::string& refused = "",
                          const std::string& code = "", const std::string& detail = "") {
    v1::WitnessReport out;
    out.set_checkpoint(note);
    out.set_refused_checkpoint(refused);
    out.set_refused_code(code);
    out.set_refused_detail(detail);
    return out.ShortDebugString();
  }
  Strings Alarms() {
    const v1::AgentStatus status = Status();
    return {status.alarms().begin(), status.alarms().end()};
  }
  v1::SeenLog Saved() {
    v1::AcceptedState state;
    EXPECT_TRUE(state.ParseFromString(store_.files().at(kAcceptedFile)));
    return state.audit_log();
  }
  // What anybody on the device may read.
  v1::SeenLog Public() {
    v1::SeenLog seen;
    EXPECT_TRUE(seen.ParseFromString(store_.files().at(kSeenLogFile)));
    return seen;
  }

  uint64_t version_ = 0;
};

constexpr char kForkAlarm[] =
    "On 2026-03-01T12:00:00Z the controller's audit log did not continue what this device saw "
    "before (ROLLBACK). Tell the auditors; the evidence is shown by `muster-agent witness`.";

TEST_F(WitnessFlowTest, HelloSaysWhatTheNextBeaconHasToContinue) {
  v1::Hello hello = agent_->MakeHello().hello();
  EXPECT_EQ(hello.audit_size(), 0u);
  EXPECT_EQ(hello.audit_root(), "");
  SendHead(0);
  tenant_.log().AddSome(2);
  SendHead(5);
  for (int starts = 0; starts < 2; ++starts) {
    hello = agent_->MakeHello().hello();
    EXPECT_EQ(hello.audit_size(), 7u);
    EXPECT_EQ(hello.audit_root(), tenant_.log().Root(7));
    EXPECT_EQ(hello.audit_epoch(), 1u);
    Restart();
  }
}

TEST_F(WitnessFlowTest, ReportsTheFirstHeadAndThenOneADay) {
  SendHead(0);
  EXPECT_EQ(TakeWitnessTexts(), Strings{Text(tenant_.log().Note(5))});
  tenant_.log().AddSome(2);
  SendHead(5);
  EXPECT_EQ(TakeWitnessTexts(), Strings{});
  Restart();
  tenant_.log().AddSome(2);
  SendHead(7);
  EXPECT_EQ(TakeWitnessTexts(), Strings{}) << "when it was told is saved";
  clock_.Advance(limits::kWitnessInterval - absl::Seconds(1));
  tenant_.SetNow(clock_.Now());
  SendHead(9);
  EXPECT_EQ(TakeWitnessTexts(), Strings{});
  clock_.Advance(absl::Seconds(1));
  SendHead(9);
  EXPECT_EQ(TakeWitnessTexts(), Strings{Text(tenant_.log().Note(9))});
  clock_.Advance(-absl::Hours(1));
  SendHead(9);
  EXPECT_EQ(TakeWitnessTexts().size(), 1u) << "a clock that was turned back keeps nothing quiet";
}

TEST_F(WitnessFlowTest, ARefusedHeadIsAnAlarmAndReportedAtOnceAndThenDaily) {
  SendHead(0);
  TakeWitness();
  const std::string seen = tenant_.log().Note(5);
  const v1::AcceptedState before = [&] {
    v1::AcceptedState out;
    out.ParseFromString(store_.files().at(kAcceptedFile));
    return out;
  }();
  const LogFolder honest = tenant_.log();
  tenant_.log() = LogFolder(kTestTenant);
  tenant_.log().AddSome(3);
  SendHead(0);
  const std::string refused = Text(seen, tenant_.log().Note(3), "ROLLBACK",
                                   "the audit log has 3 entries, this device saw 5");
  EXPECT_EQ(TakeWitnessTexts(), Strings{refused});
  EXPECT_EQ(Alarms(), Strings{kForkAlarm});
  EXPECT_EQ(Status().last_refused(),
            "beacon ROLLBACK: the audit log has 3 entries, this device saw 5");
  EXPECT_EQ(Public().refused_checkpoint(), tenant_.log().Note(3));
  EXPECT_FALSE(Denied(20001)) << "the policy stays in force";
  EXPECT_TRUE(Denied(20002));

  // The same again is no news, nor is one head more of that log; nor does a start forget it.
  clock_.Advance(absl::Hours(1));
  SendHead(0);
  tenant_.log().AddSome(1);
  SendHead(0);
  EXPECT_EQ(TakeWitnessTexts(), Strings{});
  EXPECT_EQ(Alarms(), Strings{kForkAlarm});
  EXPECT_EQ(Saved().refused_checkpoint(), tenant_.log().Note(4)) << "the newest is kept";
  EXPECT_EQ(Saved().size(), before.audit_log().size());
  Restart();
  EXPECT_EQ(Alarms(), Strings{kForkAlarm});
  clock_.Advance(limits::kWitnessInterval - absl::Hours(1));
  tenant_.SetNow(clock_.Now());
  tenant_.log() = honest;
  SendHead(5);  // back to the honest log: that does not undo what was shown
  EXPECT_EQ(TakeWitnessTexts().size(), 1u);
  EXPECT_EQ(Alarms(), Strings{kForkAlarm});
  EXPECT_EQ(Saved().refused_code(), "ROLLBACK");
}

TEST_F(WitnessFlowTest, AnotherKindOfRefusalIsReportedAtOnceToo) {
  SendHead(0);
  LogFolder fork = tenant_.log();
  tenant_.log() = LogFolder(kTestTenant);
  SendHead(0);
  fork.Replace(2, "nothing happened");
  tenant_.log() = fork;
  SendHead(5);
  const std::vector<v1::WitnessReport> told = TakeWitness();
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].refused_code(), "");
  EXPECT_EQ(told[1].refused_code(), "ROLLBACK");
  EXPECT_EQ(told[2].refused_code(), "EQUIVOCATION");
  EXPECT_EQ(told[2].refused_checkpoint(), fork.Note(5));
}

TEST_F(WitnessFlowTest, WhatTheDiskDidNotTakeIsToldWithTheNextBeacon) {
  store_.before_write = [](const std::string& name) { return name == kAcceptedFile; };
  SendHead(0);
  store_.before_write = nullptr;
  EXPECT_EQ(TakeWitnessTexts(), Strings{});
  SendHead(5);
  EXPECT_EQ(TakeWitnessTexts(), Strings{Text(tenant_.log().Note(5))});
  // The report is there and the mark is not: no flood, and at worst it is told twice.
  clock_.Advance(limits::kWitnessInterval);
  tenant_.SetNow(clock_.Now());
  SendHead(5);
  TakeWitness();
  clock_.Advance(limits::kWitnessInterval);
  int saves = 0;
  store_.before_write = [&](const std::string& name) {
    return name != kAcceptedFile || ++saves == 1;  // the Beacon's; the mark's fails
  };
  tenant_.SetNow(clock_.Now());
  SendHead(5);
  SendHead(5);
  store_.before_write = nullptr;
  EXPECT_EQ(saves, 3) << "the Beacon's, the mark's, and that of a Beacon that was not saved";
  EXPECT_EQ(TakeWitnessTexts().size(), 1u);
  Restart();
  SendHead(5);
  EXPECT_EQ(TakeWitnessTexts().size(), 1u);
}

TEST_F(WitnessFlowTest, WithoutAKeyOfTheLogThereIsNothingToReport) {
  TestTenant without(clock_.Now());
  tenant_ = without;
  Enrol();
  SendHead(0);
  EXPECT_EQ(TakeWitnessTexts(), Strings{});
  EXPECT_EQ(Saved().root(), tenant_.log().Root(0));
  EXPECT_EQ(Saved().checkpoint(), "");
}

TEST_F(WitnessFlowTest, TheCopyForEverybodyIsMadeAnewAtAStart) {
  store_.before_write = [](const std::string& name) { return name != kSeenLogFile; };
  SendHead(0);
  EXPECT_FALSE(store_.files().contains(kSeenLogFile) && Public().size() == 5);
  store_.before_write = nullptr;
  Restart();
  EXPECT_EQ(Public().size(), 5u);
  EXPECT_EQ(Public().checkpoint(), tenant_.log().Note(5));
  EXPECT_FALSE(Public().has_told_at());
}

}  // namespace
}  // namespace muster::agent
