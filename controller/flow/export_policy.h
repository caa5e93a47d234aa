// The policy in force as a file for a platform's own management.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// From the policies as the store has them, decided for nobody or for one person with their live
// grants. `version` is that of the cohort policy of the format's platform, the higher one of two;
// 0: none is published. A note says when it does not yet, or not everywhere, say the same.
// INVALID_ARGUMENT: no format, or nothing is blocked there; NOT_FOUND: no such person.
absl::Status ExportPolicy(const Services& services, const v1::ExportPolicyRequest& in,
                          v1::ExportPolicyResponse& out);

}  // namespace muster
