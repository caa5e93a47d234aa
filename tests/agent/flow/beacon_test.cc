// The Beacon: what it proves, what it contradicts, and that nothing is decided by it.
#include <gtest/gtest.h>

#include "common/limits.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

using Strings = std::vector<std::string>;

class BeaconTest : public AgentTest {
 protected:
  void SetUp() override {
    AgentTest::SetUp();
    root_ = tenant_.Sign(tenant_.Root());
    ASSERT_TRUE(store_.Write(kAcceptedFile, EnrolledWith(root_)).ok());
    Restart();
    assignment_ = tenant_.Sign(tenant_.Assignment(1, true));
    cohort_ = tenant_.Sign(tenant_.Cohort(5));
    Send({assignment_, cohort_});
    agent_->outbox().Open(v1::AgentMessage());
    agent_->outbox().Take();
  }
  std::string EnrolledWith(const v1::SignedDoc& root) {
    return FirstState(root, *VerifyRoot(root, nullptr, kTestTenant, Floor(), clock_.Now()))
        .SerializeAsString();
  }
  std::vector<v1::SignedDoc> Mine() { return {root_, assignment_, cohort_}; }
  // "ack", or the code of the Nack.
  std::string Answer(const v1::BeaconUpdate& beacon) {
    SendBeacon(beacon);
    for (;;) {
      const v1::AgentMessage m = *agent_->outbox().Take();
      if (m.has_ack() && m.ack().name() == "beacon") return "ack";
      if (m.has_nack()) return m.nack().code();
    }
  }
  Strings Stale() {
    const v1::AgentStatus status = Status();
    return {status.stale_because().begin(), status.stale_because().end()};
  }

  v1::SignedDoc root_, assignment_, cohort_;
};

TEST_F(BeaconTest, ProvesEveryDocumentUntilItsEndAndOverARestart) {
  EXPECT_EQ(Stale(), Strings{"no beacon has reached this device yet"});
  TakeReports();
  const int kills = enforcer_.kills;
  EXPECT_EQ(Answer(tenant_.Beacon(1, Mine())), "ack");
  EXPECT_EQ(enforcer_.kills, kills) << "nothing that is enforced has changed";
  EXPECT_TRUE(TakeReports().empty()) << "every 15 minutes, on every device";
  EXPECT_EQ(Stale(), Strings{});
  EXPECT_EQ(FromProto(Status().fresh_until()), tenant_.now() + absl::Hours(24));
  EXPECT_EQ(store_.files().count(kBeaconFile), 1u);
  Restart();
  EXPECT_EQ(Stale(), Strings{});
}

TEST_F(BeaconTest, AnExpiredOneOnlyShowsStale) {
  v1::Root root = tenant_.Root(2);
  TestCohort cohort = tenant_.Cohort(6);
  v1::DeviceAssignment assignment = tenant_.Assignment(2, true);
  for (v1::DocumentHeader* h :
       {root.mutable_header(), cohort.policy.mutable_header(), assignment.mutable_header()}) {
    *h->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(1000));
  }
  *assignment.mutable_entitlements(0)->mutable_not_after() =
      ToProto(clock_.Now() + absl::Hours(900));
  root_ = tenant_.Sign(root);
  assignment_ = tenant_.Sign(assignment);
  cohort_ = tenant_.Sign(cohort);
  Send({root_, assignment_, cohort_});
  Answer(tenant_.Beacon(1, Mine()));
  clock_.Advance(absl::Hours(24));
  EXPECT_EQ(Stale(), Strings{"the beacon ended 2026-03-02T12:00:00Z"});
  EXPECT_FALSE(Status().policy_stale());
  EXPECT_FALSE(Denied(20001));
  EXPECT_TRUE(Denied(20002));
}

TEST_F(BeaconTest, ShowsWhatThisDeviceIsKeptFrom) {
  const v1::SignedDoc deny = tenant_.Sign(tenant_.Deny(3, {"chat"}));
  const v1::SignedDoc newer = tenant_.Sign(tenant_.Cohort(8));
  EXPECT_EQ(Answer(tenant_.Beacon(1, {root_, newer, deny})), "ack");
  EXPECT_EQ(Stale(),
            (Strings{"behind: the beacon names cohort/linux version 1.8, this device has version "
                     "1.5",
                     "the beacon proves nothing about assignment/dev-1",
                     "behind: the beacon names emergency-deny version 1.3, this device has none"}));
  EXPECT_FALSE(Status().has_fresh_until());
  Send({newer, deny});
  EXPECT_EQ(Stale(), Strings{"the beacon proves nothing about assignment/dev-1"});
}

TEST_F(BeaconTest, ADocumentThatCameAfterItIsFine) {
  EXPECT_EQ(Answer(tenant_.Beacon(1, Mine())), "ack");
  Send({tenant_.Sign(tenant_.Cohort(6))});
  EXPECT_EQ(Stale(), Strings{});
  EXPECT_EQ(Status().alarms_size(), 0);
}

TEST_F(BeaconTest, OneVersionWithTwoContentsIsAnAlarm) {
  const v1::SignedDoc fork = tenant_.Sign(tenant_.Cohort(5, v1::Trm::PERMITTED));
  EXPECT_EQ(Answer(tenant_.Beacon(2, {root_, assignment_, fork})), "EQUIVOCATION");
  ASSERT_EQ(Status().alarms_size(), 1);
  EXPECT_EQ(Status().alarms(0), absl::StrCat("beacon EQUIVOCATION: cohort/linux version 1.5 is ",
                                             Sha256Hex(cohort_.payload()), " here and ",
                                             Sha256Hex(fork.payload()), " in the beacon"));
  EXPECT_EQ(Stale(), Strings{"no beacon has reached this device yet"}) << "nothing was saved";
  // The same the other way round: the Beacon first, then the document.
  Answer(tenant_.Beacon(2, {root_, assignment_, tenant_.Sign(tenant_.Cohort(6))}));
  Send({tenant_.Sign(tenant_.Cohort(6, v1::Trm::PERMITTED))});
  EXPECT_EQ(Status().alarms_size(), 2);
  EXPECT_EQ(Stale(), Strings{"the beacon names other contents for cohort/linux version 1.6"});
}

TEST_F(BeaconTest, RefusedWithItsCode) {
  ASSERT_EQ(Answer(tenant_.Beacon(5, Mine())), "ack");
  v1::BeaconUpdate wrong_path = tenant_.Beacon(6, Mine());
  wrong_path.mutable_proofs(0)->mutable_path(0)->front() ^= 1;
  v1::BeaconUpdate another_leaf = tenant_.Beacon(6, Mine());
  another_leaf.mutable_proofs(2)->mutable_leaf()->set_version(9);
  v1::BeaconUpdate many = tenant_.Beacon(6, Mine());
  while (static_cast<size_t>(many.proofs_size()) <= limits::kMaxProofs) {
    *many.add_proofs() = many.proofs(0);
  }
  v1::BeaconUpdate stripped = tenant_.Beacon(6, Mine());
  stripped.mutable_beacon()->clear_signatures();
  v1::BeaconUpdate not_one = tenant_.Beacon(6, Mine());
  *not_one.mutable_beacon() = cohort_;
  v1::Beacon headless;
  headless.ParseFromString(tenant_.Beacon(6, Mine()).beacon().payload());
  headless.clear_merkle_root();
  v1::BeaconUpdate without_head;
  *without_head.mutable_beacon() = tenant_.Sign(headless);
  v1::Beacon other = headless;
  other.set_merkle_root(std::string(32, 'x'));
  v1::BeaconUpdate by_policy_key;
  *by_policy_key.mutable_beacon() = *MakeSignedDoc(other, {tenant_.policy_key()});
  const std::pair<v1::BeaconUpdate, const char*> kCases[] = {
      {tenant_.Beacon(4, Mine()), "ROLLBACK"},
      {tenant_.Beacon(5, {}), "EQUIVOCATION"},
      {wrong_path, "NOT_NAMED"},
      {another_leaf, "NOT_NAMED"},
      {many, "OVERSIZE"},
      {stripped, "THRESHOLD"},
      {not_one, "WRONG_TYPE"},
      {without_head, "MALFORMED"},
      {by_policy_key, "ROLE"},
      {v1::BeaconUpdate(), "WRONG_TYPE"},
  };
  const auto accepted = store_.files().at(kAcceptedFile);
  for (const auto& [beacon, want] : kCases) {
    EXPECT_EQ(Answer(beacon), want);
    EXPECT_EQ(store_.files().at(kAcceptedFile), accepted) << want;
  }
}

TEST_F(BeaconTest, ItsDateIsAFloorOfTimeForEntitlements) {
  EXPECT_FALSE(Denied(20001));
  tenant_.SetNow(clock_.Now() + absl::Hours(1));  // when the entitlement ends
  Answer(tenant_.Beacon(1, Mine()));
  EXPECT_TRUE(Denied(20001)) << "the clock of this device was turned back";
}

TEST_F(BeaconTest, AFullDiskIsSaidAndTheNextOneIsTaken) {
  store_.before_write = [](const std::string&) { return false; };
  EXPECT_EQ(Answer(tenant_.Beacon(1, Mine())), "NOT_SAVED");
  store_.before_write = nullptr;
  EXPECT_EQ(Answer(tenant_.Beacon(1, Mine())), "ack");
}

}  // namespace
}  // namespace muster::agent
