#include "controller/adapters/ldap/replica_state.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

// Who manages whom is worked out with each snapshot.
bool SamePerson(v1::Person a, const v1::Person& b) {
  a.set_manager_id(b.manager_id());
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

ReplicaState::ReplicaState(const std::string& base_dn, const PersonAttributes& attributes)
    : base_key_(NormalizeDn(base_dn).value_or("")), attributes_(attributes) {}

absl::Status ReplicaState::Put(const std::string& key, const DirectoryEntry& entry) {
  if (IsPerson(entry)) {
    MUSTER_ASSIGN_OR_RETURN(PersonRecord record, PersonFromEntry(entry, attributes_));
    return PutPerson(key, std::move(record));
  }
  if (IsGroup(entry)) {
    MUSTER_ASSIGN_OR_RETURN(GroupRecord record, GroupFromEntry(entry));
    return PutGroup(key, std::move(record));
  }
  if (Current(IdOf(key)) != nullptr || groups_.contains(key)) Remove(key);
  return IsContainer(entry) ? PutContainer(key, entry.dn) : absl::OkStatus();
}

std::string ReplicaState::DnOf(const std::string& key) const {
  return Current(IdOf(key))->distinguished_name();
}

bool ReplicaState::BelowBase(const std::string& dn) const {
  const std::string key = NormalizeDn(dn).value_or("");
  return key == base_key_ || absl::EndsWith(key, absl::StrCat(",", base_key_));
}

std::string ReplicaState::IdOf(const std::string& key) const {
  const auto it = id_of_key_.find(key);
  return it == id_of_key_.end() ? key : it->second;
}

ReplicaState::Links ReplicaState::LinksOf(const std::string& id) const {
  const auto it = links_.find(id);
  return it == links_.end() ? Links() : it->second;
}

const v1::Person* ReplicaState::Current(const std::string& id) const {
  for (const auto* persons : {snapshot_ == nullptr ? &persons_ : &snapshot_->persons, &outside_}) {
    if (const auto it = persons->find(id); it != persons->end()) return &it->second;
  }
  return nullptr;
}

absl::Status ReplicaState::PutPerson(const std::string& key, PersonRecord record) {
  const std::string id = record.person.person_id(), known = IdOf(key);
  const bool below = BelowBase(record.person.distinguished_name());
  const Links before = LinksOf(known);
  const v1::Person* current = Current(known);
  if (current != nullptr && known == id && before.manager == record.manager &&
      before.primary_group == record.primary_group && SamePerson(*current, record.person)) {
    return absl::OkStatus();
  }
  if (current != nullptr && known != id) Remove(key);
  if (known != id && Current(id) != nullptr) {
    return absl::DataLossError(absl::StrCat(record.person.distinguished_name(), " has the id ", id,
                                            ", which another entry has too; correct one of them"));
  }
  Reclaim();
  (below ? outside_ : persons_).erase(id);
  (below ? persons_ : outside_)[id] = std::move(record.person);
  if (key != id) id_of_key_[key] = id;
  links_.erase(id);
  Links links = {std::move(record.manager), std::move(record.primary_group)};
  if (!links.empty()) links_[id] = std::move(links);
  return absl::OkStatus();
}

absl::Status ReplicaState::PutGroup(const std::string& key, GroupRecord record) {
  Group group = {record.group_id, record.name, record.sid, {}};
  group.members.insert(record.members.begin(), record.members.end());
  const auto known = groups_.find(key);
  if (known != groups_.end() && known->second.id == group.id && known->second.name == group.name &&
      known->second.sid == group.sid && known->second.members == group.members) {
    return absl::OkStatus();
  }
  Reclaim();
  groups_[key] = std::move(group);
  return absl::OkStatus();
}

absl::Status ReplicaState::PutContainer(const std::string& key, const std::string& dn) {
  const std::string now = NormalizeDn(dn).value_or(dn);
  const auto [it, added] = containers_.try_emplace(key, now);
  if (added || it->second == now) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(it->second, " is now ", dn, ", so the names below it changed too"));
}

absl::Status ReplicaState::ChangeGroup(const std::string& key, const std::string& dn,
                                       const std::vector<std::string>& added,
                                       const std::vector<std::string>& removed) {
  Group& group = groups_.at(key);
  const auto has = [&](const std::string& ref) { return group.members.contains(ref); };
  if ((dn.empty() || dn == group.name) && std::all_of(added.begin(), added.end(), has) &&
      std::none_of(removed.begin(), removed.end(), has)) {
    return absl::OkStatus();
  }
  Reclaim();
  if (!dn.empty()) group.name = dn;
  for (const std::string& ref : removed) group.members.erase(ref);
  group.members.insert(added.begin(), added.end());
  return absl::OkStatus();
}

void ReplicaState::Remove(const std::string& key) {
  containers_.erase(key);
  const std::string id = IdOf(key);
  if (Current(id) == nullptr && !groups_.contains(key)) return;
  Reclaim();
  groups_.erase(key);
  for (auto& [other, group] : groups_) group.members.erase(key);
  persons_.erase(id);
  outside_.erase(id);
  links_.erase(id);
  id_of_key_.erase(key);
}

std::vector<std::string> ReplicaState::GroupsInUse() const {
  std::vector<std::string> out;
  if (snapshot_ == nullptr) return out;
  for (const auto& [key, group] : groups_) {
    if (snapshot_->groups.contains(group.id)) out.push_back(key);
  }
  return out;
}

void ReplicaState::Reclaim() {
  if (snapshot_ == nullptr) return;
  if (snapshot_.use_count() == 1) {
    persons_ = std::move(snapshot_->persons);
  } else {
    persons_ = snapshot_->persons;
  }
  snapshot_.reset();
  for (const std::string& id : borrowed_) persons_.erase(id);
  borrowed_.clear();
}

GroupRecord ReplicaState::RecordOf(const Group& group) const {
  GroupRecord out = {group.id, group.name, group.sid, {}};
  out.members.assign(group.members.begin(), group.members.end());
  return out;
}

absl::StatusOr<SnapshotBuilder::Found> ReplicaState::Find(
    const std::string& dn_or_id,
    const absl::flat_hash_map<std::string, std::string>& key_by_ref) const {
  std::string ref = dn_or_id;
  if (!ParseGuidText(dn_or_id).has_value()) {
    MUSTER_ASSIGN_OR_RETURN(ref, NormalizeDn(dn_or_id));
  }
  const auto it = key_by_ref.find(ref);
  if (it == key_by_ref.end()) return SnapshotBuilder::Found();
  if (const auto group = groups_.find(it->second); group != groups_.end()) {
    return RecordOf(group->second);
  }
  const Links links = LinksOf(it->second);
  return PersonRecord{outside_.at(it->second), links.manager, links.primary_group};
}

// Persons below the base are known to the builder already.
SnapshotBuilder::Lookup ReplicaState::Finder() {
  absl::flat_hash_map<std::string, std::string> key_by_ref;
  for (const auto& [key, group] : groups_) {
    key_by_ref[NormalizeDn(group.name).value_or("")] = key;
    key_by_ref[group.id] = key;
  }
  for (const auto& [id, person] : outside_) {
    key_by_ref[NormalizeDn(person.distinguished_name()).value_or("")] = id;
    key_by_ref[id] = id;
  }
  return [this, key_by_ref = std::move(key_by_ref)](const std::string& ref) {
    return Find(ref, key_by_ref);
  };
}

absl::StatusOr<std::shared_ptr<const DirectorySnapshot>> ReplicaState::Snapshot(
    const std::map<std::string, std::string>& approval_groups) {
  if (snapshot_ != nullptr && approval_groups == approval_groups_) return snapshot_;
  Reclaim();
  if (persons_.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no person below ", base_key_,
                     " that Muster may read; correct directory.base_dn or the right to read"));
  }
  SnapshotBuilder builder;
  MUSTER_RETURN_IF_ERROR(builder.AddPersons(std::move(persons_), [&](const std::string& id) {
    Links links = LinksOf(id);
    return PersonRecord{{}, std::move(links.manager), std::move(links.primary_group)};
  }));
  MUSTER_ASSIGN_OR_RETURN(DirectorySnapshot snapshot, builder.Finish(approval_groups, Finder()));
  snapshot_ = std::make_shared<DirectorySnapshot>(std::move(snapshot));
  borrowed_ = builder.looked_up();
  approval_groups_ = approval_groups;
  return snapshot_;
}

}  // namespace muster
