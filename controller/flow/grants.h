// Takes a grant back.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/services.h"
#include "muster/v1/grant.pb.h"

namespace muster {

struct GrantOutcome {
  v1::Grant grant;
  Touched touched;
};

// The entitlement is gone with this commit, before the directory is touched; the grant is
// REVOKING until it is verified absent from the group and from the person's devices.
// NOT_FOUND: no such grant; FAILED_PRECONDITION: already revoking or revoked.
absl::StatusOr<GrantOutcome> RevokeGrant(const Services& services, const Actor& actor,
                                         const std::string& grant_id, const std::string& reason,
                                         bool dry_run);

}  // namespace muster
