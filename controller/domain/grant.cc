#include "controller/domain/grant.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/domain/archive_guidance.h"

namespace muster {
namespace {

using GrantState = v1::Grant::State;

struct GrantArrow {
  GrantState from;
  GrantEvent event;
  GrantState to;
};

constexpr std::array kGrantArrows = {
    GrantArrow{v1::Grant::ACTIVE, GrantEvent::kRecertDue, v1::Grant::RECERT_DUE},
    GrantArrow{v1::Grant::RECERT_DUE, GrantEvent::kRecertify, v1::Grant::ACTIVE},
    GrantArrow{v1::Grant::RECERT_DUE, GrantEvent::kLapse, v1::Grant::LAPSED},
    GrantArrow{v1::Grant::LAPSED, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::ACTIVE, GrantEvent::kSuspend, v1::Grant::SUSPENDED},
    GrantArrow{v1::Grant::RECERT_DUE, GrantEvent::kSuspend, v1::Grant::SUSPENDED},
    GrantArrow{v1::Grant::SUSPENDED, GrantEvent::kResume, v1::Grant::ACTIVE},
    GrantArrow{v1::Grant::UNSANCTIONED, GrantEvent::kAdopt, v1::Grant::ADOPTED},
    GrantArrow{v1::Grant::ADOPTED, GrantEvent::kActivate, v1::Grant::ACTIVE},
    GrantArrow{v1::Grant::BREAK_GLASS, GrantEvent::kReview, v1::Grant::REVIEWED},
    GrantArrow{v1::Grant::REVIEWED, GrantEvent::kActivate, v1::Grant::ACTIVE},
    GrantArrow{v1::Grant::ACTIVE, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::RECERT_DUE, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::SUSPENDED, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::UNSANCTIONED, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::ADOPTED, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::BREAK_GLASS, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::REVIEWED, GrantEvent::kRevoke, v1::Grant::REVOKING},
    GrantArrow{v1::Grant::REVOKING, GrantEvent::kVerifiedAbsent, v1::Grant::REVOKED},
};

}  // namespace

absl::string_view GrantEventName(GrantEvent event) {
  switch (event) {
    case GrantEvent::kRecertDue:
      return "due for recertification";
    case GrantEvent::kRecertify:
      return "recertified";
    case GrantEvent::kLapse:
      return "lapsed";
    case GrantEvent::kSuspend:
      return "suspended";
    case GrantEvent::kResume:
      return "resumed";
    case GrantEvent::kAdopt:
      return "adopted";
    case GrantEvent::kActivate:
      return "activated";
    case GrantEvent::kReview:
      return "reviewed";
    case GrantEvent::kRevoke:
      return "revoked";
    case GrantEvent::kVerifiedAbsent:
      return "verified absent";
  }
  return "";
}

absl::StatusOr<GrantState> NextGrantState(GrantState state, GrantEvent event) {
  for (const GrantArrow& arrow : kGrantArrows) {
    if (arrow.from == state && arrow.event == event) return arrow.to;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "a grant in state ", v1::Grant::State_Name(state), " cannot be ", GrantEventName(event)));
}

bool Holds(GrantState state) { return state != v1::Grant::REVOKING && state != v1::Grant::REVOKED; }

bool OwesReview(const v1::Grant& grant) {
  return !grant.break_glass_because().empty() && !grant.has_reviewed_at();
}

v1::Grant GrantFor(const v1::Request& request, absl::Time now) {
  v1::Grant grant;
  grant.set_state(request.break_glass() ? v1::Grant::BREAK_GLASS : v1::Grant::ACTIVE);
  grant.set_app_id(request.app_id());
  grant.set_person_id(request.person_id());
  grant.set_person_upn(request.person_upn());
  grant.set_request_id(request.request_id());
  *grant.mutable_granted_at() = ToProto(now);
  StartTerm(grant, FromProto(request.term()), FromProto(request.decided_at()));
  grant.set_training_acknowledged(request.training_acknowledged());
  if (request.has_training()) *grant.mutable_training() = request.training();
  if (request.has_archive_attestation()) {
    *grant.mutable_archive_attestation() = request.archive_attestation();
  }
  grant.set_transaction_id(request.transaction_id());
  for (const v1::Request::Approval& approval : request.approvals()) {
    grant.add_approved_by_upn(approval.by_upn());
    grant.add_approved_by_id(approval.by_id());
  }
  if (request.break_glass()) {
    grant.set_break_glass_because(request.justification());
    *grant.mutable_review_due_at() = ToProto(now + limits::kBreakGlassReview);
    grant.clear_recert_due_at();
    grant.set_detail("break-glass: must be reviewed, see `musterctl grant review`");
  }
  return grant;
}

void StartTerm(v1::Grant& grant, absl::Duration term, absl::Time now) {
  *grant.mutable_certified_at() = ToProto(now);
  *grant.mutable_not_after() = ToProto(now + term);
  *grant.mutable_recert_due_at() =
      ToProto(now + term - std::min(limits::kRecertificationNotice, term / 2));
  grant.set_reminders(0);
}

absl::Time RecertDueAt(const v1::Grant& grant) {
  if (grant.has_recert_due_at()) return FromProto(grant.recert_due_at());
  return FromProto(grant.not_after()) - limits::kRecertificationNotice;
}

v1::Grant UnsanctionedGrant(const v1::Person& person, absl::string_view app_id, absl::Time now) {
  v1::Grant grant;
  grant.set_state(v1::Grant::UNSANCTIONED);
  grant.set_app_id(std::string(app_id));
  grant.set_person_id(person.person_id());
  grant.set_person_upn(person.upn());
  *grant.mutable_granted_at() = ToProto(now);
  grant.set_detail("in the approval group without a request; blocked unless adopted");
  return grant;
}

absl::StatusOr<v1::Grant> Revoke(const v1::Grant& grant, absl::string_view by_upn,
                                 absl::string_view reason, absl::Time now) {
  const absl::StatusOr<GrantState> next = NextGrantState(grant.state(), GrantEvent::kRevoke);
  if (!next.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(grant.grant_id(), " is already ", v1::Grant::State_Name(grant.state()),
                     "; see `musterctl grant show ", grant.grant_id(), "`"));
  }
  v1::Grant out = grant;
  out.set_state(*next);
  out.set_revoke_reason(std::string(reason));
  out.set_revoked_by_upn(std::string(by_upn));
  *out.mutable_revoked_at() = ToProto(now);
  out.set_detail("waiting for the directory to show the removal");
  return out;
}

absl::StatusOr<v1::Grant> MakeRecertDue(const v1::Grant& grant, absl::string_view because,
                                        absl::Time now) {
  v1::Grant out = grant;
  MUSTER_ASSIGN_OR_RETURN(const GrantState due,
                          NextGrantState(grant.state(), GrantEvent::kRecertDue));
  out.set_state(due);
  if (now < RecertDueAt(grant)) *out.mutable_recert_due_at() = ToProto(now);
  out.set_detail(std::string(because));
  return out;
}

std::string WhyNotLive(const v1::Grant& grant, const v1::Person& person, bool member,
                       std::optional<absl::Time> attest_since, absl::Time now) {
  switch (grant.state()) {
    case v1::Grant::ACTIVE:
    case v1::Grant::RECERT_DUE:
    case v1::Grant::BREAK_GLASS:
      break;
    default:
      return absl::StrCat("grant ", grant.grant_id(), " is ", v1::Grant::State_Name(grant.state()));
  }
  if (now >= FromProto(grant.not_after())) {
    return absl::StrCat("grant ", grant.grant_id(), " ended ",
                        TimeText(FromProto(grant.not_after())));
  }
  if (!person.enabled() || person.deleted()) return "the account is disabled in the directory";
  if (person.has_expires_at() && now >= FromProto(person.expires_at())) {
    return "the account has expired in the directory";
  }
  if (grant.state() == v1::Grant::BREAK_GLASS) return "";  // needs neither group nor training
  if (!member) return "the person is not in the app's approval group";
  if (grant.training_acknowledged().empty()) {
    return absl::StrCat("training for grant ", grant.grant_id(), " is not acknowledged");
  }
  if (OwesAttestation(grant, attest_since)) {
    return absl::StrCat("the archive guidance is not attested for grant ", grant.grant_id());
  }
  return "";
}

std::optional<v1::Entitlement> EntitlementOf(const v1::Grant& grant, const v1::Person& person,
                                             bool member, std::optional<absl::Time> attest_since,
                                             absl::Time now) {
  v1::Entitlement out;
  out.set_grant_id(grant.grant_id());
  out.set_person_id(grant.person_id());
  out.set_app_id(grant.app_id());
  *out.mutable_not_after() = grant.not_after();
  out.set_transaction_id(grant.transaction_id());
  if (grant.state() == v1::Grant::SUSPENDED) {
    out.set_suspended_by_trm(grant.suspended_for() == v1::Grant::Suspension::TRM_PROHIBITED);
    out.set_suspended_archive_overdue(grant.suspended_for() ==
                                      v1::Grant::Suspension::ARCHIVE_OVERDUE);
    if (!out.suspended_by_trm() && !out.suspended_archive_overdue()) return std::nullopt;
    *out.mutable_export_until() = grant.export_until();
    return out;
  }
  if (!WhyNotLive(grant, person, member, attest_since, now).empty()) return std::nullopt;
  // The account's own end bounds the entitlement, so that it also ends on a silent device.
  if (person.has_expires_at()) {
    *out.mutable_not_after() =
        ToProto(std::min(FromProto(grant.not_after()), FromProto(person.expires_at())));
  }
  return out;
}

}  // namespace muster
