// Who would gain and who would lose what, were these policy files applied. Writes nothing.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/policy_set.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// Fills the items of `out`: one per app for everybody without a grant whose verdict changes, and
// one per person with a grant whose own does; at most limits::kMaxSimulatedItems, with a warning
// that says how many more there are. Returns the plan's issues; with an error there are no items.
absl::StatusOr<std::vector<PolicyIssue>> SimulatePolicies(const Services& services,
                                                          const LoadedPolicies& loaded, bool prune,
                                                          v1::SimulatePoliciesResponse& out);

}  // namespace muster
