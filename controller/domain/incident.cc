#include "controller/domain/incident.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using IncidentState = v1::Incident::State;

struct IncidentArrow {
  IncidentState from;
  IncidentEvent event;
  IncidentState to;
};

constexpr std::array kIncidentArrows = {
    IncidentArrow{v1::Incident::SUSPECTED, IncidentEvent::kAssess, v1::Incident::ASSESSING},
    IncidentArrow{v1::Incident::ASSESSING, IncidentEvent::kDismiss, v1::Incident::NOT_A_LOSS},
    IncidentArrow{v1::Incident::ASSESSING, IncidentEvent::kConfirm, v1::Incident::CONFIRMED},
    IncidentArrow{v1::Incident::ASSESSING, IncidentEvent::kDescribe, v1::Incident::ASSESSING},
    IncidentArrow{v1::Incident::CONFIRMED, IncidentEvent::kDraft, v1::Incident::REPORT_DRAFT},
    IncidentArrow{v1::Incident::REPORT_DRAFT, IncidentEvent::kDraft, v1::Incident::REPORT_DRAFT},
    IncidentArrow{v1::Incident::REPORT_DRAFT, IncidentEvent::kSign, v1::Incident::SIGNED},
    IncidentArrow{v1::Incident::SIGNED, IncidentEvent::kDraft, v1::Incident::REPORT_DRAFT},
    IncidentArrow{v1::Incident::SIGNED, IncidentEvent::kReport, v1::Incident::REPORTED},
    IncidentArrow{v1::Incident::REPORTED, IncidentEvent::kUpdateDue, v1::Incident::UPDATE_DUE},
    IncidentArrow{v1::Incident::UPDATE_DUE, IncidentEvent::kUpdate, v1::Incident::UPDATED},
    IncidentArrow{v1::Incident::UPDATED, IncidentEvent::kUpdateDue, v1::Incident::UPDATE_DUE},
    IncidentArrow{v1::Incident::UPDATED, IncidentEvent::kClose, v1::Incident::CLOSED},
};

// What to do where an arrow is missing and the way there is not plain.
absl::string_view Hint(IncidentState state, IncidentEvent event) {
  if (state == v1::Incident::SUSPECTED) return "; `musterctl incident assess` comes first";
  if (event == IncidentEvent::kClose && IsReported(state)) {
    return "; send a last update that says how it ended, `musterctl incident update`";
  }
  if (event == IncidentEvent::kDraft && IsReported(state)) {
    return "; the report has gone out, so what is new goes into an update";
  }
  return "";
}

absl::StatusOr<IncidentState> NextOf(const v1::Incident& incident, IncidentEvent event) {
  absl::StatusOr<IncidentState> next = NextIncidentState(incident.state(), event);
  if (next.ok()) return next;
  return absl::FailedPreconditionError(
      absl::StrCat(incident.incident_id(), " is ", v1::Incident::State_Name(incident.state()),
                   " and cannot be ", IncidentEventName(event), Hint(incident.state(), event)));
}

absl::Status CheckNotTheirs(const v1::Incident& incident, const Operator& who) {
  if (!SamePerson(who, incident.person_id(), incident.person_upn())) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(incident.incident_id(), " is about chats of ", who.upn,
                   ", who cannot decide about it; another person must"));
}

absl::Status CheckNotOpener(const v1::Incident& incident, const Operator& who) {
  if (incident.history().empty()) return absl::OkStatus();
  const std::string& opener = incident.history(0).by_upn();
  if (opener.empty() || !SamePerson(who, "", opener)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(who.upn, " opened ", incident.incident_id(),
                   " and can neither dismiss nor confirm it; another records officer must"));
}

absl::Status CheckIncidentText(absl::string_view what, absl::string_view text) {
  return CheckFreeText(what, text, limits::kMaxIncidentText);
}

// One decision of a person with nothing to it but its arrow and its reason.
absl::StatusOr<v1::Incident> Step(const v1::Incident& incident, IncidentEvent event,
                                  const IncidentDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  MUSTER_ASSIGN_OR_RETURN(const IncidentState next, NextOf(incident, event));
  MUSTER_RETURN_IF_ERROR(CheckNotTheirs(incident, in.by));
  v1::Incident out = incident;
  TakeStep(out, next, in.by.upn, in.reason, in.now);
  return out;
}

void DropSignature(v1::Incident& incident) {
  incident.clear_signature();
  incident.clear_signed_by_upn();
  incident.clear_signed_at();
}

std::string Missing(const v1::Incident& incident) {
  if (incident.circumstances().empty()) return "circumstances";
  if (incident.safeguards().empty()) return "safeguards";
  if (incident.salvage().empty()) return "salvage";
  return "";
}

}  // namespace

absl::string_view IncidentEventName(IncidentEvent event) {
  switch (event) {
    case IncidentEvent::kAssess:
      return "taken up for assessment";
    case IncidentEvent::kDismiss:
      return "found to be no loss";
    case IncidentEvent::kConfirm:
      return "confirmed";
    case IncidentEvent::kDescribe:
      return "described";
    case IncidentEvent::kDraft:
      return "drafted or changed";
    case IncidentEvent::kSign:
      return "signed";
    case IncidentEvent::kReport:
      return "reported";
    case IncidentEvent::kUpdateDue:
      return "due for an update";
    case IncidentEvent::kUpdate:
      return "updated";
    case IncidentEvent::kClose:
      return "closed";
  }
  return "";
}

absl::StatusOr<IncidentState> NextIncidentState(IncidentState state, IncidentEvent event) {
  for (const IncidentArrow& arrow : kIncidentArrows) {
    if (arrow.from == state && arrow.event == event) return arrow.to;
  }
  return absl::FailedPreconditionError(absl::StrCat("an incident in state ",
                                                    v1::Incident::State_Name(state), " cannot be ",
                                                    IncidentEventName(event)));
}

bool IsOpenIncident(IncidentState state) {
  return state != v1::Incident::UNSPECIFIED && state != v1::Incident::NOT_A_LOSS &&
         state != v1::Incident::CLOSED;
}

bool HasDraft(IncidentState state) {
  return state == v1::Incident::REPORT_DRAFT || state == v1::Incident::SIGNED;
}

bool IsReported(IncidentState state) {
  return state == v1::Incident::REPORTED || state == v1::Incident::UPDATE_DUE ||
         state == v1::Incident::UPDATED || state == v1::Incident::CLOSED;
}

void TakeStep(v1::Incident& incident, IncidentState to, absl::string_view by,
              absl::string_view reason, absl::Time now) {
  // The first says who opened it; the audit log has what goes.
  if (static_cast<size_t>(incident.history_size()) >= limits::kMaxIncidentHistory) {
    incident.mutable_history()->DeleteSubrange(1, 1);
  }
  incident.set_state(to);
  v1::Incident::Step* step = incident.add_history();
  step->set_to(to);
  *step->mutable_at() = ToProto(now);
  step->set_by_upn(std::string(by));
  step->set_reason(std::string(reason));
}

absl::StatusOr<v1::Incident> AssessIncident(const v1::Incident& incident,
                                            const IncidentDecision& in) {
  return Step(incident, IncidentEvent::kAssess, in);
}

absl::StatusOr<v1::Incident> DismissIncident(const v1::Incident& incident,
                                             const IncidentDecision& in) {
  MUSTER_ASSIGN_OR_RETURN(v1::Incident out, Step(incident, IncidentEvent::kDismiss, in));
  MUSTER_RETURN_IF_ERROR(CheckNotOpener(incident, in.by));
  return out;
}

absl::StatusOr<v1::Incident> ConfirmIncident(const v1::Incident& incident,
                                             const IncidentDecision& in) {
  MUSTER_ASSIGN_OR_RETURN(v1::Incident out, Step(incident, IncidentEvent::kConfirm, in));
  MUSTER_RETURN_IF_ERROR(CheckNotOpener(incident, in.by));
  if (incident.circumstances().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(incident.incident_id(),
                     " does not say what happened, and cannot be confirmed; write it down with "
                     "`musterctl incident draft ",
                     incident.incident_id(), " --circumstances TEXT`"));
  }
  return out;
}

absl::StatusOr<v1::Incident> DraftIncident(const v1::Incident& incident, const IncidentTexts& texts,
                                           const IncidentDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckIncidentText("circumstances", texts.circumstances));
  MUSTER_RETURN_IF_ERROR(CheckIncidentText("safeguards", texts.safeguards));
  MUSTER_RETURN_IF_ERROR(CheckIncidentText("salvage", texts.salvage));
  MUSTER_RETURN_IF_ERROR(CheckIncidentText("description", texts.description));
  const bool assessing = incident.state() == v1::Incident::ASSESSING;
  MUSTER_ASSIGN_OR_RETURN(
      const IncidentState next,
      NextOf(incident, assessing ? IncidentEvent::kDescribe : IncidentEvent::kDraft));
  MUSTER_RETURN_IF_ERROR(CheckNotTheirs(incident, in.by));
  v1::Incident out = incident;
  if (!texts.circumstances.empty()) out.set_circumstances(texts.circumstances);
  if (!texts.safeguards.empty()) out.set_safeguards(texts.safeguards);
  if (!texts.salvage.empty()) out.set_salvage(texts.salvage);
  if (!texts.description.empty()) out.set_description(texts.description);
  DropSignature(out);
  TakeStep(out, next, in.by.upn, "", in.now);
  return out;
}

absl::StatusOr<v1::Incident> SignIncident(const v1::Incident& incident,
                                          const v1::LossReport& report,
                                          const v1::SignedDoc& signature,
                                          const IncidentDecision& in) {
  MUSTER_ASSIGN_OR_RETURN(const IncidentState next, NextOf(incident, IncidentEvent::kSign));
  MUSTER_RETURN_IF_ERROR(CheckNotTheirs(incident, in.by));
  if (report.incident_id() != incident.incident_id()) {
    return absl::FailedPreconditionError(absl::StrCat("NOT_NAMED: it signs the report of ",
                                                      report.incident_id(), ", not of ",
                                                      incident.incident_id()));
  }
  if (report.report_sha256() != incident.report_sha256()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "REPORT_CHANGED: it signs the report ", report.report_sha256(), ", and the report is now ",
        incident.report_sha256(), "; read it again with `musterctl incident document ",
        incident.incident_id(), " --out FILE`, then sign that"));
  }
  if (const std::string missing = Missing(incident); !missing.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the report of ", incident.incident_id(), " says nothing under ", missing,
                     ", which 36 CFR 1230.14 asks for; write it with `musterctl incident draft ",
                     incident.incident_id(), " --", missing, " TEXT`"));
  }
  v1::Incident out = incident;
  TakeStep(out, next, in.by.upn, absl::StrCat("report ", report.report_sha256()), in.now);
  *out.mutable_signature() = signature;
  out.set_signed_by_upn(in.by.upn);
  *out.mutable_signed_at() = ToProto(in.now);
  return out;
}

absl::StatusOr<v1::Incident> ReportIncident(const v1::Incident& incident,
                                            absl::string_view reported_to,
                                            absl::Duration update_every,
                                            const IncidentDecision& in) {
  if (reported_to.empty()) {
    return absl::InvalidArgumentError("to whom was it reported? Say it with --to");
  }
  MUSTER_RETURN_IF_ERROR(CheckFreeText("receiver", reported_to, limits::kMaxReasonBytes));
  MUSTER_ASSIGN_OR_RETURN(v1::Incident out, Step(incident, IncidentEvent::kReport, in));
  out.set_reported_to(std::string(reported_to));
  *out.mutable_reported_at() = ToProto(in.now);
  *out.mutable_update_due_at() = ToProto(in.now + update_every);
  return out;
}

absl::StatusOr<v1::Incident> UpdateIncident(const v1::Incident& incident,
                                            absl::Duration update_every,
                                            const IncidentDecision& in) {
  v1::Incident due = incident;
  // News need not wait for the timer.
  if (const auto next = NextIncidentState(due.state(), IncidentEvent::kUpdateDue); next.ok()) {
    TakeStep(due, *next, in.by.upn, "an update goes out before it is due", in.now);
  }
  MUSTER_ASSIGN_OR_RETURN(v1::Incident out, Step(due, IncidentEvent::kUpdate, in));
  *out.mutable_update_due_at() = ToProto(in.now + update_every);
  return out;
}

absl::StatusOr<v1::Incident> CloseIncident(const v1::Incident& incident,
                                           const IncidentDecision& in) {
  MUSTER_ASSIGN_OR_RETURN(v1::Incident out, Step(incident, IncidentEvent::kClose, in));
  out.clear_update_due_at();
  return out;
}

std::optional<v1::Incident> DueForUpdate(const v1::Incident& incident, absl::Time now) {
  const auto next = NextIncidentState(incident.state(), IncidentEvent::kUpdateDue);
  if (!next.ok() || now < FromProto(incident.update_due_at())) return std::nullopt;
  v1::Incident out = incident;
  TakeStep(out, *next, "",
           absl::StrCat("due since ", TimeText(FromProto(incident.update_due_at()))), now);
  return out;
}

}  // namespace muster
