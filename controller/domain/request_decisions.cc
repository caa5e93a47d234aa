#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/domain/request.h"

namespace muster {
namespace {

using RequestState = v1::Request::State;

// The timer that expires it may be late; a decision must not be.
absl::Status CheckInTime(const v1::Request& request, absl::Time now) {
  if (!IsUndecided(request.state()) || !request.has_expires_at() ||
      now < FromProto(request.expires_at())) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(request.request_id(), " was to be decided until ",
                   TimeText(FromProto(request.expires_at())), " and has expired; file it again"));
}

absl::Status CheckApprover(const v1::Request& request, const Operator& who) {
  if (SamePerson(who, request.requester_id(), request.requester_upn())) {
    return absl::PermissionDeniedError(
        absl::StrCat(who.upn, " filed ", request.request_id(),
                     " and cannot approve it; another approver must decide"));
  }
  if (SamePerson(who, request.person_id(), request.person_upn())) {
    return absl::PermissionDeniedError(
        absl::StrCat(who.upn, " would benefit from ", request.request_id(),
                     " and cannot approve it; another approver must decide"));
  }
  for (const v1::Request::Approval& given : request.approvals()) {
    if (!SamePerson(who, given.by_id(), given.by_upn())) continue;
    return absl::PermissionDeniedError(
        absl::StrCat(who.upn, " already approved ", request.request_id(), "; it needs two people (",
                     request.two_approvers_because(), "), another approver must decide"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Request> Decided(const v1::Request& request, RequestEvent event,
                                    const Operator& who, absl::string_view reason, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  MUSTER_RETURN_IF_ERROR(CheckInTime(request, now));
  const absl::StatusOr<RequestState> next = NextRequestState(request.state(), event);
  if (!next.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        request.request_id(), " is ", v1::Request::State_Name(request.state()), " and cannot be ",
        RequestEventName(event), "; see `musterctl request show ", request.request_id(), "`"));
  }
  v1::Request out = request;
  MoveTo(out, *next, now);
  *out.mutable_decided_at() = ToProto(now);
  out.set_decided_by_id(who.person_id);
  out.set_decided_by_upn(who.upn);
  out.set_decision_reason(std::string(reason));
  out.clear_detail();
  return out;
}

}  // namespace

absl::StatusOr<v1::Request> Approve(const v1::Request& request, const Operator& who,
                                    const ApprovalFacts& facts, absl::string_view reason,
                                    absl::Time now) {
  v1::Request in = request;
  if (facts.capstone && in.two_approvers_because().empty()) {  // became one while it waited
    in.set_two_approvers_because("Capstone official");
  }
  const bool first = !in.two_approvers_because().empty() &&
                     in.state() == v1::Request::AWAITING_APPROVAL && in.approvals().empty();
  MUSTER_ASSIGN_OR_RETURN(
      v1::Request out,
      Decided(in, first ? RequestEvent::kApproveFirst : RequestEvent::kApprove, who, reason, now));
  MUSTER_RETURN_IF_ERROR(CheckApprover(in, who));
  if (facts.trm != v1::Trm::RESTRICTED) {
    return absl::FailedPreconditionError(
        absl::StrCat(request.app_id(), " is now ", v1::Trm::Status_Name(facts.trm),
                     "; only a RESTRICTED app can be granted. Deny the request instead."));
  }
  v1::Request::Approval* given = out.add_approvals();
  given->set_by_id(who.person_id);
  given->set_by_upn(who.upn);
  *given->mutable_at() = ToProto(now);
  given->set_reason(std::string(reason));
  if (first) {
    out.clear_decided_at();
    out.clear_decided_by_id();
    out.clear_decided_by_upn();
    out.clear_decision_reason();
    out.set_detail(absl::StrCat("waiting for a second SOC approver (", in.two_approvers_because(),
                                "); ", who.upn, " approved"));
  }
  return out;
}

absl::StatusOr<v1::Request> Deny(const v1::Request& request, const Operator& who,
                                 absl::string_view reason, absl::Time now) {
  return Decided(request, RequestEvent::kDeny, who, reason, now);
}

absl::StatusOr<v1::Request> Cancel(const v1::Request& request, const Operator& who,
                                   absl::string_view reason, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(v1::Request out,
                          Decided(request, RequestEvent::kCancel, who, reason, now));
  if (!SamePerson(who, request.requester_id(), request.requester_upn()) &&
      !SamePerson(who, request.person_id(), request.person_upn())) {
    return absl::PermissionDeniedError(
        absl::StrCat("only ", request.requester_upn(), " or ", request.person_upn(), " can cancel ",
                     request.request_id(), "; an approver can deny it"));
  }
  return out;
}

absl::StatusOr<v1::Request> AskMore(const v1::Request& request, const Operator& who,
                                    absl::string_view question, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(v1::Request out,
                          Decided(request, RequestEvent::kAskMore, who, question, now));
  out.clear_decided_at();
  out.clear_decided_by_id();
  out.clear_decided_by_upn();
  out.clear_decision_reason();
  out.set_question(std::string(question));
  out.clear_answer();
  out.set_detail(absl::StrCat(who.upn, " asks: ", question));
  return out;
}

absl::StatusOr<v1::Request> AnswerRequest(const v1::Request& request, absl::string_view answer,
                                          const DecisionTimes& times, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(v1::Request out,
                          Decided(request, RequestEvent::kAnswer, {}, answer, now));
  out.clear_decided_at();
  out.clear_decision_reason();
  out.set_answer(std::string(answer));
  out.clear_approvals();
  StartClock(times, now, out);
  out.set_detail("answered; waiting for a SOC approver");
  return out;
}

absl::StatusOr<v1::Request> MarkDuplicate(const v1::Request& request, const Operator& who,
                                          const v1::Request& of, absl::string_view reason,
                                          absl::Time now) {
  if (of.request_id() == request.request_id()) {
    return absl::FailedPreconditionError(
        absl::StrCat(request.request_id(), " cannot be a duplicate of itself"));
  }
  if (of.person_id() != request.person_id()) {
    return absl::FailedPreconditionError(
        absl::StrCat(of.request_id(), " is for ", of.person_upn(), ", ", request.request_id(),
                     " for ", request.person_upn(), "; a duplicate is for the same person"));
  }
  MUSTER_ASSIGN_OR_RETURN(v1::Request out,
                          Decided(request, RequestEvent::kDuplicate, who, reason, now));
  out.set_duplicate_of(of.request_id());
  out.set_reason_code("DUPLICATE");
  return out;
}

absl::StatusOr<v1::Request> Escalate(const v1::Request& request, absl::string_view to_role,
                                     const DecisionTimes& times, absl::Time now) {
  if (!IsUndecided(request.state())) {
    return absl::FailedPreconditionError(
        absl::StrCat(request.request_id(), " is ", v1::Request::State_Name(request.state()),
                     ": there is no decision to wait for; see `musterctl request show ",
                     request.request_id(), "`"));
  }
  MUSTER_RETURN_IF_ERROR(CheckInTime(request, now));
  v1::Request out = request;
  out.set_escalated_to(std::string(to_role));
  *out.mutable_escalated_at() = ToProto(now);
  out.set_escalations(request.escalations() + 1);
  *out.mutable_due_at() = ToProto(now + times.sla);
  return out;
}

}  // namespace muster
