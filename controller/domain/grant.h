// The life of a grant and what of it an agent may see (DESIGN, sections 3 and 4). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/domain/request.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"
#include "muster/v1/policy.pb.h"
#include "muster/v1/request.pb.h"
#include "muster/v1/trm.pb.h"

namespace muster {

enum class GrantEvent {
  kRecertDue,
  kRecertify,  // confirmed: a new term
  kLapse,
  kSuspend,
  kResume,
  kAdopt,
  kActivate,  // an adopted or reviewed grant goes live
  kReview,    // a break-glass grant was reviewed
  kRevoke,
  kVerifiedAbsent,
};

absl::string_view GrantEventName(GrantEvent event);

// FAILED_PRECONDITION, naming state and event, for every pair that is not an arrow.
absl::StatusOr<v1::Grant::State> NextGrantState(v1::Grant::State state, GrantEvent event);

// Not REVOKING, not REVOKED.
bool Holds(v1::Grant::State state);

// The grant that an approved request gives once the directory shows the member. The term counts
// from the decision. Has no id yet.
v1::Grant GrantFor(const v1::Request& request, absl::Time now);
// A member nobody asked for: alarmed, blocked unless adopted. Has no id yet.
v1::Grant UnsanctionedGrant(const v1::Person& person, absl::string_view app_id, absl::Time now);

// The whole term from `now`: its end, and when it becomes due for recertification.
void StartTerm(v1::Grant& grant, absl::Duration term, absl::Time now);
// kRecertificationNotice before the end; of a term shorter than twice that, half way.
absl::Time RecertDueAt(const v1::Grant& grant);

// FAILED_PRECONDITION when it is already REVOKING or REVOKED.
absl::StatusOr<v1::Grant> Revoke(const v1::Grant& grant, absl::string_view by_upn,
                                 absl::string_view reason, absl::Time now);

// What an operator decides about a running grant.
struct GrantDecision {
  Operator by;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string reason;
  absl::Duration term;
  absl::Time now;
};
// Each: INVALID_ARGUMENT for a missing reason or, where it counts, a bad term; FAILED_PRECONDITION
// when the state or the app's TRM status does not allow it.
// RECERT_DUE -> ACTIVE with a new term, before the old one is over. PERMISSION_DENIED: it is the
// decider's own.
absl::StatusOr<v1::Grant> Recertify(const v1::Grant& grant, const GrantDecision& in);
// ACTIVE, RECERT_DUE -> SUSPENDED for an investigation: blocked until resumed.
absl::StatusOr<v1::Grant> Suspend(const v1::Grant& grant, const GrantDecision& in);
// SUSPENDED -> ACTIVE. Only what an operator suspended; the TRM office and the records officers
// lift theirs. PERMISSION_DENIED: it is the decider's own.
absl::StatusOr<v1::Grant> Resume(const v1::Grant& grant, const GrantDecision& in);
// BREAK_GLASS -> REVIEWED -> ACTIVE with an ordinary term; the person must get into the group and
// acknowledge the training like anybody else. PERMISSION_DENIED: the decider's own, or approved by
// the decider.
absl::StatusOr<v1::Grant> ReviewAndKeep(const v1::Grant& grant, const GrantDecision& in);
// BREAK_GLASS -> REVIEWED -> REVOKING. Of one that ended before anybody reviewed it, only the
// review is recorded: it is still owed.
absl::StatusOr<v1::Grant> ReviewAndEnd(const v1::Grant& grant, const GrantDecision& in);
// The TRM office's word: PROHIBITED suspends what runs, and chats may be exported until then;
// anything else resumes what it had suspended, but for what is under investigation. nullopt:
// nothing to do.
std::optional<v1::Grant> FollowTrm(const v1::Grant& grant, const v1::Trm& trm, absl::Time now);

struct Adoption {
  Operator by;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  bool capstone = false;  // of the member
  std::string ticket, reason;
  std::optional<v1::Training> training;
  absl::Duration term;
  absl::Time now;
};
// UNSANCTIONED -> ADOPTED -> ACTIVE, with a term from now. FAILED_PRECONDITION when it is not
// UNSANCTIONED, the app not RESTRICTED, or the member a Capstone official, who needs two approvers;
// PERMISSION_DENIED when it is the adopter's own; INVALID_ARGUMENT for a missing reason or ticket,
// or a term outside (0, kMaxTerm].
absl::StatusOr<v1::Grant> Adopt(const v1::Grant& grant, const Adoption& adoption);

// ACTIVE -> RECERT_DUE; a suspension in between does not make it forget. FAILED_PRECONDITION from
// any other state.
absl::StatusOr<v1::Grant> MakeRecertDue(const v1::Grant& grant, absl::string_view because,
                                        absl::Time now);

// Began as break-glass, and nobody has reviewed it.
bool OwesReview(const v1::Grant& grant);

// Why this grant gives no live entitlement now, in words; empty when it does. `attest_since`: see
// OwesAttestation().
std::string WhyNotLive(const v1::Grant& grant, const v1::Person& person, bool member,
                       std::optional<absl::Time> attest_since, absl::Time now);

// What the agent is told of this grant: a live entitlement, or one suspended by the TRM or for
// overdue exports; nullopt for anything else.
std::optional<v1::Entitlement> EntitlementOf(const v1::Grant& grant, const v1::Person& person,
                                             bool member, std::optional<absl::Time> attest_since,
                                             absl::Time now);

}  // namespace muster
