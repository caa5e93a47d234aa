#include "cli/policy_files.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cli/profile.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;

// Below gRPC's default limit for one message, which the controller keeps.

bool IsPolicyFile(const std::string& path) {
  if (path == "trm.yaml" || path == "blocklist.yaml" || path == "cohorts.yaml" ||
      path == "retention.yaml") {
    return true;
  }
  const fs::path p(path);
  return (p.parent_path() == "catalogue" || p.parent_path() == "guidance") &&
         p.extension() == ".yaml";
}

// Sorted, relative to `folder`; what is inside folders other than catalogue/ and guidance/ is not
// looked at.
absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  std::vector<std::string> paths;
  for (const std::string sub : {"", "catalogue", "guidance"}) {
    std::error_code error;
    const fs::path dir = fs::path(folder) / sub;
    if (!sub.empty() && !fs::is_directory(dir, error)) continue;
    fs::directory_iterator it(dir, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (sub.empty() && (name == "catalogue" || name == "guidance")) continue;
      paths.push_back(sub.empty() ? name : absl::StrCat(sub, "/", name));
    }
    if (error) {
      return absl::InvalidArgumentError(
          absl::StrCat("cannot read the folder ", dir.string(), ": ", error.message()));
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

absl::StatusOr<v1::PolicyFile> ReadPolicyFile(const std::string& file, const std::string& path) {
  v1::PolicyFile out;
  out.set_path(path);
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_text(),
                          ReadSmallFile(file, "policy file", limits::kMaxPolicyFileBytes));
  return out;
}

absl::StatusOr<PolicyFiles> ReadPolicyFolder(const std::string& folder) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ListFolder(folder));
  PolicyFiles out;
  size_t total = 0;
  for (const std::string& path : paths) {
    if (!IsPolicyFile(path)) {
      out.ignored.push_back(path);
      continue;
    }
    if (out.files.size() == limits::kMaxPolicyFiles) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder, " has more than ", limits::kMaxPolicyFiles, " policy files"));
    }
    MUSTER_ASSIGN_OR_RETURN(v1::PolicyFile file,
                            ReadPolicyFile((fs::path(folder) / path).string(), path));
    total += file.text().size();
    out.files.push_back(std::move(file));
  }
  if (out.files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder,
                     " has no policy files; expected catalogue/<app>.yaml, trm.yaml, "
                     "blocklist.yaml, cohorts.yaml or retention.yaml"));
  }
  if (total > limits::kMaxApplyBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the policy files of ", folder, " are ", total,
                                                   " bytes; at most ", limits::kMaxApplyBytes,
                                                   " can be applied at once"));
  }
  return out;
}

}  // namespace muster::cli
