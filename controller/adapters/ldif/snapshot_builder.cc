#include "controller/adapters/ldif/snapshot_builder.h"

#include <algorithm>
#include <optional>

#include "absl/hash/hash.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

// The normal form of a DN that came out of the directory itself.
absl::StatusOr<std::string> KeyOf(absl::string_view dn, absl::string_view in) {
  absl::StatusOr<std::string> key = NormalizeDn(dn);
  if (key.ok()) return key;
  return absl::DataLossError(absl::StrCat(absl::CHexEscape(in), ": ", key.status().message()));
}

}  // namespace

template <const std::string& (v1::Person::*Name)() const>
size_t SnapshotBuilder::SameName<Name>::operator()(const v1::Person* person) const {
  return absl::HashOf(absl::AsciiStrToLower((person->*Name)()));
}

template <const std::string& (v1::Person::*Name)() const>
bool SnapshotBuilder::SameName<Name>::operator()(const v1::Person* a, const v1::Person* b) const {
  return absl::EqualsIgnoreCase((a->*Name)(), (b->*Name)());
}

absl::Status SnapshotBuilder::Twice(const v1::Person& first, const v1::Person& second,
                                    const std::string& second_where, absl::string_view what,
                                    absl::string_view value) const {
  const bool files = !where_.empty() || !second_where.empty();
  if (!files && second.distinguished_name() < first.distinguished_name()) {
    return Twice(second, first, "", what, value);  // a server has no order
  }
  const auto place = where_.find(first.person_id());
  const std::string first_where = place == where_.end() ? "" : place->second;
  return absl::DataLossError(
      absl::StrCat(Describe({first.distinguished_name(), first_where, {}}), " and ",
                   Describe({second.distinguished_name(), second_where, {}}), " have the same ",
                   what, " \"", absl::AsciiStrToLower(value),
                   "\"; Muster does not guess between two persons: correct one ", "of them"));
}

absl::Status SnapshotBuilder::Index(const v1::Person& person, PersonRecord links,
                                    const std::string& where) {
  const std::string& dn = person.distinguished_name();
  MUSTER_ASSIGN_OR_RETURN(std::string key, KeyOf(dn, dn));
  if (const auto [it, added] = by_dn_.try_emplace(std::move(key), &person); !added) {
    return Twice(*it->second, person, where, "DN", it->first);
  }
  if (!person.upn().empty()) {
    const auto [it, added] = by_upn_.insert(&person);
    if (!added) return Twice(**it, person, where, "UPN", person.upn());
  }
  if (!person.account_name().empty()) {
    const auto [it, added] = by_account_.insert(&person);
    if (!added) return Twice(**it, person, where, "account name", person.account_name());
  }
  if (!links.manager.empty()) {
    managers_.emplace_back(person.person_id(), std::move(links.manager));
  }
  if (!links.primary_group.empty()) by_primary_group_[links.primary_group].push_back(&person);
  return absl::OkStatus();
}

absl::Status SnapshotBuilder::AddPerson(PersonRecord record, const std::string& where) {
  if (snapshot_.persons.size() >= limits::kMaxPersons) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the directory has more than ", limits::kMaxPersons, " persons; narrow the base DN"));
  }
  const std::string id = record.person.person_id();
  const auto [it, added] = snapshot_.persons.try_emplace(id, std::move(record.person));
  if (!added) return Twice(it->second, record.person, where, "id", id);
  MUSTER_RETURN_IF_ERROR(Index(it->second, std::move(record), where));
  if (!where.empty()) where_[id] = where;
  return absl::OkStatus();
}

absl::Status SnapshotBuilder::AddPersons(
    std::map<std::string, v1::Person> persons,
    const std::function<PersonRecord(const std::string& id)>& links) {
  snapshot_.persons = std::move(persons);
  for (const auto& [id, person] : snapshot_.persons) {
    MUSTER_RETURN_IF_ERROR(Index(person, links(id), ""));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotBuilder::AddGroup(GroupRecord group) {
  MUSTER_ASSIGN_OR_RETURN(std::string key, KeyOf(group.name, group.name));
  const std::string id = group.group_id;
  if (snapshot_.persons.contains(id)) {
    return absl::DataLossError(absl::StrCat(absl::CHexEscape(group.name), " has the id ", id,
                                            ", which is already a person's; give it its own"));
  }
  groups_by_dn_[key] = id;
  if (!snapshot_.groups.try_emplace(id, DirectoryGroup{id, group.name, {}}).second) return id;
  if (snapshot_.groups.size() > max_groups_) {
    return absl::FailedPreconditionError(absl::StrCat("the approval groups reach more than ",
                                                      max_groups_,
                                                      " groups; narrow them and sync again"));
  }
  to_walk_.push_back(std::move(group));
  return id;
}

absl::StatusOr<std::string> SnapshotBuilder::ResolveMember(const std::string& ref,
                                                           const GroupRecord& group,
                                                           const Lookup& lookup) {
  if (const std::optional<std::string> id = ParseGuidText(ref); id.has_value()) {
    if (snapshot_.persons.contains(*id) || snapshot_.groups.contains(*id)) return *id;
    return LookUpMember(ref, *id, group, lookup);
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string key, KeyOf(ref, group.name));
  if (const auto it = by_dn_.find(key); it != by_dn_.end()) return it->second->person_id();
  if (const auto it = groups_by_dn_.find(key); it != groups_by_dn_.end()) return it->second;
  return LookUpMember(ref, key, group, lookup);
}

absl::StatusOr<std::string> SnapshotBuilder::LookUpMember(const std::string& ref,
                                                          const std::string& key,
                                                          const GroupRecord& group,
                                                          const Lookup& lookup) {
  if (foreign_.contains(key)) return key;
  MUSTER_ASSIGN_OR_RETURN(Found found, lookup(ref));
  if (auto* nested = std::get_if<GroupRecord>(&found)) return AddGroup(std::move(*nested));
  if (auto* person = std::get_if<PersonRecord>(&found)) {
    // Outside the base of the search, or created after it: in the group all the same.
    std::string id = person->person.person_id();
    MUSTER_RETURN_IF_ERROR(AddPerson(std::move(*person)));
    looked_up_.push_back(id);
    return id;
  }
  if (foreign_.size() >= limits::kMaxForeignMembers) {
    return absl::FailedPreconditionError(
        absl::StrCat("the approval groups have more than ", limits::kMaxForeignMembers,
                     " members that are neither persons nor groups, such as in ",
                     absl::CHexEscape(group.name), "; remove them and sync again"));
  }
  foreign_.insert(key);
  return key;
}

absl::Status SnapshotBuilder::AddMembers(const GroupRecord& group, const Lookup& lookup) {
  std::vector<std::string> ids;
  ids.reserve(group.members.size());
  for (const std::string& ref : group.members) {
    // The empty DN is the usual placeholder of a groupOfNames, which must have a member.
    if (absl::StripAsciiWhitespace(ref).empty()) continue;
    MUSTER_ASSIGN_OR_RETURN(std::string id, ResolveMember(ref, group, lookup));
    ids.push_back(std::move(id));
  }
  const auto primary = by_primary_group_.find(group.sid);
  if (!group.sid.empty() && primary != by_primary_group_.end()) {
    for (const v1::Person* person : primary->second) ids.push_back(person->person_id());
  }
  // However the directory lists them, the same members give the same snapshot.
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  snapshot_.groups.at(group.group_id).member_ids = std::move(ids);
  return absl::OkStatus();
}

bool SnapshotBuilder::KnowsPerson(const std::string& dn_or_id) const {
  if (const std::optional<std::string> id = ParseGuidText(dn_or_id); id.has_value()) {
    return snapshot_.persons.contains(*id);
  }
  const absl::StatusOr<std::string> key = NormalizeDn(dn_or_id);
  return key.ok() && by_dn_.contains(*key);
}

absl::Status SnapshotBuilder::AddApprovalGroup(const std::string& app_id,
                                               const std::string& configured,
                                               const Lookup& lookup) {
  absl::StatusOr<Found> found = Found(OtherEntry());
  if (!KnowsPerson(configured)) found = lookup(ParseGuidText(configured).value_or(configured));
  if (absl::IsInvalidArgument(found.status())) {
    return absl::FailedPreconditionError(absl::StrCat("the approval group of ", app_id, ": ",
                                                      found.status().message(),
                                                      "; correct directory.groups.", app_id));
  }
  MUSTER_RETURN_IF_ERROR(found.status());
  auto* group = std::get_if<GroupRecord>(&*found);
  if (group == nullptr) {
    const bool missing = std::holds_alternative<std::monostate>(*found);
    return absl::FailedPreconditionError(
        absl::StrCat("the approval group of ", app_id, ", ", configured,
                     missing ? ", is not in the directory" : ", is not a group",
                     "; create it or correct directory.groups.", app_id));
  }
  MUSTER_ASSIGN_OR_RETURN(snapshot_.approval[app_id], AddGroup(std::move(*group)));
  return absl::OkStatus();
}

// A manager who is not among the persons read is nobody Muster can name.
void SnapshotBuilder::SetManagers() {
  for (const auto& [id, ref] : managers_) {
    std::string manager;
    if (const std::optional<std::string> guid = ParseGuidText(ref); guid.has_value()) {
      if (snapshot_.persons.contains(*guid)) manager = *guid;
    } else if (const absl::StatusOr<std::string> key = NormalizeDn(ref); key.ok()) {
      const auto it = by_dn_.find(*key);
      if (it != by_dn_.end()) manager = it->second->person_id();
    }
    v1::Person& person = snapshot_.persons.at(id);
    if (manager.empty()) {
      person.clear_manager_id();
    } else {
      person.set_manager_id(manager);
    }
  }
}

absl::StatusOr<DirectorySnapshot> SnapshotBuilder::Finish(
    const std::map<std::string, std::string>& approval_groups, const Lookup& lookup) {
  max_groups_ = limits::kMaxGroupsPerApp * std::max<size_t>(approval_groups.size(), 1);
  for (const auto& [app_id, configured] : approval_groups) {
    MUSTER_RETURN_IF_ERROR(AddApprovalGroup(app_id, configured, lookup));
  }
  while (!to_walk_.empty()) {
    const GroupRecord group = std::move(to_walk_.back());
    to_walk_.pop_back();
    MUSTER_RETURN_IF_ERROR(AddMembers(group, lookup));
  }
  SetManagers();
  return std::move(snapshot_);
}

}  // namespace muster
