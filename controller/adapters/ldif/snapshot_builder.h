// From entries to one DirectorySnapshot: who the persons are, and the groups below the approval
// groups, walked from the client's side. Shared by the LDIF file and the LDAP server.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <variant>
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
  struct OtherEntry {};  // neither a person nor a group
  // monostate: no such entry.
  using Found = std::variant<std::monostate, OtherEntry, PersonRecord, GroupRecord>;
  // What a DN, or an id as ParseGuidText() makes it, names. Any error ends the read.
  using Lookup = std::function<absl::StatusOr<Found>(const std::string& dn_or_id)>;

  // DATA_LOSS when two persons share an id, a DN, a UPN or an account name (whatever their case):
  // which of them is meant must never be guessed. `where` as in DirectoryEntry.
  absl::Status AddPerson(PersonRecord record, const std::string& where = "");
  // Many at once, without a copy. To be called first.
  absl::Status AddPersons(std::map<std::string, v1::Person> persons,
                          const std::function<PersonRecord(const std::string& id)>& links);

  size_t persons() const { return snapshot_.persons.size(); }

  // `approval_groups`: app id -> DN or GUID. FAILED_PRECONDITION: an approval group is missing,
  // is no group, or more groups or unknown members are reached than the caps allow. Those who have
  // a group as their primary group are its members too.
  absl::StatusOr<DirectorySnapshot> Finish(
      const std::map<std::string, std::string>& approval_groups, const Lookup& lookup);

  // Ids of the persons that were looked up for being members.
  const std::vector<std::string>& looked_up() const { return looked_up_; }

 private:
  template <const std::string& (v1::Person::*Name)() const>
  struct SameName {
    size_t operator()(const v1::Person* person) const;
    bool operator()(const v1::Person* a, const v1::Person* b) const;
  };
  template <const std::string& (v1::Person::*Name)() const>
  using ByName = absl::flat_hash_set<const v1::Person*, SameName<Name>, SameName<Name>>;

  absl::Status Index(const v1::Person& person, PersonRecord links, const std::string& where);
  // The two persons' places are for the error.
  absl::Status Twice(const v1::Person& first, const v1::Person& second,
                     const std::string& second_where, absl::string_view what,
                     absl::string_view value) const;
  absl::StatusOr<std::string> AddGroup(GroupRecord group);
  absl::Status AddMembers(const GroupRecord& group, const Lookup& lookup);
  absl::StatusOr<std::string> ResolveMember(const std::string& ref, const GroupRecord& group,
                                            const Lookup& lookup);
  absl::StatusOr<std::string> LookUpMember(const std::string& ref, const std::string& key,
                                           const GroupRecord& group, const Lookup& lookup);
  absl::Status AddApprovalGroup(const std::string& app_id, const std::string& configured,
                                const Lookup& lookup);
  bool KnowsPerson(const std::string& dn_or_id) const;
  void SetManagers();

  DirectorySnapshot snapshot_;
  absl::flat_hash_map<std::string, std::string> where_;  // person id -> "line 12"
  absl::flat_hash_map<std::string, const v1::Person*> by_dn_;
  ByName<&v1::Person::upn> by_upn_;
  ByName<&v1::Person::account_name> by_account_;
  std::vector<std::pair<std::string, std::string>> managers_;  // person id, DN or id
  absl::flat_hash_map<std::string, std::vector<const v1::Person*>> by_primary_group_;
  absl::flat_hash_map<std::string, std::string> groups_by_dn_;  // -> group id
  absl::flat_hash_set<std::string> foreign_;  // normalised DNs or ids that nobody counts for
  std::vector<GroupRecord> to_walk_;
  std::vector<std::string> looked_up_;
  size_t max_groups_ = 0;
};

}  // namespace muster
