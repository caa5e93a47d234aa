#include "controller/domain/request.h"

#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using RequestState = v1::Request::State;

struct RequestArrow {
  RequestState from;
  RequestEvent event;
  RequestState to;
};

constexpr std::array kRequestArrows = {
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kApprove, v1::Request::APPROVED},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kApproveFirst,
                 v1::Request::SECOND_APPROVAL},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kApprove, v1::Request::APPROVED},
    RequestArrow{v1::Request::APPROVED, RequestEvent::kProvision, v1::Request::PROVISIONING},
    RequestArrow{v1::Request::PROVISIONING, RequestEvent::kMemberSeen, v1::Request::VERIFYING},
    RequestArrow{v1::Request::PROVISIONING, RequestEvent::kProvisionFailed,
                 v1::Request::PROVISION_FAILED},
    RequestArrow{v1::Request::VERIFYING, RequestEvent::kDeviceVerified, v1::Request::ACTIVE},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kDeny, v1::Request::DENIED},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kDeny, v1::Request::DENIED},
    RequestArrow{v1::Request::MORE_INFO, RequestEvent::kDeny, v1::Request::DENIED},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kCancel, v1::Request::CANCELLED},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kCancel, v1::Request::CANCELLED},
    RequestArrow{v1::Request::MORE_INFO, RequestEvent::kCancel, v1::Request::CANCELLED},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kAskMore, v1::Request::MORE_INFO},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kAskMore, v1::Request::MORE_INFO},
    RequestArrow{v1::Request::MORE_INFO, RequestEvent::kAnswer, v1::Request::AWAITING_APPROVAL},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kDuplicate, v1::Request::DUPLICATE},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kDuplicate, v1::Request::DUPLICATE},
    RequestArrow{v1::Request::MORE_INFO, RequestEvent::kDuplicate, v1::Request::DUPLICATE},
    RequestArrow{v1::Request::AWAITING_APPROVAL, RequestEvent::kExpire,
                 v1::Request::EXPIRED_UNDECIDED},
    RequestArrow{v1::Request::SECOND_APPROVAL, RequestEvent::kExpire,
                 v1::Request::EXPIRED_UNDECIDED},
    RequestArrow{v1::Request::MORE_INFO, RequestEvent::kExpire, v1::Request::EXPIRED_UNDECIDED},
};

absl::Status CheckText(absl::string_view what, absl::string_view text, size_t max) {
  if (absl::StripAsciiWhitespace(text).empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " is missing"));
  }
  if (text.size() > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " has ", text.size(), " bytes; at most ", max));
  }
  return absl::OkStatus();
}

absl::Status CheckNewRequest(const NewRequest& in) {
  MUSTER_RETURN_IF_ERROR(CheckTicket(in.ticket));
  MUSTER_RETURN_IF_ERROR(CheckText("justification", in.justification, limits::kMaxReasonBytes));
  MUSTER_RETURN_IF_ERROR(CheckTerm(in.term));
  if (in.training_acknowledged.size() > limits::kMaxTicketBytes) {
    return absl::InvalidArgumentError("the acknowledged guidance version is too long");
  }
  if (!in.person.enabled() || in.person.deleted()) {
    return absl::FailedPreconditionError(
        absl::StrCat(in.person.upn(), " is disabled in the directory; nothing can be granted"));
  }
  if (in.person.has_expires_at() && in.now >= FromProto(in.person.expires_at())) {
    return absl::FailedPreconditionError(
        absl::StrCat("the account of ", in.person.upn(), " has expired"));
  }
  return absl::OkStatus();
}

// Why the TRM gate is closed, if it is: reason code and words.
std::optional<std::pair<std::string, std::string>> ClosedGate(const NewRequest& in) {
  if (in.trm == v1::Trm::PROHIBITED) {
    return {{"TRM_PROHIBITED",
             absl::StrCat(
                 in.app_id, " is PROHIBITED",
                 in.trm_decision_id.empty() ? std::string()
                                            : absl::StrCat(" by TRM decision ", in.trm_decision_id),
                 in.trm_reason.empty() ? std::string() : absl::StrCat(" (", in.trm_reason, ")"),
                 "; only the TRM office can change that")}};
  }
  if (in.trm != v1::Trm::RESTRICTED && in.blocklisted) {
    return {{"BLOCKLISTED", absl::StrCat(in.app_id,
                                         " is on the blocklist and not RESTRICTED, so no grant "
                                         "can allow it; ask the TRM office to restrict it")}};
  }
  return std::nullopt;
}

absl::StatusOr<v1::Request> Decided(const v1::Request& request, RequestEvent event,
                                    const Operator& who, absl::string_view reason, absl::Time now) {
  MUSTER_RETURN_IF_ERROR(CheckReason(reason));
  const absl::StatusOr<RequestState> next = NextRequestState(request.state(), event);
  if (!next.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        request.request_id(), " is ", v1::Request::State_Name(request.state()), " and cannot be ",
        RequestEventName(event), "; see `musterctl request show ", request.request_id(), "`"));
  }
  v1::Request out = request;
  out.set_state(*next);
  *out.mutable_decided_at() = ToProto(now);
  out.set_decided_by_id(who.person_id);
  out.set_decided_by_upn(who.upn);
  out.set_decision_reason(std::string(reason));
  out.clear_detail();
  return out;
}

}  // namespace

absl::string_view RequestEventName(RequestEvent event) {
  switch (event) {
    case RequestEvent::kApprove:
      return "approved";
    case RequestEvent::kApproveFirst:
      return "approved by the first of two";
    case RequestEvent::kProvision:
      return "provisioned";
    case RequestEvent::kMemberSeen:
      return "shown as member";
    case RequestEvent::kDeviceVerified:
      return "verified on the device";
    case RequestEvent::kProvisionFailed:
      return "failed in provisioning";
    case RequestEvent::kDeny:
      return "denied";
    case RequestEvent::kCancel:
      return "cancelled";
    case RequestEvent::kAskMore:
      return "asked for more information";
    case RequestEvent::kAnswer:
      return "answered";
    case RequestEvent::kDuplicate:
      return "closed as a duplicate";
    case RequestEvent::kExpire:
      return "expired";
  }
  return "";
}

absl::StatusOr<RequestState> NextRequestState(RequestState state, RequestEvent event) {
  for (const RequestArrow& arrow : kRequestArrows) {
    if (arrow.from == state && arrow.event == event) return arrow.to;
  }
  return absl::FailedPreconditionError(absl::StrCat("a request in state ",
                                                    v1::Request::State_Name(state), " cannot be ",
                                                    RequestEventName(event)));
}

bool IsOpen(RequestState state) {
  switch (state) {
    case v1::Request::SUBMITTED:
    case v1::Request::AWAITING_APPROVAL:
    case v1::Request::SECOND_APPROVAL:
    case v1::Request::APPROVED:
    case v1::Request::PROVISIONING:
    case v1::Request::VERIFYING:
    case v1::Request::MORE_INFO:
      return true;
    default:
      return false;
  }
}

bool SamePerson(const Operator& who, absl::string_view person_id, absl::string_view upn) {
  if (!who.person_id.empty() && !person_id.empty() && person_id == who.person_id) return true;
  return !upn.empty() && absl::EqualsIgnoreCase(who.upn, upn);
}

absl::Status CheckReason(absl::string_view reason) {
  return CheckText("reason", reason, limits::kMaxReasonBytes);
}

absl::Status CheckTicket(absl::string_view ticket) {
  return CheckText("ticket", ticket, limits::kMaxTicketBytes);
}

absl::Status CheckTerm(absl::Duration term) {
  if (term > absl::ZeroDuration() && term <= limits::kMaxTerm) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the term must be more than 0 and at most 365 days, e.g. --term 180d");
}

absl::StatusOr<v1::Request> SubmitRequest(const NewRequest& in) {
  MUSTER_RETURN_IF_ERROR(CheckNewRequest(in));
  if (in.trm != v1::Trm::RESTRICTED && in.trm != v1::Trm::PROHIBITED && !in.blocklisted) {
    return absl::FailedPreconditionError(absl::StrCat(
        in.app_id, " is ", v1::Trm::Status_Name(in.trm), " and not blocked: it needs no approval"));
  }
  v1::Request out;
  out.set_app_id(in.app_id);
  out.set_person_id(in.person.person_id());
  out.set_person_upn(in.person.upn());
  out.set_requester_id(in.requester.person_id);
  out.set_requester_upn(in.requester.upn);
  out.set_ticket(in.ticket);
  out.set_justification(in.justification);
  out.set_device_id(in.device_id);
  *out.mutable_term() = ToProto(in.term);
  out.set_training_acknowledged(in.training_acknowledged);
  *out.mutable_submitted_at() = ToProto(in.now);
  if (const auto closed = ClosedGate(in)) {
    out.set_state(v1::Request::DENIED);
    out.set_reason_code(closed->first);
    out.set_decision_reason(closed->second);
    out.set_decided_by_upn("muster");
    *out.mutable_decided_at() = ToProto(in.now);
    return out;
  }
  out.set_state(v1::Request::AWAITING_APPROVAL);
  out.set_detail("waiting for a SOC approver");
  return out;
}

absl::StatusOr<v1::Request> Approve(const v1::Request& request, const Operator& who,
                                    v1::Trm::Status trm, absl::string_view reason, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(v1::Request out,
                          Decided(request, RequestEvent::kApprove, who, reason, now));
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
  if (trm != v1::Trm::RESTRICTED) {
    return absl::FailedPreconditionError(
        absl::StrCat(request.app_id(), " is now ", v1::Trm::Status_Name(trm),
                     "; only a RESTRICTED app can be granted. Deny the request instead."));
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

}  // namespace muster
