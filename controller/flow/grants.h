// Takes a grant back, or takes over one that nobody asked for.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/grant.pb.h"

namespace muster {

struct GrantOutcome {
  v1::Grant grant;
  Touched touched;
};

enum class GrantVerb { kRevoke, kSuspend, kResume, kRecertify, kReviewAndKeep, kReviewAndEnd };

struct GrantInput {
  GrantVerb verb = GrantVerb::kRevoke;
  std::string grant_id, reason;
  uint64_t expected_revision = 0;              // 0: whatever it is
  absl::Duration term = limits::kDefaultTerm;  // of kRecertify, kReviewAndKeep
};
// kRevoke: the entitlement is gone with this commit, before the directory is touched; the grant is
// REVOKING until it is verified absent from the group and from the person's devices.
// NOT_FOUND: no such grant; ABORTED: no longer at `expected_revision`;
// otherwise as the functions of domain/grant.h.
absl::StatusOr<GrantOutcome> DecideGrant(const Services& services, const Actor& actor,
                                         const GrantInput& input, bool dry_run);

struct AdoptTerms {
  std::string reason, ticket, training_acknowledged;
  absl::Duration term = limits::kDefaultTerm;
};
// An UNSANCTIONED grant becomes ACTIVE. NOT_FOUND: no such grant; otherwise as domain Adopt().
absl::StatusOr<GrantOutcome> AdoptGrant(const Services& services, const Actor& actor,
                                        const std::string& grant_id, const AdoptTerms& terms,
                                        bool dry_run);

// The training of a grant that no request stands behind; of any other it belongs on its request.
// NOT_FOUND: no such grant; FAILED_PRECONDITION: it has a request, or ended.
absl::StatusOr<GrantOutcome> RecordGrantTraining(const Services& services, const Actor& actor,
                                                 const std::string& grant_id,
                                                 const std::string& version, bool dry_run);

// What a revocation changes besides the grant itself. `in_group`: the person still is, so a sync
// that no longer shows this member has seen Muster's own removal.
absl::Status WriteRevocation(const Services& services, const Actor& actor, const Snapshot& snapshot,
                             const Versioned<v1::Grant>& before, const v1::Grant& after,
                             bool in_group, Mutation& mutation);

}  // namespace muster
