// The policy files of a folder, as `apply` sends them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/admin_service.pb.h"

namespace muster::cli {

struct PolicyFiles {
  std::vector<v1::PolicyFile> files;  // sorted by path
  std::vector<std::string> ignored;   // paths in the folder that are not policy files
};

// catalogue/*.yaml, trm.yaml, blocklist.yaml and cohorts.yaml below `folder`, those that exist.
// INVALID_ARGUMENT when there is none, one cannot be read, or they pass limits::kMaxPolicyFiles,
// kMaxPolicyFileBytes or 4 MB in all.
absl::StatusOr<PolicyFiles> ReadPolicyFolder(const std::string& folder);

// One file, sent under the name `path`.
absl::StatusOr<v1::PolicyFile> ReadPolicyFile(const std::string& file, const std::string& path);

}  // namespace muster::cli
