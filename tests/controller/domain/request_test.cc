#include "controller/domain/request.h"

#include <gtest/gtest.h>

#include <map>

#include "common/limits.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

// Every arrow of DESIGN section 4; every other pair of state and event is refused.
TEST(NextRequestState, EveryStateAndEvent) {
  using E = RequestEvent;
  using R = v1::Request;
  const std::map<std::pair<R::State, E>, R::State> kArrows = {
      {{R::AWAITING_APPROVAL, E::kApprove}, R::APPROVED},
      {{R::AWAITING_APPROVAL, E::kApproveFirst}, R::SECOND_APPROVAL},
      {{R::SECOND_APPROVAL, E::kApprove}, R::APPROVED},
      {{R::APPROVED, E::kProvision}, R::PROVISIONING},
      {{R::PROVISIONING, E::kMemberSeen}, R::VERIFYING},
      {{R::PROVISIONING, E::kProvisionFailed}, R::PROVISION_FAILED},
      {{R::VERIFYING, E::kDeviceVerified}, R::ACTIVE},
      {{R::AWAITING_APPROVAL, E::kDeny}, R::DENIED},
      {{R::SECOND_APPROVAL, E::kDeny}, R::DENIED},
      {{R::MORE_INFO, E::kDeny}, R::DENIED},
      {{R::AWAITING_APPROVAL, E::kCancel}, R::CANCELLED},
      {{R::SECOND_APPROVAL, E::kCancel}, R::CANCELLED},
      {{R::MORE_INFO, E::kCancel}, R::CANCELLED},
      {{R::AWAITING_APPROVAL, E::kAskMore}, R::MORE_INFO},
      {{R::SECOND_APPROVAL, E::kAskMore}, R::MORE_INFO},
      {{R::MORE_INFO, E::kAnswer}, R::AWAITING_APPROVAL},
      {{R::AWAITING_APPROVAL, E::kDuplicate}, R::DUPLICATE},
      {{R::SECOND_APPROVAL, E::kDuplicate}, R::DUPLICATE},
      {{R::MORE_INFO, E::kDuplicate}, R::DUPLICATE},
      {{R::AWAITING_APPROVAL, E::kExpire}, R::EXPIRED_UNDECIDED},
      {{R::SECOND_APPROVAL, E::kExpire}, R::EXPIRED_UNDECIDED},
      {{R::MORE_INFO, E::kExpire}, R::EXPIRED_UNDECIDED},
      {{R::VERIFYING, E::kGrantRevoked}, R::CANCELLED},
      {{R::APPROVED, E::kBreakGlass}, R::VERIFYING},
  };
  for (int s = R::State_MIN; s <= R::State_MAX; ++s) {
    for (int e = 0; e <= static_cast<int>(E::kBreakGlass); ++e) {
      const auto state = static_cast<R::State>(s);
      const auto event = static_cast<E>(e);
      const auto want = kArrows.find({state, event});
      const auto got = NextRequestState(state, event);
      const std::string name = R::State_Name(state) + " " + std::string(RequestEventName(event));
      if (want == kArrows.end()) {
        EXPECT_EQ(got.status().code(), absl::StatusCode::kFailedPrecondition) << name;
      } else {
        ASSERT_TRUE(got.ok()) << name;
        EXPECT_EQ(*got, want->second) << name;
      }
    }
  }
}

v1::Person Alice() {
  v1::Person p;
  p.set_person_id("guid-a");
  p.set_upn("alice@agency.test");
  p.set_enabled(true);
  return p;
}

NewRequest Valid() {
  return {.person = Alice(),
          .app_id = "whatsapp",
          .trm = v1::Trm::RESTRICTED,
          .trm_decision_id = "TRM-1",
          .trm_reason = "",
          .blocklisted = true,
          .requester = {"guid-d", "desk@agency.test"},
          .ticket = "INC0963540",
          .ticket_source = "service-desk",
          .justification = "Liaison abroad",
          .term = absl::Hours(24),
          .now = kNow};
}

TEST(SubmitRequest, Cases) {
  using Edit = void (*)(NewRequest&);
  const struct {
    const char* name;
    Edit edit;
    absl::StatusCode code;
    v1::Request::State state;
    const char* reason_code;
  } kCases[] = {
      {"restricted", [](NewRequest&) {}, absl::StatusCode::kOk, v1::Request::AWAITING_APPROVAL, ""},
      {"prohibited", [](NewRequest& r) { r.trm = v1::Trm::PROHIBITED; }, absl::StatusCode::kOk,
       v1::Request::DENIED, "TRM_PROHIBITED"},
      {"blocklisted, permitted", [](NewRequest& r) { r.trm = v1::Trm::PERMITTED; },
       absl::StatusCode::kOk, v1::Request::DENIED, "BLOCKLISTED"},
      {"permitted, not listed",
       [](NewRequest& r) {
         r.trm = v1::Trm::PERMITTED;
         r.blocklisted = false;
       },
       absl::StatusCode::kFailedPrecondition, v1::Request::UNSPECIFIED, ""},
      {"no ticket", [](NewRequest& r) { r.ticket = " "; }, absl::StatusCode::kInvalidArgument,
       v1::Request::UNSPECIFIED, ""},
      {"long ticket", [](NewRequest& r) { r.ticket.assign(limits::kMaxTicketBytes + 1, 'x'); },
       absl::StatusCode::kInvalidArgument, v1::Request::UNSPECIFIED, ""},
      {"no justification", [](NewRequest& r) { r.justification = ""; },
       absl::StatusCode::kInvalidArgument, v1::Request::UNSPECIFIED, ""},
      {"term 0", [](NewRequest& r) { r.term = absl::ZeroDuration(); },
       absl::StatusCode::kInvalidArgument, v1::Request::UNSPECIFIED, ""},
      {"term too long", [](NewRequest& r) { r.term = limits::kMaxTerm + absl::Seconds(1); },
       absl::StatusCode::kInvalidArgument, v1::Request::UNSPECIFIED, ""},
      {"disabled", [](NewRequest& r) { r.person.set_enabled(false); },
       absl::StatusCode::kFailedPrecondition, v1::Request::UNSPECIFIED, ""},
      {"expired", [](NewRequest& r) { *r.person.mutable_expires_at() = ToProto(kNow); },
       absl::StatusCode::kFailedPrecondition, v1::Request::UNSPECIFIED, ""},
  };
  for (const auto& c : kCases) {
    NewRequest in = Valid();
    c.edit(in);
    const auto got = SubmitRequest(in);
    EXPECT_EQ(got.status().code(), c.code) << c.name << got.status();
    if (!got.ok()) continue;
    EXPECT_EQ(got->state(), c.state) << c.name;
    EXPECT_EQ(got->reason_code(), c.reason_code) << c.name;
  }
}

TEST(Approve, WhoMayNot) {
  const v1::Request request = *SubmitRequest(Valid());
  const struct {
    const char* name;
    Operator who;
    absl::StatusCode code;
  } kCases[] = {
      {"another person", {"guid-s", "soc@agency.test"}, absl::StatusCode::kOk},
      {"an operator outside the directory", {"", "soc@elsewhere.test"}, absl::StatusCode::kOk},
      {"the requester", {"guid-d", "desk@agency.test"}, absl::StatusCode::kPermissionDenied},
      {"the requester under another name",
       {"guid-d", "d.esk@agency.test"},
       absl::StatusCode::kPermissionDenied},
      {"the requester, unknown to the directory, other case",
       {"", "Desk@Agency.test"},
       absl::StatusCode::kPermissionDenied},
      {"the beneficiary", {"guid-a", "alice@agency.test"}, absl::StatusCode::kPermissionDenied},
      {"the beneficiary under another name",
       {"guid-a", "admin-alice@agency.test"},
       absl::StatusCode::kPermissionDenied},
      {"the beneficiary by another account of theirs",
       {"guid-x", "a.adm@agency.test", {"guid-x", "guid-a"}, {}},
       absl::StatusCode::kPermissionDenied},
      {"the requester by an alias of theirs",
       {"guid-x", "a.adm@agency.test", {"guid-x"}, {"desk@agency.test"}},
       absl::StatusCode::kPermissionDenied},
  };
  for (const auto& c : kCases) {
    const auto got = Approve(request, c.who, {v1::Trm::RESTRICTED}, "needed", kNow);
    EXPECT_EQ(got.status().code(), c.code) << c.name;
    if (got.ok()) {
      EXPECT_EQ(got->state(), v1::Request::APPROVED);
      EXPECT_EQ(got->decided_by_upn(), c.who.upn);
      EXPECT_EQ(FromProto(got->decided_at()), kNow);
      EXPECT_EQ(got->decision_reason(), "needed");
    }
  }
}

TEST(Approve, TheTrmGateIsCheckedAgain) {
  const v1::Request request = *SubmitRequest(Valid());
  for (const auto trm : {v1::Trm::PROHIBITED, v1::Trm::PERMITTED, v1::Trm::UNLISTED}) {
    EXPECT_EQ(Approve(request, {"guid-s", "s@x.test"}, {trm}, "r", kNow).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(
      Approve(request, {"guid-s", "s@x.test"}, {v1::Trm::RESTRICTED}, "", kNow).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(Cancel, OnlyRequesterOrBeneficiary) {
  const v1::Request request = *SubmitRequest(Valid());
  EXPECT_EQ(Cancel(request, {"guid-s", "soc@agency.test"}, "r", kNow).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Cancel(request, {"guid-d", "desk@agency.test"}, "r", kNow)->state(),
            v1::Request::CANCELLED);
  EXPECT_EQ(Cancel(request, {"guid-a", "alice@agency.test"}, "r", kNow)->state(),
            v1::Request::CANCELLED);
  EXPECT_EQ(Deny(request, {"guid-s", "soc@agency.test"}, "no need", kNow)->state(),
            v1::Request::DENIED);
}

Operator Soc() { return {"guid-s", "soc@agency.test"}; }

v1::Request Submitted(const NewRequest& in) {
  v1::Request out = *SubmitRequest(in);
  out.set_request_id("REQ-1");
  return out;
}

TEST(SubmitRequest, TextIsPlainAndBounded) {
  using Edit = void (*)(NewRequest&);
  const std::pair<const char*, Edit> kCases[] = {
      {"the justification has 10000 bytes; at most 4096",
       [](NewRequest& r) { r.justification.assign(10'000, 'x'); }},
      {"the justification holds a control character; write plain text",
       [](NewRequest& r) { r.justification = "a\x1b[2Jb"; }},
      {"the ticket holds a control character; write plain text",
       [](NewRequest& r) { r.ticket = std::string("a\0b", 3); }},
      {"the duty location holds a control character; write plain text",
       [](NewRequest& r) { r.duty_location = "\x7f"; }},
      {"the ticket source is missing", [](NewRequest& r) { r.ticket_source = ""; }},
      {"a break-glass grant lasts more than 0 and at most 72 hours, e.g. --term 24h",
       [](NewRequest& r) {
         r.break_glass = true;
         r.term = absl::Hours(72) + absl::Seconds(1);
       }},
  };
  for (const auto& [want, edit] : kCases) {
    NewRequest in = Valid();
    edit(in);
    EXPECT_EQ(SubmitRequest(in).status(), absl::InvalidArgumentError(want));
  }
  NewRequest lines = Valid();
  lines.justification = "one\ntwo\tthree \xc3\xa9 =1+1";
  EXPECT_EQ(SubmitRequest(lines)->justification(), lines.justification);
}

TEST(Approve, TwoPeopleWhereTwoAreNeeded) {
  NewRequest capstone = Valid(), glass = Valid();
  capstone.person.set_capstone(true);
  glass.break_glass = true;
  for (const auto& [in, why] : {std::pair{capstone, "Capstone official"}, {glass, "break-glass"}}) {
    const v1::Request request = Submitted(in);
    EXPECT_EQ(request.two_approvers_because(), why);
    const v1::Request first = *Approve(request, Soc(), {v1::Trm::RESTRICTED}, "r1", kNow);
    EXPECT_EQ(first.state(), v1::Request::SECOND_APPROVAL);
    EXPECT_FALSE(first.has_decided_at());
    EXPECT_EQ(Approve(first, Soc(), {v1::Trm::RESTRICTED}, "again", kNow).status().code(),
              absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(Approve(first, {"guid-o", "s.o@x.test", {"guid-o", "guid-s"}, {}},
                      {v1::Trm::RESTRICTED}, "by another account", kNow)
                  .status()
                  .code(),
              absl::StatusCode::kPermissionDenied);
    const v1::Request second =
        *Approve(first, {"guid-2", "soc2@agency.test"}, {v1::Trm::RESTRICTED}, "r2", kNow);
    EXPECT_EQ(second.state(), v1::Request::APPROVED);
    EXPECT_EQ(second.approvals_size(), 2);
    EXPECT_EQ(second.decided_by_upn(), "soc2@agency.test");
  }
}

// Somebody who became a Capstone official while the request waited.
TEST(Approve, CapstoneCountsWhenItIsDecided) {
  const v1::Request first = *Approve(Submitted(Valid()), Soc(),
                                     {.trm = v1::Trm::RESTRICTED, .capstone = true}, "r", kNow);
  EXPECT_EQ(first.state(), v1::Request::SECOND_APPROVAL);
}

TEST(Approve, NotAfterItsTime) {
  const v1::Request request = Submitted(Valid());
  const absl::Time end = FromProto(request.expires_at());
  const ApprovalFacts facts = {v1::Trm::RESTRICTED};
  EXPECT_TRUE(Approve(request, Soc(), facts, "r", end - absl::Nanoseconds(1)).ok());
  EXPECT_EQ(Approve(request, Soc(), facts, "r", end).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Deny(request, Soc(), "r", end).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AskMore, AnAnswerBeginsAnew) {
  NewRequest in = Valid();
  in.person.set_capstone(true);
  const v1::Request first = *Approve(Submitted(in), Soc(), {v1::Trm::RESTRICTED}, "r", kNow);
  const v1::Request asked = *AskMore(first, Soc(), "which partner?", kNow);
  EXPECT_EQ(asked.state(), v1::Request::MORE_INFO);
  EXPECT_EQ(asked.question(), "which partner?");
  EXPECT_EQ(AskMore(asked, Soc(), "?", kNow).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const absl::Time later = kNow + absl::Hours(24 * 10);
  const v1::Request answered = *AnswerRequest(asked, "the embassy", in.times, later);
  EXPECT_EQ(answered.state(), v1::Request::AWAITING_APPROVAL);
  EXPECT_EQ(answered.answer(), "the embassy");
  EXPECT_EQ(answered.approvals_size(), 0);
  EXPECT_EQ(FromProto(answered.due_at()), later + in.times.sla);
  EXPECT_EQ(FromProto(answered.expires_at()), later + in.times.expire_after);
  EXPECT_EQ(AnswerRequest(asked, " ", in.times, later).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MarkDuplicate, OfTheSamePersonsOther) {
  const v1::Request request = Submitted(Valid());
  v1::Request other = request;
  EXPECT_EQ(MarkDuplicate(request, Soc(), other, "r", kNow).status().code(),
            absl::StatusCode::kFailedPrecondition);
  other.set_request_id("REQ-2");
  const v1::Request closed = *MarkDuplicate(request, Soc(), other, "r", kNow);
  EXPECT_EQ(closed.state(), v1::Request::DUPLICATE);
  EXPECT_EQ(closed.duplicate_of(), "REQ-2");
  other.set_person_id("guid-b");
  EXPECT_EQ(MarkDuplicate(request, Soc(), other, "r", kNow).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(Escalate, TellsARoleAndKeepsTheState) {
  const v1::Request request = Submitted(Valid());
  const v1::Request told = *Escalate(request, "admin", {}, kNow + absl::Hours(1));
  EXPECT_EQ(told.state(), request.state());
  EXPECT_EQ(told.escalated_to(), "admin");
  EXPECT_EQ(told.escalations(), 1u);
  const v1::Request denied = *Deny(request, Soc(), "r", kNow);
  EXPECT_EQ(Escalate(denied, "admin", {}, kNow).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace muster
