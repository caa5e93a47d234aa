// Reads policy files: catalogue/<id>.yaml, trm.yaml, blocklist.yaml, cohorts.yaml, retention.yaml,
// guidance/.
// docs/catalogue.md has the format.
#pragma once

#include <string>
#include <vector>

#include "controller/domain/policy_set.h"

namespace muster {

struct PolicyFileText {
  std::string path;  // relative to the policies folder, with forward slashes
  std::string text;
};

struct LoadResult {
  std::vector<PolicyIssue> issues;  // sorted, at most limits::kMaxIssues
  LoadedPolicies policies;          // use it only when `issues` has no error
};

// Strict: whatever is not in the format is an issue with its position. One bad file spoils the
// whole load. Reads nothing but its argument, never throws, keeps no state.
LoadResult LoadPolicies(const std::vector<PolicyFileText>& files);

}  // namespace muster
