// What time and people make of requests and grants, over the real store and directory.
#include <gtest/gtest.h>

#include "controller/domain/grant.h"
#include "controller/flow/deadlines.h"
#include "controller/flow/training.h"
#include "tests/controller/flow/world.h"
#include "tests/support/days.h"

namespace muster {
namespace {

using Lines = std::vector<std::string>;
class GrantLifeTest : public World {
 protected:
  GrantLifeTest() {
    settings_.decision_times.escalate_to = {"soc-approver", "admin"};
    directory_->edit = [this](DirectorySnapshot& read) {
      read.persons.at(IdOf(kBob)).set_capstone(true);
      if (office_moved_) read.persons.at(IdOf(kAlice)).set_office("Field");
    };
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
  }

  v1::Request File(const std::string& person, bool break_glass = false,
                   absl::Duration term = 180 * kDay, const std::string& training = "2026-1") {
    const auto out = Submit(*services_, Who("desk"),
                            {.person_upn = person + "@agency.test",
                             .app_id = "whatsapp",
                             .ticket = absl::StrCat("INC", ++tickets_),
                             .justification = "liaison",
                             .training_acknowledged = training,
                             .break_glass = break_glass,
                             .term = term},
                            false);
    EXPECT_TRUE(out.ok()) << out.status();
    return out->request;
  }
  // An ACTIVE grant of alice's.
  std::string Granted(absl::Duration term = 180 * kDay) {
    const std::string id = File("alice", false, term).request_id();
    EXPECT_TRUE(ApproveBy("soc", id).ok());
    Settle();
    return RequestNow(id).grant_id();
  }
  absl::StatusOr<GrantOutcome> DecideOn(const std::string& grant, GrantVerb verb,
                                        const std::string& who = "second") {
    return DecideGrant(*services_, Who(who), {.verb = verb, .grant_id = grant, .reason = "r"},
                       false);
  }
  void Deadlines() {
    EXPECT_TRUE(RunDeadlines(*services_).ok());
    Settle();
  }
  std::string State(const std::string& grant) {
    return v1::Grant::State_Name(GrantNow(grant).state());
  }
  bool InGroup(const std::string& account) {
    return DirectoryText().find("member: uid=" + account + ",") != std::string::npos;
  }

  bool office_moved_ = false;
};

TEST_F(GrantLifeTest, RecertifiedOrLapsed) {
  const std::string laptop = EnrolDevice(TestDevice().key, "alice").device.device_id();
  const std::string grant = Granted();
  Deadlines();
  EXPECT_EQ(State(grant), "ACTIVE");
  clock_.Advance(150 * kDay);
  Deadlines();
  EXPECT_EQ(State(grant), "RECERT_DUE");
  EXPECT_EQ(Entitlements(laptop), Lines{grant + " whatsapp"});  // it still runs
  ASSERT_TRUE(DecideOn(grant, GrantVerb::kRecertify).ok());
  EXPECT_EQ(FromProto(GrantNow(grant).not_after()), clock_.Now() + 180 * kDay);
  clock_.Advance(165 * kDay);
  Deadlines();
  EXPECT_EQ(State(grant), "RECERT_DUE");
  EXPECT_EQ(Audited("grant.recert-reminder").size(), 1u);
  Deadlines();
  EXPECT_EQ(Audited("grant.recert-reminder").size(), 1u);  // not twice
  clock_.Advance(15 * kDay);
  Deadlines();
  EXPECT_EQ(State(grant), "REVOKING");
  EXPECT_FALSE(InGroup("alice"));
  EXPECT_EQ(Entitlements(laptop), Lines());
  const v1::AuditEntry revoked = Audited("grant.revoke").at(0);
  EXPECT_EQ(revoked.reason_code(), "LAPSED");
  EXPECT_EQ(revoked.transaction_id(), GrantNow(grant).transaction_id());
  EXPECT_EQ(Audited("grant.lapse").size(), 1u);
}

// Each commit on the way may be the last before a crash.
TEST_F(GrantLifeTest, ACrashBetweenAnyTwoStepsHeals) {
  for (int crash_at = 1; crash_at <= 3; ++crash_at) {
    const std::string grant = Granted();
    clock_.Advance(181 * kDay);
    store_->FailIn(crash_at);
    EXPECT_FALSE(RunDeadlines(*services_).ok()) << crash_at;
    Deadlines();
    EXPECT_EQ(State(grant), "REVOKED") << crash_at;
    EXPECT_FALSE(InGroup("alice"));
  }
  EXPECT_EQ(Audited("grant.lapse").size(), 3u);
  EXPECT_EQ(Audited("grant.revoke").size(), 3u);
}

TEST_F(GrantLifeTest, UndecidedIsEscalatedThenExpires) {
  const v1::Request request = File("alice");
  clock_.Advance(kDay);
  Deadlines();
  EXPECT_EQ(RequestNow(request.request_id()).escalated_to(), "soc-approver");
  clock_.Advance(kDay);
  Deadlines();
  EXPECT_EQ(RequestNow(request.request_id()).escalated_to(), "admin");
  clock_.Advance(28 * kDay);
  EXPECT_EQ(ApproveBy("soc", request.request_id()).code(),
            absl::StatusCode::kFailedPrecondition);  // before the timer ran
  Deadlines();
  EXPECT_EQ(RequestNow(request.request_id()).state(), v1::Request::EXPIRED_UNDECIDED);
  const auto escalations = Audited("request.escalate");
  ASSERT_EQ(escalations.size(), 2u);
  EXPECT_EQ(escalations[0].reason_code(), "SLA");
  EXPECT_EQ(escalations[0].transaction_id(), request.transaction_id());
  EXPECT_EQ(File("alice").state(), v1::Request::AWAITING_APPROVAL);  // may be filed anew
}

TEST_F(GrantLifeTest, BreakGlassOpensAtOnceAndEnds) {
  const std::string laptop = EnrolDevice(TestDevice().key, "alice").device.device_id();
  directory_->error = absl::UnavailableError("away");  // it needs no directory
  const std::string id = File("alice", true, absl::Hours(72), "").request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  EXPECT_EQ(RequestNow(id).state(), v1::Request::SECOND_APPROVAL);
  EXPECT_EQ(ApproveBy("soc", id).code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(ApproveBy("second", id).ok());
  const std::string grant = RequestNow(id).grant_id();
  Settle();
  EXPECT_EQ(State(grant), "BREAK_GLASS");
  EXPECT_EQ(Entitlements(laptop), Lines{grant + " whatsapp"});
  clock_.Advance(absl::Hours(72));
  EXPECT_EQ(Explain(*services_, *hub_, "alice@agency.test", laptop, "whatsapp")->verdict(),
            v1::Verdict::BLOCK);  // before any timer ran
  Deadlines();
  EXPECT_EQ(State(grant), "REVOKING");
  EXPECT_EQ(Entitlements(laptop), Lines());
  EXPECT_EQ(Audited("grant.revoke").at(0).reason_code(), "BREAK_GLASS_ENDED");
  // The review is still owed, by somebody who approved neither time.
  EXPECT_TRUE(OwesReview(GrantNow(grant)));
  EXPECT_EQ(DecideOn(grant, GrantVerb::kReviewAndEnd, "soc").status().code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(DecideOn(grant, GrantVerb::kReviewAndEnd, "bob").ok());
  EXPECT_FALSE(OwesReview(GrantNow(grant)));
  EXPECT_EQ(State(grant), "REVOKING");
  EXPECT_FALSE(DecideOn(grant, GrantVerb::kReviewAndEnd, "bob").ok());
}

TEST_F(GrantLifeTest, AReviewMakesBreakGlassOrdinary) {
  const std::string id = File("alice", true, absl::Hours(24), "").request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  ASSERT_TRUE(ApproveBy("second", id).ok());
  const std::string grant = RequestNow(id).grant_id();
  EXPECT_EQ(DecideOn(grant, GrantVerb::kReviewAndKeep, "soc").status().code(),
            absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(DecideOn(grant, GrantVerb::kReviewAndKeep, "bob").ok());
  EXPECT_EQ(State(grant), "ACTIVE");
  directory_->error = absl::UnavailableError("away");
  Settle();
  EXPECT_FALSE(InGroup("alice"));
  directory_->error = absl::OkStatus();
  Settle();
  EXPECT_TRUE(InGroup("alice"));
  EXPECT_TRUE(Sync().ok());
  Settle();
  EXPECT_EQ(State(grant), "ACTIVE");
  ASSERT_TRUE(RecordTraining(*services_, Who("desk"), id, "2026-1", false).ok());
  EXPECT_EQ(GrantNow(grant).training_acknowledged(), "2026-1");
}

TEST_F(GrantLifeTest, SuspendedAndLifted) {
  const std::string laptop = EnrolDevice(TestDevice().key, "alice").device.device_id();
  const std::string grant = Granted();
  ASSERT_TRUE(DecideOn(grant, GrantVerb::kSuspend).ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop), Lines());
  EXPECT_TRUE(InGroup("alice"));
  ASSERT_TRUE(DecideOn(grant, GrantVerb::kResume).ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop), Lines{grant + " whatsapp"});
}

TEST_F(GrantLifeTest, ACapstoneOfficialNeedsTwo) {
  const std::string id = File("bob").request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  EXPECT_EQ(RequestNow(id).state(), v1::Request::SECOND_APPROVAL);
  ASSERT_TRUE(ApproveBy("second", id).ok());
  Settle();
  const v1::Grant grant = GrantNow(RequestNow(id).grant_id());
  EXPECT_EQ(Lines(grant.approved_by_upn().begin(), grant.approved_by_upn().end()),
            (Lines{"soc@agency.test", "second@agency.test"}));
}

TEST_F(GrantLifeTest, AStaleRevisionDecidesNothing) {
  const v1::Request request = File("alice");
  const auto approve = [&](uint64_t revision) {
    return DecideRequest(*services_, Who("soc"),
                         {.decision = Decision::kApprove,
                          .request_id = request.request_id(),
                          .reason = "r",
                          .expected_revision = revision},
                         false)
        .status()
        .code();
  };
  EXPECT_EQ(approve(request.revision() - 1), absl::StatusCode::kAborted);
  ASSERT_TRUE(Decide("desk", Decision::kEscalate, request.request_id(), "").ok());
  EXPECT_EQ(approve(request.revision()), absl::StatusCode::kAborted);
  EXPECT_EQ(approve(0), absl::StatusCode::kOk);
}

TEST_F(GrantLifeTest, APersonWhoLeavesLosesTheGrant) {
  const std::string grant = Granted();
  WriteDirectory({"bob"}, {"alice"});
  Run();
  EXPECT_EQ(State(grant), "REVOKED");
}

// Somebody whom nobody asked for is adopted while a request is open: only one of the two may go on.
TEST_F(GrantLifeTest, AnApprovalTouchesNoOtherGrant) {
  breaks_store_ = true;
  WriteDirectory({"alice"});
  Run();
  const std::string grant = "GR-000001";
  EXPECT_EQ(State(grant), "UNSANCTIONED");
  const auto adopt = [&] {
    return AdoptGrant(*services_, Who("second"), grant, {"r", "INC-A", "2026-1"}, false);
  };
  const std::string id = File("alice").request_id();
  EXPECT_EQ(adopt().status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Decide("soc", Decision::kDeny, id, "no").ok());
  ASSERT_TRUE(adopt().ok());
  // An open request from before, as an older release would have left it.
  Mutation mutation;
  v1::Request open = RequestNow(id);
  open.set_state(v1::Request::AWAITING_APPROVAL);
  Put(mutation, RequestKey(id), open);
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  EXPECT_EQ(ApproveBy("soc", id).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(State(grant), "ACTIVE");
}

TEST_F(GrantLifeTest, ACapstoneMemberIsNotAdoptedByOne) {
  WriteDirectory({"bob"});
  Run();
  EXPECT_EQ(AdoptGrant(*services_, Who("second"), "GR-000001", {"r", "INC-A", "2026-1"}, false)
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
}

// The removal of the old grant must not take out the new one's member.
TEST_F(GrantLifeTest, NothingIsApprovedWhileTheOldIsStillInTheGroup) {
  const std::string first = Granted();
  directory_->error = absl::UnavailableError("away");
  ASSERT_TRUE(DecideOn(first, GrantVerb::kRevoke).ok());
  Settle();
  const std::string id = File("alice").request_id();
  EXPECT_EQ(ApproveBy("soc", id).code(), absl::StatusCode::kFailedPrecondition);
  directory_->error = absl::OkStatus();
  Settle();
  EXPECT_FALSE(InGroup("alice"));
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_TRUE(InGroup("alice"));
}

TEST_F(GrantLifeTest, ARevocationEndsTheRequestThatWaited) {
  const std::string id = File("alice", false, 180 * kDay, "").request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(RequestNow(id).state(), v1::Request::VERIFYING);
  ASSERT_TRUE(DecideOn(RequestNow(id).grant_id(), GrantVerb::kRevoke).ok());
  EXPECT_EQ(RequestNow(id).state(), v1::Request::CANCELLED);
  EXPECT_EQ(RequestNow(id).reason_code(), "GRANT_REVOKED");
  EXPECT_EQ(RecordTraining(*services_, Who("desk"), id, "2026-1", false).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(GrantLifeTest, ASuspensionDoesNotForgetTheOffice) {
  for (const bool suspended_before : {false, true}) {
    office_moved_ = false;
    Run();
    directory_->edit = [&](DirectorySnapshot& read) {
      read.persons.at(IdOf(kAlice)).set_office(office_moved_ ? "Field" : "HQ");
    };
    Run();
    const std::string grant = Granted();
    if (suspended_before) {
      ASSERT_TRUE(DecideOn(grant, GrantVerb::kSuspend).ok());
    }
    office_moved_ = true;
    Run();
    if (!suspended_before) {
      EXPECT_EQ(State(grant), "RECERT_DUE");
      ASSERT_TRUE(DecideOn(grant, GrantVerb::kSuspend).ok());
    }
    ASSERT_TRUE(DecideOn(grant, GrantVerb::kResume).ok());
    Deadlines();
    EXPECT_EQ(State(grant), "RECERT_DUE") << suspended_before;
    ASSERT_TRUE(DecideOn(grant, GrantVerb::kRevoke).ok());
    Settle();
  }
}

TEST_F(GrantLifeTest, AnAdoptedGrantIsTrainedByItself) {
  const std::string laptop = EnrolDevice(TestDevice().key, "alice").device.device_id();
  WriteDirectory({"alice"});
  Run();
  const std::string adopted = "GR-000001";
  const auto train = [&](const std::string& id, bool dry_run) {
    return RecordGrantTraining(*services_, Who("desk"), id, "2026-1", dry_run).status().code();
  };
  EXPECT_EQ(train(adopted, false), absl::StatusCode::kFailedPrecondition);  // not adopted yet
  ASSERT_TRUE(AdoptGrant(*services_, Who("second"), adopted, {"r", "INC-A", ""}, false).ok());
  Settle();
  EXPECT_EQ(Entitlements(laptop), Lines());
  EXPECT_EQ(train(adopted, true), absl::StatusCode::kOk);
  EXPECT_EQ(train(adopted, false), absl::StatusCode::kOk);
  Settle();
  EXPECT_EQ(Entitlements(laptop), Lines{adopted + " whatsapp"});
  EXPECT_EQ(GrantNow(adopted).training().recorded_by_upn(), "desk@agency.test");
  EXPECT_EQ(train("GR-9", false), absl::StatusCode::kNotFound);
  ASSERT_TRUE(DecideOn(adopted, GrantVerb::kRevoke).ok());
  EXPECT_EQ(train(adopted, false), absl::StatusCode::kFailedPrecondition);
  Settle();
  EXPECT_EQ(train(Granted(), false), absl::StatusCode::kFailedPrecondition);  // on its request
}

}  // namespace
}  // namespace muster
