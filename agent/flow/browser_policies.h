// The seam to the browsers' policy directories.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::agent {

struct PolicyDirectory {
  struct File {
    std::string text;
    // A regular file of root's that everybody may read and nobody else may write: browsers run as
    // their user, and what they cannot read does not count for them.
    bool sound = true;
  };
  std::map<std::string, File> files;  // by name
  std::vector<std::string> unread;    // names of files that are too large or cannot be read
};

// Directories are named as browsers know them: "/etc/chromium/policies/managed". Thread-safe.
class BrowserPolicies {
 public:
  virtual ~BrowserPolicies() = default;

  // A missing directory is an empty one. FAILED_PRECONDITION: somebody else than root could change
  // it, or a part of its path is a symbolic link; RESOURCE_EXHAUSTED: more than
  // limits::kMaxBrowserPolicyFiles files; UNAVAILABLE.
  virtual absl::StatusOr<PolicyDirectory> Read(const std::string& dir) = 0;
  // Makes the directory when it is missing and readable for all when it is not. The file has the
  // old or the new text at every moment. Errors as Read, and RESOURCE_EXHAUSTED: no space.
  virtual absl::Status Write(const std::string& dir, const std::string& name,
                             absl::string_view text) = 0;
  // Success when it is gone afterwards.
  virtual absl::Status Remove(const std::string& dir, const std::string& name) = 0;
};

}  // namespace muster::agent
