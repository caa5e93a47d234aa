// The seam to the directory: who exists, who is in an app's approval group.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/domain/membership.h"

namespace muster {

// Thread-safe. An implementation never returns part of a read: any size or time limit, lost
// page or missing approval group is an error, so that no caller can take a partial read for
// the whole (DESIGN, section 7).
class Directory {
 public:
  virtual ~Directory() = default;

  virtual std::string source() const = 0;  // for people: "ldif directory.ldif"
  virtual std::string kind() const = 0;    // "ldif" or "ldap"

  // All persons and every group reachable from the approval groups. UNAVAILABLE: the server
  // does not answer; FAILED_PRECONDITION: an approval group is missing; DATA_LOSS: malformed
  // or incomplete answer.
  virtual absl::StatusOr<DirectorySnapshot> Read(
      const std::map<std::string, std::string>& approval_groups) = 0;

  // One value per call; success when the person is (or already was) a member afterwards, read
  // back from the directory. NOT_FOUND: no such group or person; PERMISSION_DENIED: no right.
  virtual absl::Status AddMember(const std::string& group, const std::string& person_id) = 0;
  // Success when the person is not a direct member afterwards, read back.
  virtual absl::Status RemoveMember(const std::string& group, const std::string& person_id) = 0;
};

}  // namespace muster
