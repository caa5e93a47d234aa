#include "agent/flow/accept_policy.h"

#include <gtest/gtest.h>

#include "agent/flow/state_store.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

const absl::Time kNow = At("2026-03-01T12:00:00Z");

// "ack cohort/linux 1" or "nack assignment/dev-1 2 EXPIRED".
std::vector<std::string> Texts(const AcceptOutcome& outcome) {
  std::vector<std::string> out;
  for (const v1::AgentMessage& m : outcome.answers) {
    if (m.has_ack()) {
      out.push_back(absl::StrCat("ack ", m.ack().name(), " ", m.ack().version()));
    } else {
      out.push_back(
          absl::StrCat("nack ", m.nack().name(), " ", m.nack().version(), " ", m.nack().code()));
    }
  }
  return out;
}

using Strings = std::vector<std::string>;

class AcceptPolicyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.Write(kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
    acceptor_ = NewAcceptor();
    ASSERT_TRUE(acceptor_->Load().ok());
  }
  std::unique_ptr<PolicyAcceptor> NewAcceptor() {
    return std::make_unique<PolicyAcceptor>(
        tenant_.identity(), &store_, &clock_,
        [this](std::shared_ptr<const AcceptedPolicy> p) { applied_.push_back(std::move(p)); });
  }
  AcceptOutcome Accept(const std::vector<v1::SignedDoc>& docs) {
    return acceptor_->Accept(tenant_.UpdateOf(docs));
  }
  // Nothing changed: neither in force, nor on disk, nor after a restart.
  void ExpectUnchanged(const std::vector<v1::SignedDoc>& docs, const Strings& want) {
    const auto files = store_.files();
    const size_t applied = applied_.size();
    const AcceptOutcome outcome = Accept(docs);
    EXPECT_EQ(Texts(outcome), want);
    EXPECT_FALSE(outcome.changed);
    EXPECT_EQ(store_.files(), files);
    EXPECT_EQ(applied_.size(), applied);
  }

  FakeClock clock_{kNow};
  TestTenant tenant_{kNow};
  MemoryStateStore store_;
  std::vector<std::shared_ptr<const AcceptedPolicy>> applied_;
  std::unique_ptr<PolicyAcceptor> acceptor_;
};

TEST_F(AcceptPolicyTest, AcceptsInAnyOrderAndAcksTheHashes) {
  const v1::SignedDoc cohort = tenant_.Sign(tenant_.Cohort());
  const v1::SignedDoc assignment = tenant_.Sign(tenant_.Assignment(1, true));
  const AcceptOutcome outcome = Accept({assignment, cohort});
  EXPECT_EQ(Texts(outcome), (Strings{"ack cohort/linux 1", "ack assignment/dev-1 1"}));
  EXPECT_EQ(outcome.answers[0].ack().applied_sha256(), Sha256Hex(cohort.payload()));
  EXPECT_EQ(outcome.answers[0].ack().nonce(), 7u);
  ASSERT_EQ(applied_.size(), 2u);  // at load, and now: one swap for both
  EXPECT_EQ(applied_[1]->assignment->entitlements_size(), 1);
  // A restart finds the same.
  auto again = NewAcceptor();
  ASSERT_TRUE(again->Load().ok());
  ASSERT_EQ(again->current()->in_force.size(), 3u);
  EXPECT_EQ(again->current()->in_force[2].sha256(), Sha256Hex(assignment.payload()));
}

TEST_F(AcceptPolicyTest, RefusesWithItsCodeAndKeepsTheLastGood) {
  Accept({tenant_.Sign(tenant_.Cohort(5)), tenant_.Sign(tenant_.Assignment(5, true))});
  const TestTenant stranger(kNow);
  auto edited = [&](auto doc, auto edit) {
    edit(doc);
    return tenant_.Sign(doc);
  };
  v1::SignedDoc stripped = tenant_.Sign(tenant_.Cohort(6));
  stripped.clear_signatures();
  v1::SignedDoc flipped = tenant_.Sign(tenant_.Cohort(6));
  flipped.mutable_payload()->back() ^= 1;
  v1::SignedDoc retyped = tenant_.Sign(tenant_.Cohort(6));
  retyped.set_payload_type("muster.v1.DeviceAssignment");
  v1::SignedDoc unknown_type = tenant_.Sign(tenant_.Cohort(6));
  unknown_type.set_payload_type("muster.v1.Beacon");
  v1::SignedDoc huge = tenant_.Sign(tenant_.Cohort(6));
  huge.mutable_payload()->resize((1 << 20) + 1);
  v1::SignedDoc garbage;
  garbage.set_payload_type("muster.v1.CohortPolicy");
  garbage.set_payload("not a protobuf");
  v1::SignedDoc by_policy_key = *MakeSignedDoc(tenant_.Assignment(6, true), {tenant_.policy_key()});
  struct Case {
    v1::SignedDoc doc;
    const char* want;
  };
  const Case kCases[] = {
      {tenant_.Sign(tenant_.Cohort(4)), "nack cohort/linux 4 ROLLBACK"},
      {tenant_.Sign(tenant_.Cohort(5, v1::Trm::PERMITTED)), "nack cohort/linux 5 EQUIVOCATION"},
      {stranger.Sign(stranger.Cohort(6)), "nack cohort/linux 6 UNKNOWN_KEY"},
      {by_policy_key, "nack assignment/dev-1 6 ROLE"},
      {stripped, "nack cohort/linux 6 THRESHOLD"},
      {flipped, "nack cohort/linux 6 BAD_SIGNATURE"},
      {retyped, "nack cohort/linux 6 ROLE"},
      {unknown_type, "nack cohort/linux 6 WRONG_TYPE"},
      {huge, "nack  0 OVERSIZE"},
      {garbage, "nack  0 THRESHOLD"},
      {edited(tenant_.Cohort(6), [](auto& d) { d.clear_apps(); }), "nack cohort/linux 6 EMPTY"},
      {edited(tenant_.Cohort(6), [](auto& d) { d.set_platform(v1::Platform::IOS); }),
       "nack cohort/linux 6 WRONG_COHORT"},
      {edited(tenant_.Cohort(6), [](auto& d) { d.mutable_header()->set_name("cohort/ios"); }),
       "nack cohort/ios 6 WRONG_COHORT"},
      {edited(tenant_.Cohort(6), [](auto& d) { d.mutable_header()->set_tenant("other"); }),
       "nack cohort/linux 6 WRONG_TENANT"},
      {edited(tenant_.Cohort(6),
              [](auto& d) { *d.mutable_header()->mutable_not_after() = ToProto(kNow); }),
       "nack cohort/linux 6 EXPIRED"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_device_id("dev-2"); }),
       "nack assignment/dev-1 6 WRONG_DEVICE"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_certificate_key_sha256("00"); }),
       "nack assignment/dev-1 6 WRONG_DEVICE"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_cohort("cohort/windows"); }),
       "nack assignment/dev-1 6 WRONG_COHORT"},
      {tenant_.Sign(tenant_.Root(3)), "nack root 3 ROLLBACK"},
  };
  for (const Case& c : kCases) ExpectUnchanged({c.doc}, {c.want});
}

TEST_F(AcceptPolicyTest, OneBadDocumentDoesNotHoldUpTheGoodOne) {
  v1::SignedDoc bad = tenant_.Sign(tenant_.Cohort());
  bad.clear_signatures();
  const AcceptOutcome outcome = Accept({bad, tenant_.Sign(tenant_.Assignment(1, true))});
  EXPECT_EQ(Texts(outcome), (Strings{"nack cohort/linux 1 THRESHOLD", "ack assignment/dev-1 1"}));
  EXPECT_EQ(outcome.last_refused,
            "cohort/linux THRESHOLD: 0 of 1 needed keys of role policy signed");
  EXPECT_FALSE(acceptor_->current()->cohort.has_value());
  EXPECT_TRUE(acceptor_->current()->assignment.has_value());
}

TEST_F(AcceptPolicyTest, TheSameBytesAgainAreAcknowledgedAndChangeNothing) {
  const v1::SignedDoc cohort = tenant_.Sign(tenant_.Cohort());
  Accept({cohort});
  ExpectUnchanged({cohort}, {"ack cohort/linux 1"});
}

TEST_F(AcceptPolicyTest, WhatCannotBeSavedIsNotInForceAndNotAcknowledged) {
  Accept({tenant_.Sign(tenant_.Cohort(1))});
  store_.before_write = [](const std::string& name) { return name != kAcceptedFile; };
  ExpectUnchanged({tenant_.Sign(tenant_.Cohort(2))}, {"nack cohort/linux 2 NOT_SAVED"});
  store_.before_write = nullptr;
  // The refusal moved no floor: the same document is taken once there is room.
  EXPECT_EQ(Texts(Accept({tenant_.Sign(tenant_.Cohort(2))})), Strings{"ack cohort/linux 2"});
}

TEST_F(AcceptPolicyTest, TimeNeverRunsBackwards) {
  v1::CohortPolicy late = tenant_.Cohort(2);
  *late.mutable_header()->mutable_issued_at() = ToProto(kNow + absl::Hours(10));
  Accept({tenant_.Sign(late)});
  v1::DeviceAssignment old = tenant_.Assignment(1, true);
  *old.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(9));
  // The clock still says kNow, the highest signed date does not.
  ExpectUnchanged({tenant_.Sign(old)}, {"nack assignment/dev-1 1 EXPIRED"});
}

TEST_F(AcceptPolicyTest, ANewEpochOfTheRootRecoversFromADateFarAhead) {
  v1::CohortPolicy ahead = tenant_.Cohort(2);
  *ahead.mutable_header()->mutable_issued_at() = ToProto(kNow + absl::Hours(24 * 3650));
  *ahead.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(24 * 4000));
  Accept({tenant_.Sign(ahead)});
  ExpectUnchanged({tenant_.Sign(tenant_.Assignment(1, true))}, {"nack assignment/dev-1 1 EXPIRED"});
  v1::Root root = tenant_.Root(2);
  root.mutable_header()->set_epoch(2);
  *root.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(24 * 4000));
  EXPECT_EQ(Texts(Accept({tenant_.Sign(root), tenant_.Sign(tenant_.Assignment(1, true))})),
            (Strings{"ack root 2", "ack assignment/dev-1 1"}));
}

TEST_F(AcceptPolicyTest, ARootThatEndedVouchesOnlyForItsSuccessor) {
  clock_.Advance(absl::Hours(24));
  v1::CohortPolicy cohort = tenant_.Cohort();
  *cohort.mutable_header()->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(1));
  ExpectUnchanged({tenant_.Sign(cohort)}, {"nack cohort/linux 1 EXPIRED"});
  v1::Root root = tenant_.Root(2);
  *root.mutable_header()->mutable_not_after() = ToProto(clock_.Now() + absl::Hours(1));
  EXPECT_EQ(Texts(Accept({tenant_.Sign(root), tenant_.Sign(cohort)})),
            (Strings{"ack root 2", "ack cohort/linux 1"}));
}

TEST_F(AcceptPolicyTest, AnExpiredPolicyStaysInForceOverARestart) {
  Accept({tenant_.Sign(tenant_.Cohort()), tenant_.Sign(tenant_.Assignment(1, true))});
  clock_.Advance(absl::Hours(24 * 100));
  auto again = NewAcceptor();
  ASSERT_TRUE(again->Load().ok());
  EXPECT_TRUE(again->current()->cohort.has_value());
}

TEST_F(AcceptPolicyTest, DamagedStateIsSaidNotUsed) {
  v1::AcceptedState state = tenant_.Enrolled();
  *state.mutable_cohort() = tenant_.Sign(tenant_.Cohort());  // without its floor
  ASSERT_TRUE(store_.Write(kAcceptedFile, state.SerializeAsString()).ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(store_.Write(kAcceptedFile, "\xff\xff").ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(store_.Remove(kAcceptedFile).ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace muster::agent
