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
    RequestArrow{v1::Request::VERIFYING, RequestEvent::kGrantRevoked, v1::Request::CANCELLED},
    RequestArrow{v1::Request::APPROVED, RequestEvent::kBreakGlass, v1::Request::VERIFYING},
};

absl::Status CheckText(absl::string_view what, absl::string_view text, size_t max) {
  if (absl::StripAsciiWhitespace(text).empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the ", what, " is missing"));
  }
  return CheckFreeText(what, text, max);
}

absl::Status CheckBreakGlassTerm(absl::Duration term) {
  if (term > absl::ZeroDuration() && term <= limits::kMaxBreakGlassTerm) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a break-glass grant lasts more than 0 and at most 72 hours, e.g. --term 24h");
}

absl::Status CheckNewRequest(const NewRequest& in) {
  MUSTER_RETURN_IF_ERROR(CheckTicket(in.ticket));
  MUSTER_RETURN_IF_ERROR(CheckText("ticket source", in.ticket_source, limits::kMaxTicketBytes));
  MUSTER_RETURN_IF_ERROR(CheckText("justification", in.justification, limits::kMaxReasonBytes));
  MUSTER_RETURN_IF_ERROR(CheckFreeText("duty location", in.duty_location, limits::kMaxUpnBytes));
  MUSTER_RETURN_IF_ERROR(in.break_glass ? CheckBreakGlassTerm(in.term) : CheckTerm(in.term));
  if (in.training) {
    MUSTER_RETURN_IF_ERROR(
        CheckFreeText("guidance version", in.training->version(), limits::kMaxTicketBytes));
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

std::string WhyTwo(const v1::Person& person, bool break_glass) {
  if (break_glass) return "break-glass";
  return person.capstone() ? "Capstone official" : "";
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
    case RequestEvent::kGrantRevoked:
      return "left without its grant";
    case RequestEvent::kBreakGlass:
      return "opened by break-glass";
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

bool IsUndecided(RequestState state) {
  return state == v1::Request::AWAITING_APPROVAL || state == v1::Request::SECOND_APPROVAL ||
         state == v1::Request::MORE_INFO;
}

bool CameToNothing(RequestState state) { return !IsOpen(state) && state != v1::Request::ACTIVE; }

bool SamePerson(const Operator& who, absl::string_view person_id, absl::string_view upn) {
  if (!person_id.empty() &&
      (person_id == who.person_id || who.accounts.contains(std::string(person_id)))) {
    return true;
  }
  return !upn.empty() &&
         (absl::EqualsIgnoreCase(who.upn, upn) || who.names.contains(absl::AsciiStrToLower(upn)));
}

void MoveTo(v1::Request& request, RequestState state, absl::Time now) {
  if (request.state() != state) *request.mutable_state_since() = ToProto(now);
  request.set_state(state);
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

absl::Status CheckFreeText(absl::string_view what, absl::string_view text, size_t max) {
  if (text.size() > max) {
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " has ", text.size(), " bytes; at most ", max));
  }
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    if (!control || c == '\n' || c == '\r' || c == '\t') continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the ", what, " holds a control character; write plain text"));
  }
  return absl::OkStatus();
}

void StartClock(const DecisionTimes& times, absl::Time now, v1::Request& request) {
  *request.mutable_due_at() = ToProto(now + times.sla);
  *request.mutable_expires_at() = ToProto(now + times.expire_after);
  request.clear_escalated_to();
  request.clear_escalated_at();
  request.set_escalations(0);
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
  out.set_ticket_source(in.ticket_source);
  out.set_justification(in.justification);
  out.set_duty_location(in.duty_location);
  out.set_device_id(in.device_id);
  *out.mutable_term() = ToProto(in.term);
  if (in.training) {
    *out.mutable_training() = *in.training;
    out.set_training_acknowledged(in.training->version());
  }
  out.set_break_glass(in.break_glass);
  *out.mutable_submitted_at() = ToProto(in.now);
  *out.mutable_state_since() = ToProto(in.now);
  if (const auto closed = ClosedGate(in)) {
    out.set_state(v1::Request::DENIED);
    out.set_reason_code(closed->first);
    out.set_decision_reason(closed->second);
    out.set_decided_by_upn("muster");
    *out.mutable_decided_at() = ToProto(in.now);
    return out;
  }
  out.set_state(v1::Request::AWAITING_APPROVAL);
  out.set_two_approvers_because(WhyTwo(in.person, in.break_glass));
  StartClock(in.times, in.now, out);
  out.set_detail(
      out.two_approvers_because().empty()
          ? "waiting for a SOC approver"
          : absl::StrCat("waiting for two SOC approvers (", out.two_approvers_because(), ")"));
  return out;
}

}  // namespace muster
