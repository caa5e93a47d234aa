#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/domain/grant.h"

namespace muster {
namespace {

using GrantState = v1::Grant::State;

absl::Status Refused(const v1::Grant& grant, absl::string_view what, absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(
      grant.grant_id(), " is ", v1::Grant::State_Name(grant.state()), " and cannot be ", what, ": ",
      why, "; see `musterctl grant show ", grant.grant_id(), "`"));
}

absl::Status CheckNotOwn(const v1::Grant& grant, const Operator& who, absl::string_view verb) {
  if (!SamePerson(who, grant.person_id(), grant.person_upn())) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(who.upn, " would benefit from ", grant.grant_id(),
                                                  " and cannot ", verb,
                                                  " it; another person must decide"));
}

absl::Status CheckRestricted(const v1::Grant& grant, v1::Trm::Status trm) {
  if (trm == v1::Trm::RESTRICTED) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      grant.app_id(), " is ", v1::Trm::Status_Name(trm),
      "; only a RESTRICTED app can be granted. Revoke ", grant.grant_id(), " instead."));
}

// The timer that ends it may be late; a decision must not be.
absl::Status CheckTermRuns(const v1::Grant& grant, absl::string_view what, absl::Time now) {
  if (now < FromProto(grant.not_after())) return absl::OkStatus();
  return Refused(grant, what,
                 absl::StrCat("its term ended ", TimeText(FromProto(grant.not_after()))));
}

std::string InvestigationDetail(absl::string_view by) {
  return absl::StrCat("suspended by ", by, "; `musterctl grant resume` lifts it");
}

// For overdue exports: the word of an operator or the TRM office goes before that. Once theirs is
// lifted, what is still overdue suspends it again.
bool IsExportOnly(const v1::Grant& grant) {
  return grant.state() == v1::Grant::SUSPENDED &&
         grant.suspended_for() == v1::Grant::Suspension::ARCHIVE_OVERDUE;
}

void ClearSuspension(v1::Grant& grant) {
  grant.clear_under_investigation();
  grant.clear_suspended_for();
  grant.clear_suspend_reason();
  grant.clear_suspended_by_upn();
  grant.clear_suspended_at();
  grant.clear_export_until();
  grant.clear_detail();
}

absl::Status CheckReviewer(const v1::Grant& grant, const Operator& who) {
  MUSTER_RETURN_IF_ERROR(CheckNotOwn(grant, who, "review"));
  for (int i = 0; i < grant.approved_by_upn_size(); ++i) {
    const std::string id = i < grant.approved_by_id_size() ? grant.approved_by_id(i) : "";
    if (!SamePerson(who, id, grant.approved_by_upn(i))) continue;
    return absl::PermissionDeniedError(absl::StrCat(who.upn, " approved ", grant.grant_id(),
                                                    " and cannot review it; another person must"));
  }
  return absl::OkStatus();
}

void RecordReview(const GrantDecision& in, v1::Grant& grant) {
  *grant.mutable_reviewed_at() = ToProto(in.now);
  grant.set_reviewed_by_upn(in.by.upn);
  grant.set_review_reason(in.reason);
}

absl::StatusOr<v1::Grant> Reviewed(const v1::Grant& grant, const GrantDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  const absl::StatusOr<GrantState> next = NextGrantState(grant.state(), GrantEvent::kReview);
  if (!next.ok()) return Refused(grant, "reviewed", "only a BREAK_GLASS grant can be");
  MUSTER_RETURN_IF_ERROR(CheckReviewer(grant, in.by));
  v1::Grant out = grant;
  out.set_state(*next);
  RecordReview(in, out);
  return out;
}

}  // namespace

absl::StatusOr<v1::Grant> Adopt(const v1::Grant& grant, const Adoption& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  MUSTER_RETURN_IF_ERROR(CheckTicket(in.ticket));
  MUSTER_RETURN_IF_ERROR(CheckTerm(in.term));
  const absl::StatusOr<GrantState> adopted = NextGrantState(grant.state(), GrantEvent::kAdopt);
  if (!adopted.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(grant.grant_id(), " is ", v1::Grant::State_Name(grant.state()),
                     "; only an UNSANCTIONED grant can be adopted, see `musterctl grant show ",
                     grant.grant_id(), "`"));
  }
  MUSTER_RETURN_IF_ERROR(CheckNotOwn(grant, in.by, "adopt"));
  MUSTER_RETURN_IF_ERROR(CheckRestricted(grant, in.trm));
  if (in.capstone) {
    return absl::FailedPreconditionError(
        absl::StrCat(grant.person_upn(),
                     " is a Capstone official and needs two approvers: file a "
                     "request instead"));
  }
  v1::Grant out = grant;
  MUSTER_ASSIGN_OR_RETURN(const GrantState active, NextGrantState(*adopted, GrantEvent::kActivate));
  out.set_state(active);
  out.set_adopted_by_upn(in.by.upn);
  out.set_adopt_reason(in.reason);
  out.set_ticket(in.ticket);
  out.add_approved_by_upn(in.by.upn);
  out.add_approved_by_id(in.by.person_id);
  if (in.training) {
    *out.mutable_training() = *in.training;
    out.set_training_acknowledged(in.training->version());
  }
  *out.mutable_granted_at() = ToProto(in.now);
  StartTerm(out, in.term, in.now);
  out.set_detail(in.training ? "" : "waiting for the person's training");
  return out;
}

absl::StatusOr<v1::Grant> Recertify(const v1::Grant& grant, const GrantDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  MUSTER_RETURN_IF_ERROR(CheckTerm(in.term));
  const absl::StatusOr<GrantState> next = NextGrantState(grant.state(), GrantEvent::kRecertify);
  if (!next.ok()) {
    return Refused(grant, "recertified",
                   grant.state() == v1::Grant::ACTIVE
                       ? absl::StrCat("it is due from ", TimeText(RecertDueAt(grant)))
                       : "only a RECERT_DUE grant can be");
  }
  MUSTER_RETURN_IF_ERROR(CheckTermRuns(grant, "recertified", in.now));
  MUSTER_RETURN_IF_ERROR(CheckNotOwn(grant, in.by, "recertify"));
  MUSTER_RETURN_IF_ERROR(CheckRestricted(grant, in.trm));
  v1::Grant out = grant;
  out.set_state(*next);
  StartTerm(out, in.term, in.now);
  out.set_certified_by_upn(in.by.upn);
  out.set_recertifications(grant.recertifications() + 1);
  out.clear_detail();
  return out;
}

absl::StatusOr<v1::Grant> Suspend(const v1::Grant& grant, const GrantDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  const absl::StatusOr<GrantState> next = NextGrantState(grant.state(), GrantEvent::kSuspend);
  if (!next.ok() && !IsExportOnly(grant)) {
    return Refused(
        grant, "suspended",
        grant.state() == v1::Grant::BREAK_GLASS ? "revoke it instead" : "it does not run");
  }
  v1::Grant out = grant;
  if (next.ok()) out.set_state(*next);
  out.set_suspended_for(v1::Grant::Suspension::INVESTIGATION);
  out.set_under_investigation(true);
  out.set_suspend_reason(in.reason);
  out.set_suspended_by_upn(in.by.upn);
  *out.mutable_suspended_at() = ToProto(in.now);
  out.set_detail(InvestigationDetail(in.by.upn));
  return out;
}

absl::StatusOr<v1::Grant> Resume(const v1::Grant& grant, const GrantDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
  const absl::StatusOr<GrantState> next = NextGrantState(grant.state(), GrantEvent::kResume);
  if (!next.ok()) return Refused(grant, "resumed", "it is not suspended");
  if (grant.suspended_for() == v1::Grant::Suspension::TRM_PROHIBITED) {
    return Refused(grant, "resumed", "the TRM office prohibited the app and only it can lift that");
  }
  if (grant.suspended_for() == v1::Grant::Suspension::ARCHIVE_OVERDUE) {
    return Refused(grant, "resumed", "chats have to be exported first");
  }
  MUSTER_RETURN_IF_ERROR(CheckNotOwn(grant, in.by, "resume"));
  MUSTER_RETURN_IF_ERROR(CheckRestricted(grant, in.trm));
  v1::Grant out = grant;
  out.set_state(*next);
  ClearSuspension(out);
  return out;
}

absl::StatusOr<v1::Grant> ReviewAndKeep(const v1::Grant& grant, const GrantDecision& in) {
  MUSTER_RETURN_IF_ERROR(CheckTerm(in.term));
  MUSTER_ASSIGN_OR_RETURN(v1::Grant out, Reviewed(grant, in));
  MUSTER_RETURN_IF_ERROR(CheckTermRuns(grant, "kept", in.now));
  MUSTER_RETURN_IF_ERROR(CheckRestricted(grant, in.trm));
  MUSTER_ASSIGN_OR_RETURN(const GrantState next,
                          NextGrantState(out.state(), GrantEvent::kActivate));
  out.set_state(next);
  StartTerm(out, in.term, in.now);
  out.set_certified_by_upn(in.by.upn);
  out.set_detail("reviewed and kept; the person needs the group and the training from now on");
  return out;
}

absl::StatusOr<v1::Grant> ReviewAndEnd(const v1::Grant& grant, const GrantDecision& in) {
  if (!Holds(grant.state()) && OwesReview(grant)) {
    MUSTER_RETURN_IF_ERROR(CheckReason(in.reason));
    MUSTER_RETURN_IF_ERROR(CheckReviewer(grant, in.by));
    v1::Grant out = grant;
    RecordReview(in, out);
    return out;
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Grant reviewed, Reviewed(grant, in));
  return Revoke(reviewed, in.by.upn, in.reason, in.now);
}

std::optional<v1::Grant> FollowTrm(const v1::Grant& grant, const v1::Trm& trm, absl::Time now) {
  v1::Grant out = grant;
  if (trm.status() == v1::Trm::PROHIBITED) {
    const auto next = NextGrantState(grant.state(), GrantEvent::kSuspend);
    if (!next.ok() && !grant.under_investigation() && !IsExportOnly(grant)) return std::nullopt;
    if (next.ok()) out.set_state(*next);
    out.set_suspended_for(v1::Grant::Suspension::TRM_PROHIBITED);
    if (!grant.under_investigation()) {  // who looks into it, and why, stays on record
      out.set_suspend_reason(trm.reason());
      out.set_suspended_by_upn(trm.author());
      *out.mutable_suspended_at() = ToProto(now);
    }
    *out.mutable_export_until() = trm.export_until();
    out.set_detail(absl::StrCat("prohibited by TRM decision ", trm.decision_id(),
                                "; chats may be exported until ",
                                TimeText(FromProto(trm.export_until()))));
    return out;
  }
  if (grant.suspended_for() != v1::Grant::Suspension::TRM_PROHIBITED) return std::nullopt;
  if (grant.under_investigation()) {
    out.set_suspended_for(v1::Grant::Suspension::INVESTIGATION);
    out.clear_export_until();
    out.set_detail(InvestigationDetail(grant.suspended_by_upn()));
    return out;
  }
  const auto next = NextGrantState(grant.state(), GrantEvent::kResume);
  if (!next.ok()) return std::nullopt;
  out.set_state(*next);
  ClearSuspension(out);
  return out;
}

}  // namespace muster
