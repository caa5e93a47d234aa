// A directory in one LDIF file: the embedded default of the quickstart, and enough for an agency
// that exports its directory nightly. Persons need an objectGUID or entryUUID; a group without
// one gets an id made from its DN. See directory_entry.h for what is read out of an entry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "controller/adapters/ldif/directory_entry.h"
#include "controller/adapters/ldif/ldif_file.h"
#include "controller/flow/directory.h"

namespace muster {

// Thread-safe, also against other objects and processes on the same file.
class LdifDirectory final : public Directory {
 public:
  // NOT_FOUND when there is no such file; else as LoadLdifFile(). What the file says is first
  // looked at by Read(): a directory with a mistake in it must not keep the controller down.
  static absl::StatusOr<std::unique_ptr<LdifDirectory>> Open(std::string file,
                                                             PersonAttributes attributes = {});

  std::string source() const override { return "ldif " + file_; }
  std::string kind() const override { return "ldif"; }

  // Reads the file anew. UNAVAILABLE: it cannot be read. DATA_LOSS, with the line: it is not LDIF,
  // was cut off in the middle of a line, or two entries share an id, a DN, a UPN or an account
  // name. FAILED_PRECONDITION: an approval group is missing. A file cut off between two lines
  // reads like a shorter one; that is what held removals are for.
  absl::StatusOr<DirectorySnapshotPtr> Read(
      const std::map<std::string, std::string>& approval_groups, ReadDepth depth) override;

  // A file is read whole or not at all: what it says is confirmed by having said it.
  absl::Status ConfirmGone(const PastMember&) override { return absl::OkStatus(); }
  v1::DirectoryReading reading() const override;

  // `group`: DN or GUID. All bytes but the member's line stay as they are. NOT_FOUND: no such
  // group or person. PERMISSION_DENIED, UNAVAILABLE: the file cannot be written. Errors of Read()
  // besides. A group may become empty.
  absl::Status AddMember(const std::string& group, const std::string& person_id) override;
  absl::Status RemoveMember(const std::string& group, const std::string& person_id) override;

  // Against the person's userPassword values of the form {CRYPT}hash (RFC 2307, 5.3; crypt(5)).
  // UNIMPLEMENTED: the person has none.
  absl::Status CheckPassword(const v1::Person& person, const std::string& password) override;

 private:
  LdifDirectory(std::string file, PersonAttributes attributes)
      : file_(std::move(file)), attributes_(std::move(attributes)) {}
  absl::Status SetMember(const std::string& group, const std::string& person_id, bool member);

  const std::string file_;
  const PersonAttributes attributes_;
  Mutex write_mu_;  // threads queue here instead of polling the lock file
};

}  // namespace muster
