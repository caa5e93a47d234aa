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

// FAILED_PRECONDITION when it is already REVOKING or REVOKED.
absl::StatusOr<v1::Grant> Revoke(const v1::Grant& grant, absl::string_view by_upn,
                                 absl::string_view reason, absl::Time now);

struct Adoption {
  Operator by;
  v1::Trm::Status trm = v1::Trm::UNLISTED;
  std::string ticket, reason, training_acknowledged;
  absl::Duration term;
  absl::Time now;
};
// UNSANCTIONED -> ADOPTED -> ACTIVE, with a term from now. FAILED_PRECONDITION when it is not
// UNSANCTIONED or the app not RESTRICTED; PERMISSION_DENIED when it is the adopter's own;
// INVALID_ARGUMENT for a missing reason or ticket, or a term outside (0, kMaxTerm].
absl::StatusOr<v1::Grant> Adopt(const v1::Grant& grant, const Adoption& adoption);

// ACTIVE -> RECERT_DUE. FAILED_PRECONDITION from any other state.
absl::StatusOr<v1::Grant> MakeRecertDue(const v1::Grant& grant, absl::string_view because);

// Why this grant gives no live entitlement now, in words; empty when it does.
std::string WhyNotLive(const v1::Grant& grant, const v1::Person& person, bool member,
                       absl::Time now);

// What the agent is told of this grant: a live entitlement, or one suspended by the TRM or for
// overdue exports; nullopt for anything else.
std::optional<v1::Entitlement> EntitlementOf(const v1::Grant& grant, const v1::Person& person,
                                             bool member, absl::Time now);

}  // namespace muster
