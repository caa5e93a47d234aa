// A copy of what counts of a directory, kept up to date by changes: persons, groups, and where
// their containers are. Pure.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/adapters/ldif/directory_entry.h"
#include "controller/adapters/ldif/snapshot_builder.h"
#include "controller/domain/membership.h"

namespace muster {

// Thread-compatible. After any error it must not be used again.
class ReplicaState {
 public:
  // `base_dn`: who is not below it counts as a member of a group only.
  ReplicaState(const std::string& base_dn, const PersonAttributes& attributes);

  // A whole entry, new or in place of an old one. `key`: what the stream calls it. ABORTED: a
  // container was renamed or moved, so that DNs changed which nobody told. DATA_LOSS: malformed.
  absl::Status Put(const std::string& key, const DirectoryEntry& entry);
  // `dn`: where the group is now. Members by the same kind of reference as in Put().
  absl::Status ChangeGroup(const std::string& key, const std::string& dn,
                           const std::vector<std::string>& added,
                           const std::vector<std::string>& removed);
  // Also out of every group, which no change of a group may tell. Unknown keys are ignored.
  void Remove(const std::string& key);

  bool HasGroup(const std::string& key) const { return groups_.contains(key); }
  bool HasPerson(const std::string& key) const { return Current(IdOf(key)) != nullptr; }
  std::string DnOf(const std::string& key) const;  // of a person it has
  // Keys of the groups of the last snapshot.
  std::vector<std::string> GroupsInUse() const;

  // The same pointer as before when nothing changed in between. FAILED_PRECONDITION: nobody is
  // below the base; else as SnapshotBuilder.
  absl::StatusOr<std::shared_ptr<const DirectorySnapshot>> Snapshot(
      const std::map<std::string, std::string>& approval_groups);

 private:
  // Of PersonRecord, where there is any.
  struct Links {
    std::string manager, primary_group;
    bool empty() const { return manager.empty() && primary_group.empty(); }
  };
  struct Group {
    std::string id, name, sid;
    absl::flat_hash_set<std::string> members;
  };

  absl::Status PutPerson(const std::string& key, PersonRecord record);
  absl::Status PutGroup(const std::string& key, GroupRecord record);
  absl::Status PutContainer(const std::string& key, const std::string& dn);
  const v1::Person* Current(const std::string& id) const;
  bool BelowBase(const std::string& dn) const;
  // Takes the persons back from the last snapshot, without a copy if nobody else holds it.
  void Reclaim();
  std::string IdOf(const std::string& key) const;
  Links LinksOf(const std::string& id) const;
  GroupRecord RecordOf(const Group& group) const;
  SnapshotBuilder::Lookup Finder();
  absl::StatusOr<SnapshotBuilder::Found> Find(
      const std::string& dn_or_id,
      const absl::flat_hash_map<std::string, std::string>& key_by_ref) const;

  const std::string base_key_;  // normalised
  const PersonAttributes attributes_;
  std::map<std::string, v1::Person> persons_;  // below the base; empty while a snapshot has them
  std::map<std::string, v1::Person> outside_;
  absl::flat_hash_map<std::string, Links> links_;            // by person id
  absl::flat_hash_map<std::string, std::string> id_of_key_;  // persons whose id is not their key
  absl::flat_hash_map<std::string, Group> groups_;
  absl::flat_hash_map<std::string, std::string> containers_;  // key -> normalised DN
  std::shared_ptr<DirectorySnapshot> snapshot_;
  std::vector<std::string> borrowed_;                   // from outside_, by the last snapshot
  std::map<std::string, std::string> approval_groups_;  // of the last snapshot
};

}  // namespace muster
