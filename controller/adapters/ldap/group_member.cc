#include "controller/adapters/ldap/group_member.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

std::string DiagnosticOf(LDAP* ld) {
  char* text = nullptr;
  ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
  std::string out = text == nullptr ? "" : text;
  ldap_memfree(text);
  return out;
}

bool AlreadySo(int code, bool member) {
  return member ? code == LDAP_TYPE_OR_VALUE_EXISTS || code == LDAP_ALREADY_EXISTS
                : code == LDAP_NO_SUCH_ATTRIBUTE || code == LDAP_UNWILLING_TO_PERFORM;
}

struct Target {
  std::string group_dn, attribute, person_dn;
};

absl::StatusOr<Target> FindTarget(LdapConnection* connection, const DirectoryServer& server,
                                  const MemberChange& change) {
  if (!ParseGuidText(change.person_id).has_value()) {
    return absl::NotFoundError(absl::StrCat("\"", change.person_id, "\" is not a person's id"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> group,
                          FindEntry(connection, server, change.group, IdentityAttributeNames()));
  if (!group.has_value() || !IsGroup(*group)) {
    return absl::NotFoundError(absl::StrCat("the directory has no group ", change.group,
                                            "; create it or correct directory.groups"));
  }
  MUSTER_ASSIGN_OR_RETURN(
      const std::optional<DirectoryEntry> person,
      FindEntry(connection, server, change.person_id, IdentityAttributeNames()));
  if (!person.has_value() || !IsPerson(*person)) {
    return absl::NotFoundError(
        absl::StrCat("the directory has no person with the id ", change.person_id));
  }
  return Target{group->dn, MemberAttribute(*group), person->dn};
}

// One value in one modify: what others write to the group meanwhile stays.
int Modify(LdapConnection* connection, Target target, bool member) {
  berval bytes = {target.person_dn.size(), target.person_dn.data()};
  berval* values[] = {&bytes, nullptr};
  LDAPMod change = {};
  change.mod_op = (member ? LDAP_MOD_ADD : LDAP_MOD_DELETE) | LDAP_MOD_BVALUES;
  change.mod_type = target.attribute.data();
  change.mod_bvalues = values;
  LDAPMod* changes[] = {&change, nullptr};
  const SocketWatchdog::Guard guard(connection->watchdog());
  return ldap_modify_ext_s(connection->handle(), target.group_dn.c_str(), changes, nullptr,
                           nullptr);
}

// nullopt: there is no such group.
absl::StatusOr<std::optional<bool>> Compare(LdapConnection* connection, const std::string& group_dn,
                                            const std::string& attribute,
                                            const std::string& member_dn) {
  std::string value = member_dn;
  berval bytes = {value.size(), value.data()};
  const SocketWatchdog::Guard guard(connection->watchdog());
  const int code = ldap_compare_ext_s(connection->handle(), group_dn.c_str(), attribute.c_str(),
                                      &bytes, nullptr, nullptr);
  switch (code) {
    case LDAP_COMPARE_TRUE:
      return std::optional<bool>(true);
    case LDAP_COMPARE_FALSE:
    case LDAP_NO_SUCH_ATTRIBUTE:
      return std::optional<bool>(false);
    case LDAP_NO_SUCH_OBJECT:
      return std::optional<bool>();
    default:
      return connection->Error(code, absl::StrCat("read back ", group_dn),
                               DiagnosticOf(connection->handle()));
  }
}

// Whether `group_dn` still holds `member_dn`, whichever class of group it is.
absl::StatusOr<bool> Holds(LdapConnection* connection, const std::string& group_dn,
                           const std::string& member_dn) {
  for (const char* attribute : {"member", "uniqueMember"}) {
    absl::StatusOr<std::optional<bool>> holds = Compare(connection, group_dn, attribute, member_dn);
    // Active Directory knows no uniqueMember.
    if (absl::IsFailedPrecondition(holds.status()) && attribute[0] == 'u') return false;
    MUSTER_RETURN_IF_ERROR(holds.status());
    if (!holds->has_value()) return false;
    if (**holds) return true;
  }
  return false;
}

// By the name of then, which a server denies for certain; else by id, after a rename or a move.
absl::StatusOr<std::optional<DirectoryEntry>> FindPerson(LdapConnection* connection,
                                                         const DirectoryServer& server,
                                                         const PastMember& member,
                                                         const PersonAttributes& attributes) {
  const std::vector<std::string> names = PersonAttributeNames(attributes);
  if (!member.distinguished_name.empty()) {
    MUSTER_ASSIGN_OR_RETURN(std::optional<DirectoryEntry> entry,
                            ReadEntry(connection, member.distinguished_name, names));
    if (entry.has_value() && EntryId(*entry).value_or("") == member.person_id) return entry;
  }
  return FindEntry(connection, server, member.person_id, names);
}

// Whether every step of the path of then still is there.
absl::StatusOr<bool> StillOnPath(LdapConnection* connection, const PastMember& member,
                                 const std::string& person_dn) {
  std::vector<std::string> path = member.via;
  if (path.empty()) return false;
  path.push_back(person_dn);
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    MUSTER_ASSIGN_OR_RETURN(const bool holds, Holds(connection, path[i], path[i + 1]));
    if (!holds) return false;
  }
  return true;
}

// From a person up through the groups that hold them, by whatever path, to the approval group.
class UpwardWalk {
 public:
  UpwardWalk(LdapConnection* connection, const DirectoryServer& server, const PastMember& member)
      : connection_(connection), server_(server), member_(member) {}

  absl::StatusOr<bool> Reaches(const DirectoryEntry& person, const PersonRecord& record) {
    const std::string& ref = !member_.group.empty() ? member_.group
                             : member_.via.empty()  ? person.dn
                                                    : member_.via.front();
    MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> approval,
                            FindEntry(connection_, server_, ref, IdentityAttributeNames()));
    if (!approval.has_value()) return false;
    MUSTER_ASSIGN_OR_RETURN(goal_, EntryId(*approval));
    level_ = {person.dn};
    if (server_.active_directory && !record.primary_group.empty()) {
      MUSTER_RETURN_IF_ERROR(AddPrimaryGroup(record.primary_group));
    }
    while (!level_.empty() && !seen_.contains(goal_)) {
      const std::vector<std::string> level = std::exchange(level_, {});
      for (size_t at = 0; at < level.size(); at += limits::kDnsPerFilter) {
        const size_t end = std::min(level.size(), at + limits::kDnsPerFilter);
        MUSTER_RETURN_IF_ERROR(AddHolders({level.begin() + static_cast<ptrdiff_t>(at),
                                           level.begin() + static_cast<ptrdiff_t>(end)}));
      }
    }
    return seen_.contains(goal_);
  }

 private:
  absl::Status Add(const DirectoryEntry& group) {
    MUSTER_ASSIGN_OR_RETURN(std::string id, EntryId(group));
    if (!seen_.insert(std::move(id)).second) return absl::OkStatus();
    if (seen_.size() > limits::kMaxGroupsPerApp) {
      return absl::FailedPreconditionError(absl::StrCat(
          member_.distinguished_name, " is in more than ", limits::kMaxGroupsPerApp, " groups"));
    }
    level_.push_back(group.dn);
    return absl::OkStatus();
  }

  // Not every server has an index of members; all have one of classes.
  absl::Status AddHolders(const std::vector<std::string>& dns) {
    std::string any;
    for (const std::string& dn : dns) {
      const std::string value = EscapeFilter(dn);
      absl::StrAppend(&any, "(member=", value, ")");
      if (!server_.active_directory) absl::StrAppend(&any, "(uniqueMember=", value, ")");
    }
    const std::string filter = server_.active_directory
                                   ? absl::StrCat("(&(objectClass=group)(|", any, "))")
                                   : absl::StrCat("(|", any, ")");
    for (const std::string& context : Contexts()) {
      MUSTER_RETURN_IF_ERROR(SearchPaged(connection_, context, filter, IdentityAttributeNames(),
                                         [&](DirectoryEntry group) { return Add(group); }));
    }
    return absl::OkStatus();
  }

  // Found by its SID ([MS-ADTS] 3.1.1.3.1.2.4), which no list of members names.
  absl::Status AddPrimaryGroup(const std::string& sid) {
    MUSTER_ASSIGN_OR_RETURN(
        const std::optional<DirectoryEntry> group,
        ReadEntry(connection_, absl::StrCat("<SID=", absl::BytesToHexString(sid), ">"),
                  IdentityAttributeNames()));
    return group.has_value() ? Add(*group) : absl::OkStatus();
  }

  std::vector<std::string> Contexts() const {
    return server_.active_directory ? std::vector<std::string>{server_.naming_context}
                                    : server_.naming_contexts;
  }

  LdapConnection* const connection_;
  const DirectoryServer& server_;
  const PastMember& member_;
  std::string goal_;
  absl::flat_hash_set<std::string> seen_;  // ids
  std::vector<std::string> level_;         // DNs whose holders are not known yet
};

}  // namespace

absl::Status SetMember(LdapConnection* connection, const DirectoryServer& server,
                       const MemberChange& change) {
  MUSTER_ASSIGN_OR_RETURN(const Target target, FindTarget(connection, server, change));
  const int code = Modify(connection, target, change.member);
  const std::string says = DiagnosticOf(connection->handle());
  const std::string doing = absl::StrCat(change.member ? "add " : "remove ", target.person_dn,
                                         change.member ? " to " : " from ", target.group_dn);
  if (code == LDAP_OBJECT_CLASS_VIOLATION && !change.member) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot ", doing,
                     ": this kind of group must keep at least one member; put a placeholder "
                     "that is not a person into it, then try again"));
  }
  if (code != LDAP_SUCCESS && !AlreadySo(code, change.member)) {
    return connection->Error(code, doing, says);
  }
  MUSTER_ASSIGN_OR_RETURN(const std::optional<bool> is_member,
                          Compare(connection, target.group_dn, target.attribute, target.person_dn));
  if (is_member.value_or(false) == change.member) return absl::OkStatus();
  if (code != LDAP_SUCCESS) return connection->Error(code, doing, says);
  return absl::AbortedError(absl::StrCat("cannot ", doing,
                                         ": the directory took the change, but reads back without "
                                         "it; someone else writes this group, try again"));
}

absl::Status ConfirmMemberGone(LdapConnection* connection, const DirectoryServer& server,
                               const PastMember& member, const PersonAttributes& attributes,
                               absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> entry,
                          FindPerson(connection, server, member, attributes));
  if (!entry.has_value() || !IsPerson(*entry)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const PersonRecord record, PersonFromEntry(*entry, attributes));
  const v1::Person& person = record.person;
  if (!person.enabled()) return absl::OkStatus();
  if (person.has_expires_at() && now >= FromProto(person.expires_at())) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const bool still, StillOnPath(connection, member, entry->dn));
  bool in = still;
  if (!in) {
    MUSTER_ASSIGN_OR_RETURN(in, UpwardWalk(connection, server, member).Reaches(*entry, record));
  }
  if (!in) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "the read showed ", entry->dn, " out of ", absl::StrJoin(member.via, " > "),
      ", but asked again the directory says that the person is in; nothing of this read was used"));
}

}  // namespace muster
