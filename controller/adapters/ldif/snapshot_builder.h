// From entries to one DirectorySnapshot: who the persons are, and the groups below the approval
// groups, walked from the client's side. Shared by the LDIF file and the LDAP server.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/adapters/ldif/directory_entry.h"
#include "controller/domain/membership.h"

namespace muster {

// Thread-compatible; used once.
class SnapshotBuilder {
 public:
  // The entry that a DN, or a GUID as ParseGuidText() makes it, names; nullopt: there is none.
  // Any error ends the read.
  using Lookup =
      std::function<absl::StatusOr<std::optional<DirectoryEntry>>(const std::string& dn_or_guid)>;

  // DATA_LOSS when the entry is malformed or when two persons share an id, a DN, a UPN or an
  // account name (whatever their case): which of them is meant must never be guessed.
  absl::Status AddPerson(const DirectoryEntry& entry);

  size_t persons() const { return snapshot_.persons.size(); }

  // `approval_groups`: app id -> DN or GUID. FAILED_PRECONDITION: an approval group is missing,
  // is no group, or more groups or unknown members are reached than the caps allow.
  absl::StatusOr<DirectorySnapshot> Finish(
      const std::map<std::string, std::string>& approval_groups, const Lookup& lookup);

 private:
  absl::StatusOr<std::string> AddGroup(const DirectoryEntry& entry);
  absl::Status AddMembers(DirectoryGroup* group, const DirectoryEntry& entry, const Lookup& lookup);
  absl::StatusOr<std::string> ResolveMember(const std::string& dn, const DirectoryEntry& group,
                                            const Lookup& lookup);
  absl::Status Unique(absl::flat_hash_map<std::string, std::string>* ids_by_key, std::string key,
                      absl::string_view what, const v1::Person& person, const std::string& where);

  DirectorySnapshot snapshot_;
  absl::flat_hash_map<std::string, std::string> where_;  // person id -> "line 12"
  absl::flat_hash_map<std::string, std::string> by_dn_, by_upn_, by_account_;  // -> person id
  absl::flat_hash_map<std::string, std::string> groups_by_dn_;                 // -> group id
  absl::flat_hash_set<std::string> foreign_;  // normalised DNs that nobody counts for
  std::vector<DirectoryEntry> to_walk_;
  size_t max_groups_ = 0;
};

}  // namespace muster
