// Reads cohorts.yaml: which platform's devices only monitor, until when and why.
#pragma once

#include "controller/adapters/yaml/yaml_tree.h"
#include "controller/domain/policy_set.h"

namespace muster {

inline constexpr char kCohortsFile[] = "cohorts.yaml";

// Adds to `out->cohorts`, which the caller has made. Whether the times fit is for PlanApply. Pure.
void ReadCohorts(const YamlNode& root, LoadedPolicies* out, FileIssues* issues);

}  // namespace muster
