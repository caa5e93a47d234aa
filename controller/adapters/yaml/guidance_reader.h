// Reads guidance/training.yaml, guidance/archive.yaml and guidance/messages.yaml.
#pragma once

#include "absl/strings/string_view.h"
#include "controller/adapters/yaml/yaml_tree.h"
#include "controller/domain/policy_set.h"

namespace muster {

inline constexpr absl::string_view kTrainingFile = "guidance/training.yaml";
inline constexpr absl::string_view kArchiveFile = "guidance/archive.yaml";
inline constexpr absl::string_view kMessagesFile = "guidance/messages.yaml";

bool IsGuidanceFile(absl::string_view path);
// Puts what the file says into `out`; reports every problem to `issues`.
void ReadGuidance(absl::string_view path, const YamlNode& root, LoadedPolicies* out,
                  FileIssues* issues);

}  // namespace muster
