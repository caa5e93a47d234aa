// Reads retention.yaml: the agency's clock, its record repository and its records schedules.
#pragma once

#include "absl/strings/string_view.h"
#include "controller/adapters/yaml/yaml_tree.h"
#include "controller/domain/policy_set.h"

namespace muster {

inline constexpr absl::string_view kRetentionFile = "retention.yaml";

// Puts what the file says into `out`; reports every problem to `issues`.
void ReadRetention(const YamlNode& root, LoadedPolicies* out, FileIssues* issues);

}  // namespace muster
