#include "controller/adapters/ldif/snapshot_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

// Each costs a question to the server.

// The normal form of a DN that came out of the directory itself.
absl::StatusOr<std::string> KeyOf(absl::string_view dn, const DirectoryEntry& entry) {
  absl::StatusOr<std::string> key = NormalizeDn(dn);
  if (key.ok()) return key;
  return absl::DataLossError(absl::StrCat(Describe(entry), ": ", key.status().message()));
}

}  // namespace

absl::Status SnapshotBuilder::Unique(absl::flat_hash_map<std::string, std::string>* ids_by_key,
                                     std::string key, absl::string_view what,
                                     const v1::Person& person, const std::string& where) {
  const auto [other, inserted] = ids_by_key->try_emplace(key, person.person_id());
  if (inserted) return absl::OkStatus();
  const DirectoryEntry first = {snapshot_.persons.at(other->second).distinguished_name(),
                                where_.contains(other->second) ? where_.at(other->second) : "",
                                {}};
  const DirectoryEntry second = {person.distinguished_name(), where, {}};
  return absl::DataLossError(
      absl::StrCat(Describe(first), " and ", Describe(second), " have the same ", what, " \"", key,
                   "\"; Muster does not guess between two persons: ", "correct one of them"));
}

absl::Status SnapshotBuilder::AddPerson(const DirectoryEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(v1::Person person, PersonFromEntry(entry));
  if (snapshot_.persons.size() >= limits::kMaxPersons) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the directory has more than ", limits::kMaxPersons, " persons; narrow the base DN"));
  }
  const std::string& id = person.person_id();
  if (const auto other = snapshot_.persons.find(id); other != snapshot_.persons.end()) {
    absl::flat_hash_map<std::string, std::string> ids = {{id, id}};
    return Unique(&ids, id, "id", person, entry.where);
  }
  MUSTER_ASSIGN_OR_RETURN(std::string key, KeyOf(entry.dn, entry));
  MUSTER_RETURN_IF_ERROR(Unique(&by_dn_, std::move(key), "DN", person, entry.where));
  if (std::string upn = absl::AsciiStrToLower(person.upn()); !upn.empty()) {
    MUSTER_RETURN_IF_ERROR(Unique(&by_upn_, std::move(upn), "UPN", person, entry.where));
  }
  if (std::string account = absl::AsciiStrToLower(person.account_name()); !account.empty()) {
    MUSTER_RETURN_IF_ERROR(
        Unique(&by_account_, std::move(account), "account name", person, entry.where));
  }
  if (!entry.where.empty()) where_[id] = entry.where;
  snapshot_.persons.emplace(id, std::move(person));
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotBuilder::AddGroup(const DirectoryEntry& entry) {
  MUSTER_ASSIGN_OR_RETURN(std::string id, EntryId(entry));
  MUSTER_ASSIGN_OR_RETURN(std::string key, KeyOf(entry.dn, entry));
  if (!IsValidUtf8(entry.dn)) {
    return absl::DataLossError(absl::StrCat(Describe(entry), ": the DN is not valid UTF-8"));
  }
  if (snapshot_.persons.contains(id)) {
    return absl::DataLossError(absl::StrCat(Describe(entry), " has the id ", id,
                                            ", which is already a person's; give it its own"));
  }
  groups_by_dn_[key] = id;
  if (!snapshot_.groups.try_emplace(id, DirectoryGroup{id, entry.dn, {}}).second) return id;
  if (snapshot_.groups.size() > max_groups_) {
    return absl::FailedPreconditionError(absl::StrCat("the approval groups reach more than ",
                                                      max_groups_,
                                                      " groups; narrow them and sync again"));
  }
  to_walk_.push_back(entry);
  return id;
}

absl::StatusOr<std::string> SnapshotBuilder::ResolveMember(const std::string& dn,
                                                           const DirectoryEntry& group,
                                                           const Lookup& lookup) {
  MUSTER_ASSIGN_OR_RETURN(std::string key, KeyOf(dn, group));
  if (const auto it = by_dn_.find(key); it != by_dn_.end()) return it->second;
  if (const auto it = groups_by_dn_.find(key); it != groups_by_dn_.end()) return it->second;
  if (foreign_.contains(key)) return key;
  MUSTER_ASSIGN_OR_RETURN(std::optional<DirectoryEntry> entry, lookup(dn));
  if (entry.has_value() && IsGroup(*entry)) return AddGroup(*entry);
  if (entry.has_value() && IsPerson(*entry)) {
    // Outside the base of the search, or created after it: in the group all the same.
    MUSTER_RETURN_IF_ERROR(AddPerson(*entry));
    return EntryId(*entry);
  }
  if (foreign_.size() >= limits::kMaxForeignMembers) {
    return absl::FailedPreconditionError(
        absl::StrCat("the approval groups have more than ", limits::kMaxForeignMembers,
                     " members that are neither persons nor groups, such as in ", Describe(group),
                     "; remove them and sync again"));
  }
  foreign_.insert(key);
  return key;
}

absl::Status SnapshotBuilder::AddMembers(DirectoryGroup* group, const DirectoryEntry& entry,
                                         const Lookup& lookup) {
  for (const std::string& dn : MemberDns(entry)) {
    // The empty DN is the usual placeholder of a groupOfNames, which must have a member.
    if (absl::StripAsciiWhitespace(dn).empty()) continue;
    MUSTER_ASSIGN_OR_RETURN(std::string id, ResolveMember(dn, entry, lookup));
    group->member_ids.push_back(std::move(id));
  }
  return absl::OkStatus();
}

absl::StatusOr<DirectorySnapshot> SnapshotBuilder::Finish(
    const std::map<std::string, std::string>& approval_groups, const Lookup& lookup) {
  max_groups_ = limits::kMaxGroupsPerApp * std::max<size_t>(approval_groups.size(), 1);
  for (const auto& [app_id, configured] : approval_groups) {
    const std::string ref = ParseGuidText(configured).value_or(configured);
    absl::StatusOr<std::optional<DirectoryEntry>> entry = lookup(ref);
    if (absl::IsInvalidArgument(entry.status())) {
      return absl::FailedPreconditionError(absl::StrCat("the approval group of ", app_id, ": ",
                                                        entry.status().message(),
                                                        "; correct directory.groups.", app_id));
    }
    MUSTER_RETURN_IF_ERROR(entry.status());
    if (!entry->has_value() || !IsGroup(**entry)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the approval group of ", app_id, ", ", configured,
                       entry->has_value() ? ", is not a group" : ", is not in the directory",
                       "; create it or correct directory.groups.", app_id));
    }
    MUSTER_ASSIGN_OR_RETURN(snapshot_.approval[app_id], AddGroup(**entry));
  }
  while (!to_walk_.empty()) {
    const DirectoryEntry entry = std::move(to_walk_.back());
    to_walk_.pop_back();
    MUSTER_ASSIGN_OR_RETURN(const std::string id, EntryId(entry));
    // Map nodes stay in place while more groups are added.
    MUSTER_RETURN_IF_ERROR(AddMembers(&snapshot_.groups.at(id), entry, lookup));
  }
  return std::move(snapshot_);
}

}  // namespace muster
