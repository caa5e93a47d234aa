// The seam to the directory: who exists, who is in an app's approval group.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "controller/domain/membership.h"
#include "muster/v1/person.pb.h"

namespace muster {

enum class ReadDepth {
  kChanges,  // what changed since the last read, where the server can tell; else as kFull
  kFull,     // everything anew
};

// Who was in a group, as the last applied run saw it.
struct PastMember {
  std::string person_id;
  std::string distinguished_name;  // then
  std::vector<std::string> via;    // DNs of the groups from the approval group down, then
  std::string group = "";          // the approval group as configured: DN or id
};

using DirectorySnapshotPtr = std::shared_ptr<const DirectorySnapshot>;

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
  // The same pointer as before: nothing has changed since.
  virtual absl::StatusOr<DirectorySnapshotPtr> Read(
      const std::map<std::string, std::string>& approval_groups, ReadDepth depth) = 0;

  // Asks again, past whatever the read went through, whether `member` is out: of the approval group
  // by every path and under every name, or as an enabled account. ABORTED: it still is in, so the
  // read was wrong; any other error: nobody knows. Only OK lets a removal that a read implies be
  // committed.
  virtual absl::Status ConfirmGone(const PastMember& member) = 0;

  virtual v1::DirectoryReading reading() const = 0;

  // Whether `password` is the person's, as the directory says over an encrypted connection.
  // UNAUTHENTICATED: it is not, or the account may not sign in; UNIMPLEMENTED: this directory
  // cannot tell; UNAVAILABLE: it does not answer.
  virtual absl::Status CheckPassword(const v1::Person& person, const std::string& password) {
    (void)person;
    (void)password;
    return absl::UnimplementedError(
        absl::StrCat(source(), " checks no passwords; sign in with a certificate"));
  }

  // One value per call; success when the person is (or already was) a member afterwards, read
  // back from the directory. NOT_FOUND: no such group or person; PERMISSION_DENIED: no right.
  virtual absl::Status AddMember(const std::string& group, const std::string& person_id) = 0;
  // Success when the person is not a direct member afterwards, read back.
  virtual absl::Status RemoveMember(const std::string& group, const std::string& person_id) = 0;
};

}  // namespace muster
