// Applies policy files: catalogue, TRM statuses, blocklist, guidance. Whole, or not at all.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/policy_set.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

struct ApplyOutcome {
  std::vector<PolicyIssue> issues;  // any error: nothing was applied
  Touched touched;
  std::vector<v1::Deletion> deletions;
  bool applied = false;
};

struct ApplyOptions {
  bool prune = false;
  bool dry_run = false;
  std::string commit;  // of the files; empty: unknown
};

// ABORTED when the catalogue kept changing under it; INVALID_ARGUMENT: a malformed commit id.
absl::StatusOr<ApplyOutcome> ApplyPolicies(const Services& services, const Actor& actor,
                                           const LoadedPolicies& loaded,
                                           const ApplyOptions& options);

}  // namespace muster
