// Verify, save, in force, acknowledge: documents without their chunks' comings and goings.
#include <gtest/gtest.h>

#include "tests/agent/flow/accept_fixture.h"

namespace muster::agent {
namespace {

TEST_F(AcceptPolicyTest, AcceptsInAnyOrderAndAcksTheHashes) {
  const v1::SignedDoc cohort = tenant_.Sign(tenant_.Cohort());
  const v1::SignedDoc assignment = tenant_.Sign(tenant_.Assignment(1, true));
  const v1::SignedDoc deny = tenant_.Sign(tenant_.Deny(1, {"chat"}));
  const v1::SignedDoc root = tenant_.Sign(tenant_.Root(2));
  const AcceptOutcome outcome = Accept({cohort, assignment, deny, root});
  EXPECT_EQ(Texts(outcome), (Strings{"ack root 2", "ack emergency-deny 1", "ack assignment/dev-1 1",
                                     "ack cohort/linux 1"}));
  EXPECT_EQ(outcome.answers[3].ack().applied_sha256(), Sha256Hex(cohort.payload()));
  EXPECT_EQ(outcome.answers[3].ack().nonce(), 7u);
  ASSERT_EQ(applied_.size(), 3u);  // at load, at the update, and with the last chunk
  EXPECT_EQ(applied_[1]->assignment->entitlements_size(), 1);
  EXPECT_FALSE(applied_[1]->cohort.has_value());
  EXPECT_EQ(applied_[2]->content.apps(0).id(), "chat");
  // A restart finds the same.
  Restart();
  Strings names;
  for (const v1::PolicyReport::InForce& f : acceptor_->current()->in_force) {
    names.push_back(f.name());
  }
  EXPECT_EQ(names, (Strings{"root", "cohort/linux", "assignment/dev-1", "emergency-deny"}));
  EXPECT_EQ(acceptor_->current()->HashOf("assignment/dev-1"), Sha256Hex(assignment.payload()));
  EXPECT_EQ(acceptor_->current()->content.SerializeAsString(),
            applied_[2]->content.SerializeAsString());
  const auto files = store_.files();
  EXPECT_EQ(files.at(kCohortFile), cohort.SerializeAsString());
  EXPECT_EQ(files.at(kRootFile), root.SerializeAsString());
  EXPECT_EQ(files.at(kEmergencyDenyFile), deny.SerializeAsString());
}

TEST_F(AcceptPolicyTest, RefusesWithItsCodeAndKeepsTheLastGood) {
  Accept({tenant_.Sign(tenant_.Cohort(5)), tenant_.Sign(tenant_.Assignment(5, true))});
  const TestTenant stranger(kNow);
  auto edited = [&](auto doc, auto edit) {
    edit(doc);
    return tenant_.Sign(doc);
  };
  auto cohort = [&](auto edit) {
    TestCohort out = tenant_.Cohort(6);
    edit(out.policy);
    return tenant_.Sign(out);
  };
  v1::SignedDoc stripped = tenant_.Sign(tenant_.Cohort(6));
  stripped.clear_signatures();
  v1::SignedDoc flipped = tenant_.Sign(tenant_.Cohort(6));
  flipped.mutable_payload()->back() ^= 1;
  v1::SignedDoc retyped = tenant_.Sign(tenant_.Cohort(6));
  retyped.set_payload_type("muster.v1.DeviceAssignment");
  v1::SignedDoc unknown_type = tenant_.Sign(tenant_.Cohort(6));
  unknown_type.set_payload_type("muster.v1.Report");
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
      {edited(tenant_.Cohort(6).policy, [](auto&) {}), "nack cohort/linux 6 EMPTY"},
      {edited(tenant_.Cohort(6).policy,
              [](auto& d) {
                d.add_chunks()->set_sha256(std::string(64, 'a'));
                d.mutable_chunks(0)->set_size((64 << 10) + 1);
              }),
       "nack cohort/linux 6 OVERSIZE"},
      {edited(tenant_.Cohort(6).policy,
              [](auto& d) {
                d.add_chunks()->set_sha256("../../../accepted.pb");
                d.mutable_chunks(0)->set_size(1);
              }),
       "nack cohort/linux 6 MALFORMED"},
      {cohort([](auto& d) { d.set_platform(v1::Platform::IOS); }),
       "nack cohort/linux 6 WRONG_COHORT"},
      {cohort([](auto& d) { d.mutable_header()->set_name("cohort/ios"); }),
       "nack cohort/ios 6 WRONG_COHORT"},
      {cohort([](auto& d) { d.mutable_header()->set_tenant("other"); }),
       "nack cohort/linux 6 WRONG_TENANT"},
      {cohort([](auto& d) {
         *d.mutable_header()->mutable_issued_at() = ToProto(kNow - absl::Hours(1));
         *d.mutable_header()->mutable_not_after() = ToProto(kNow);
       }),
       "nack cohort/linux 6 EXPIRED"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_device_id("dev-2"); }),
       "nack assignment/dev-1 6 WRONG_DEVICE"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_certificate_key_sha256("00"); }),
       "nack assignment/dev-1 6 WRONG_DEVICE"},
      {edited(tenant_.Assignment(6, true), [](auto& d) { d.set_cohort("cohort/windows"); }),
       "nack assignment/dev-1 6 WRONG_COHORT"},
      {tenant_.Sign(tenant_.Root(3)), "nack root 3 ROLLBACK"},
      {cohort([](auto& d) { d.mutable_header()->set_epoch(2); }), "nack cohort/linux 6 NOT_NAMED"},
      {cohort([](auto& d) { d.mutable_header()->set_epoch(0); }), "nack cohort/linux 6 ROLLBACK"},
      {edited(tenant_.Deny(6, {"chat"}), [](auto& d) { d.clear_app_ids(); }),
       "nack emergency-deny 6 EMPTY"},
      {edited(tenant_.Deny(6, {"chat"}), [](auto& d) { d.set_lifts_all(true); }),
       "nack emergency-deny 6 MALFORMED"},
      {*MakeSignedDoc(tenant_.Deny(6, {"chat"}), {tenant_.policy_key()}),
       "nack emergency-deny 6 ROLE"},
      {*MakeSignedDoc(tenant_.Cohort(6).policy, {tenant_.emergency_key()}),
       "nack cohort/linux 6 ROLE"},
      {tenant_.Beacon(6, {}).beacon(), "nack beacon 6 WRONG_TYPE"},
  };
  for (const Case& c : kCases) ExpectUnchanged({c.doc}, {c.want});
}

TEST_F(AcceptPolicyTest, OneBadDocumentDoesNotHoldUpTheGoodOne) {
  v1::SignedDoc bad = tenant_.Sign(tenant_.Cohort());
  bad.clear_signatures();
  const AcceptOutcome outcome = Accept({bad, tenant_.Sign(tenant_.Assignment(1, true))});
  EXPECT_EQ(Texts(outcome), (Strings{"nack cohort/linux 1 THRESHOLD", "ack assignment/dev-1 1"}));
  EXPECT_EQ(outcome.answers[0].nack().sha256(), Sha256Hex(bad.payload()));
  EXPECT_EQ(outcome.last_refused,
            "cohort/linux THRESHOLD: 0 of 1 needed keys of role policy signed");
  EXPECT_FALSE(acceptor_->current()->cohort.has_value());
  EXPECT_TRUE(acceptor_->current()->assignment.has_value());
}

TEST_F(AcceptPolicyTest, TheSameBytesAgainAreAcknowledgedAndChangeNothing) {
  Assign();
  const v1::SignedDoc cohort = tenant_.Sign(tenant_.Cohort());
  Accept({cohort});
  ExpectUnchanged({cohort}, {"ack cohort/linux 1"});
}

TEST_F(AcceptPolicyTest, ACohortThatNoAssignmentNamesIsRefused) {
  ExpectUnchanged({tenant_.Sign(tenant_.Cohort())}, {"nack cohort/linux 1 NOT_NAMED"});
}

TEST_F(AcceptPolicyTest, WhatCannotBeSavedIsNotInForceAndNotAcknowledged) {
  Accept({tenant_.Sign(tenant_.Assignment(1, true)), tenant_.Sign(tenant_.Cohort(1))});
  store_.before_write = [](const std::string& name) { return name != kAcceptedFile; };
  ExpectUnchanged({tenant_.Sign(tenant_.Cohort(2))}, {"nack cohort/linux 2 NOT_SAVED"});
  // Its chunks are others: they need the assignment that could not be saved.
  ExpectUnchanged({tenant_.Sign(tenant_.Assignment(2, false)),
                   tenant_.Sign(tenant_.Cohort(2, v1::Trm::PERMITTED))},
                  {"nack assignment/dev-1 2 NOT_SAVED", "nack cohort/linux 2 NOT_SAVED"});
  store_.before_write = nullptr;
  // The refusal moved no floor: the same document is taken once there is room.
  EXPECT_EQ(Texts(Accept({tenant_.Sign(tenant_.Cohort(2))})), Strings{"ack cohort/linux 2"});
}

TEST_F(AcceptPolicyTest, TimeNeverRunsBackwards) {
  v1::EmergencyDeny late = tenant_.Deny(2, {"chat"});
  *late.mutable_header()->mutable_issued_at() = ToProto(kNow + absl::Hours(10));
  Accept({tenant_.Sign(late)});
  v1::DeviceAssignment old = tenant_.Assignment(1, true);
  *old.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(9));
  // The clock still says kNow, the highest signed date does not.
  ExpectUnchanged({tenant_.Sign(old)}, {"nack assignment/dev-1 1 EXPIRED"});
}

// A stolen policy key has signed the highest version there is, dated far ahead.
TEST_F(AcceptPolicyTest, ANewEpochOfTheRootRecoversFromAFastForward) {
  Assign();
  TestCohort ahead = tenant_.Cohort(UINT64_MAX);
  *ahead.policy.mutable_header()->mutable_issued_at() = ToProto(kNow + absl::Hours(24 * 3650));
  *ahead.policy.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(24 * 4000));
  v1::Root long_root = tenant_.Root(2);
  *long_root.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(24 * 4000));
  Accept({tenant_.Sign(long_root), tenant_.Sign(ahead)});
  ASSERT_EQ(acceptor_->current()->cohort->header().version(), UINT64_MAX);
  ExpectUnchanged({tenant_.Sign(tenant_.Assignment(2, true))}, {"nack assignment/dev-1 2 EXPIRED"});
  ExpectUnchanged({tenant_.Sign(tenant_.Cohort(7))}, {"nack cohort/linux 7 EXPIRED"});
  const v1::SignedDoc by_old_key = tenant_.Sign(tenant_.Cohort(8));
  tenant_.ReplacePolicyKey();
  tenant_.SetEpoch(2);
  v1::Root root = tenant_.Root(3);
  *root.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(24 * 4000));
  EXPECT_EQ(Texts(Accept({tenant_.Sign(root)})), Strings{"ack root 3"});
  EXPECT_TRUE(acceptor_->current()->cohort.has_value()) << "in force until it is replaced";
  ExpectUnchanged({by_old_key}, {"nack cohort/linux 8 UNKNOWN_KEY"});
  EXPECT_EQ(Texts(Accept({tenant_.Sign(tenant_.Assignment(1, true)),
                          tenant_.Sign(tenant_.Cohort(1, v1::Trm::PROHIBITED))})),
            (Strings{"ack assignment/dev-1 1", "ack cohort/linux 1"}));
  tenant_.SetEpoch(1);
  ExpectUnchanged({tenant_.Sign(tenant_.Assignment(9, true))},
                  {"nack assignment/dev-1 9 ROLLBACK"});
}

TEST_F(AcceptPolicyTest, ARootThatEndedVouchesOnlyForItsSuccessor) {
  Assign();
  clock_.Advance(absl::Hours(24));
  tenant_.SetNow(clock_.Now());
  const v1::SignedDoc cohort = tenant_.Sign(tenant_.Cohort());
  ExpectUnchanged({cohort}, {"nack cohort/linux 1 EXPIRED"});
  // One by one, in any order, over roots that ended meanwhile.
  v1::Root ended = tenant_.Root(2);
  *ended.mutable_header()->mutable_issued_at() = ToProto(kNow);
  *ended.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(1));
  EXPECT_EQ(Texts(Accept({tenant_.Sign(tenant_.Root(3)), cohort, tenant_.Sign(ended)})),
            (Strings{"ack root 2", "ack root 3", "ack cohort/linux 1"}));
  ExpectUnchanged({tenant_.Sign(ended)}, {"nack root 2 ROLLBACK"});
}

TEST_F(AcceptPolicyTest, UnderAStepThatEndedNothingIsTaken) {
  clock_.Advance(absl::Hours(24));
  v1::Root ended = tenant_.Root(2);
  tenant_.SetNow(clock_.Now());
  EXPECT_EQ(Texts(Accept({tenant_.Sign(ended), tenant_.Sign(tenant_.Assignment(1, true))})),
            (Strings{"nack assignment/dev-1 1 EXPIRED", "ack root 2"}));
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
  *state.mutable_assignment() = tenant_.Sign(tenant_.Assignment(1, true));  // without its floor
  ASSERT_TRUE(store_.Write(kAcceptedFile, state.SerializeAsString()).ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kDataLoss);
  Accept({tenant_.Sign(tenant_.Assignment(1, true)), tenant_.Sign(tenant_.Cohort())});
  ASSERT_TRUE(state.ParseFromString(store_.files().at(kAcceptedFile)));
  state.mutable_chunks(0)->back() ^= 1;
  ASSERT_TRUE(store_.Write(kAcceptedFile, state.SerializeAsString()).ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(store_.Write(kAcceptedFile, "\xff\xff").ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(store_.Remove(kAcceptedFile).ok());
  EXPECT_EQ(NewAcceptor()->Load().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace muster::agent
