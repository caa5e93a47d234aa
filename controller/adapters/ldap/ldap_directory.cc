#include "controller/adapters/ldap/ldap_directory.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/guid.h"
#include "controller/adapters/ldif/snapshot_builder.h"

namespace muster {
namespace {

constexpr char kPersons[] = "(|(objectClass=inetOrgPerson)(objectClass=user))";
// [MS-ADTS] 3.1.1.3.4.1.
constexpr char kActiveDirectoryOid[] = "1.2.840.113556.1.4.800";

const std::vector<std::string>& PersonAttributeNames() {
  static const auto& kNames = *new std::vector<std::string>{"objectClass",
                                                            "objectGUID",
                                                            "entryUUID",
                                                            "sAMAccountName",
                                                            "uid",
                                                            "mail",
                                                            "displayName",
                                                            "userPrincipalName",
                                                            "cn",
                                                            "userAccountControl",
                                                            "accountExpires",
                                                            "pwdAccountLockedTime"};
  return kNames;
}

// What a member turns out to be is known only once it is read.
const std::vector<std::string>& AllAttributes() {
  static const auto& kNames = *[] {
    auto* names = new std::vector<std::string>(PersonAttributeNames());
    names->insert(names->end(), {"member", "uniqueMember"});
    return names;
  }();
  return kNames;
}

// No members: a group of 20,000 must not be read to change one.
const std::vector<std::string>& IdentityAttributes() {
  static const auto& kNames =
      *new std::vector<std::string>{"objectClass", "objectGUID", "entryUUID"};
  return kNames;
}

absl::Status NoSuchGroup(const std::string& group) {
  return absl::NotFoundError(absl::StrCat("the directory has no group ", group,
                                          "; create it or correct directory.groups"));
}

// Results that say "it already is so", which reading back confirms: Active Directory answers 68
// and 53 where OpenLDAP answers 20 and 16.
bool AlreadySo(int code, bool member) {
  return member ? code == LDAP_TYPE_OR_VALUE_EXISTS || code == LDAP_ALREADY_EXISTS
                : code == LDAP_NO_SUCH_ATTRIBUTE || code == LDAP_UNWILLING_TO_PERFORM;
}

std::string DiagnosticOf(LDAP* ld) {
  char* text = nullptr;
  ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
  std::string out = text == nullptr ? "" : text;
  ldap_memfree(text);
  return out;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LdapDirectory>> LdapDirectory::Open(LdapOptions options) {
  const absl::Status checked = CheckLdapOptions(options);
  Secret password(&options.bind_password);
  MUSTER_RETURN_IF_ERROR(checked);
  return std::unique_ptr<LdapDirectory>(new LdapDirectory(std::move(options), std::move(password)));
}

template <typename Result, typename Operation>
Result LdapDirectory::WithConnection(const Operation& operation) {
  const bool kept = connection_ != nullptr;
  if (!kept) MUSTER_RETURN_IF_ERROR(Connect());
  Result result = operation();
  if (connection_->state() == LdapConnection::State::kAlive) return result;
  const bool lost = connection_->state() == LdapConnection::State::kLost;
  connection_.reset();
  if (!kept || !lost) return result;
  MUSTER_RETURN_IF_ERROR(Connect());
  Result again = operation();
  if (connection_->state() != LdapConnection::State::kAlive) connection_.reset();
  return again;
}

absl::Status LdapDirectory::Connect() {
  MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<LdapConnection> fresh,
                          LdapConnection::Connect(options_.uris.front(), options_, password_));
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> root,
                          ReadEntry(fresh.get(), "", {"namingContexts", "supportedCapabilities"}));
  server_ = {};
  if (root.has_value()) {
    if (const auto* contexts = root->Find("namingcontexts")) server_.naming_contexts = *contexts;
    if (const auto* capabilities = root->Find("supportedcapabilities")) {
      for (const std::string& oid : *capabilities) {
        if (oid == kActiveDirectoryOid) server_.active_directory = true;
      }
    }
  }
  if (server_.naming_contexts.empty()) server_.naming_contexts = {options_.base_dn};
  connection_ = std::move(fresh);
  return absl::OkStatus();
}

absl::StatusOr<DirectorySnapshotPtr> LdapDirectory::Read(
    const std::map<std::string, std::string>& approval_groups, ReadDepth) {
  const SigpipeGuard no_sigpipe;
  MutexLock lock(&mu_);
  absl::StatusOr<DirectorySnapshot> read = WithConnection<absl::StatusOr<DirectorySnapshot>>(
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return ReadAll(approval_groups); });
  MUSTER_RETURN_IF_ERROR(read.status());
  return std::make_shared<const DirectorySnapshot>(*std::move(read));
}

absl::Status LdapDirectory::ConfirmGone(const PastMember&) { return absl::OkStatus(); }

v1::DirectoryReading LdapDirectory::reading() const {
  v1::DirectoryReading out;
  out.set_method("paged search");
  out.set_server(options_.uris.front());
  return out;
}

absl::StatusOr<DirectorySnapshot> LdapDirectory::ReadAll(
    const std::map<std::string, std::string>& approval_groups) {
  SnapshotBuilder builder;
  absl::Status read = SearchPaged(
      connection_.get(), options_.base_dn, kPersons, PersonAttributeNames(), [&](DirectoryEntry entry) {
        // Computers are users to Active Directory; a filter on their class would match nothing on
        // a server that does not know it.
        return IsPerson(entry) ? builder.AddPerson(entry) : absl::OkStatus();
      });
  if (absl::IsNotFound(read)) {
    return absl::FailedPreconditionError(
        absl::StrCat(read.message(), "; correct directory.base_dn"));
  }
  MUSTER_RETURN_IF_ERROR(read);
  if (builder.persons() == 0) {
    // A server hides what an account may not read, and calls that success.
    return absl::FailedPreconditionError(
        absl::StrCat("there is no person below ", options_.base_dn, " that ", options_.bind_dn,
                     " may read; correct directory.base_dn or the right to read"));
  }
  return builder.Finish(approval_groups, [&](const std::string& ref) ABSL_EXCLUSIVE_LOCKS_REQUIRED(
                                             mu_) { return Find(ref, AllAttributes()); });
}

absl::StatusOr<std::optional<DirectoryEntry>> LdapDirectory::Find(
    const std::string& dn_or_guid, const std::vector<std::string>& attributes) {
  if (const std::optional<std::string> guid = ParseGuidText(dn_or_guid); guid.has_value()) {
    return FindByGuid(*guid, attributes);
  }
  return ReadEntry(connection_.get(), dn_or_guid, attributes);
}

absl::StatusOr<std::optional<DirectoryEntry>> LdapDirectory::FindByGuid(
    const std::string& guid, const std::vector<std::string>& attributes) {
  if (server_.active_directory) {
    return ReadEntry(connection_.get(), absl::StrCat("<GUID=", guid, ">"), attributes);
  }
  const std::string filter =
      absl::StrCat("(|(entryUUID=", guid, ")(objectGUID=", EscapeFilter(GuidToAdBytes(guid)), "))");
  for (const std::string& context : server_.naming_contexts) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<DirectoryEntry> found,
                            SearchFew(connection_.get(), context, filter, IdentityAttributes()));
    if (found.size() > 1) {
      return absl::DataLossError(absl::StrCat(Describe(found[0]), " and ", Describe(found[1]),
                                              " have the same id ", guid, "; correct one of them"));
    }
    // Read again by DN, which completes ranged attributes.
    if (!found.empty()) return ReadEntry(connection_.get(), found[0].dn, attributes);
  }
  return std::nullopt;
}

absl::Status LdapDirectory::AddMember(const std::string& group, const std::string& person_id) {
  return SetMember(group, person_id, true);
}

absl::Status LdapDirectory::RemoveMember(const std::string& group, const std::string& person_id) {
  return SetMember(group, person_id, false);
}

absl::Status LdapDirectory::SetMember(const std::string& group, const std::string& person_id,
                                      bool member) {
  const SigpipeGuard no_sigpipe;
  MutexLock lock(&mu_);
  // Once more after a lost connection is safe: what the first try did then is "already so".
  return WithConnection<absl::Status>(
      [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return Modify(group, person_id, member); });
}

absl::Status LdapDirectory::Modify(const std::string& group, const std::string& person_id,
                                   bool member) {
  if (!ParseGuidText(person_id).has_value()) {
    return absl::NotFoundError(absl::StrCat("\"", person_id, "\" is not a person's id"));
  }
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> to,
                          Find(group, IdentityAttributes()));
  if (!to.has_value() || !IsGroup(*to)) return NoSuchGroup(group);
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> person,
                          Find(person_id, IdentityAttributes()));
  if (!person.has_value() || !IsPerson(*person)) {
    return absl::NotFoundError(absl::StrCat("the directory has no person with the id ", person_id));
  }
  std::string attribute = MemberAttribute(*to), value = person->dn;
  berval bytes = {value.size(), value.data()};
  berval* values[] = {&bytes, nullptr};
  LDAPMod change = {};
  change.mod_op = (member ? LDAP_MOD_ADD : LDAP_MOD_DELETE) | LDAP_MOD_BVALUES;
  change.mod_type = attribute.data();
  change.mod_bvalues = values;
  LDAPMod* changes[] = {&change, nullptr};
  const int code = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const SocketWatchdog::Guard guard(connection_->watchdog());
    return ldap_modify_ext_s(connection_->handle(), to->dn.c_str(), changes, nullptr, nullptr);
  }();
  const std::string says = DiagnosticOf(connection_->handle());
  const std::string doing =
      absl::StrCat(member ? "add " : "remove ", value, member ? " to " : " from ", to->dn);
  if (code == LDAP_OBJECT_CLASS_VIOLATION && !member) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot ", doing,
                     ": this kind of group must keep at least one member; put a placeholder "
                     "that is not a person into it, then try again"));
  }
  if (code != LDAP_SUCCESS && !AlreadySo(code, member)) {
    return connection_->Error(code, doing, says);
  }
  MUSTER_ASSIGN_OR_RETURN(const bool is_member, HasMember(to->dn, attribute, value));
  if (is_member == member) return absl::OkStatus();
  if (code != LDAP_SUCCESS) return connection_->Error(code, doing, says);
  return absl::AbortedError(absl::StrCat("cannot ", doing,
                                         ": the directory took the change, but reads back without "
                                         "it; someone else writes this group, try again"));
}

absl::StatusOr<bool> LdapDirectory::HasMember(const std::string& group_dn,
                                              const std::string& attribute,
                                              const std::string& person_dn) {
  std::string value = person_dn;
  berval bytes = {value.size(), value.data()};
  const SocketWatchdog::Guard guard(connection_->watchdog());
  const int code = ldap_compare_ext_s(connection_->handle(), group_dn.c_str(), attribute.c_str(),
                                      &bytes, nullptr, nullptr);
  if (code == LDAP_COMPARE_TRUE) return true;
  if (code == LDAP_COMPARE_FALSE || code == LDAP_NO_SUCH_ATTRIBUTE) return false;
  return connection_->Error(code, absl::StrCat("read back ", group_dn),
                            DiagnosticOf(connection_->handle()));
}

}  // namespace muster
