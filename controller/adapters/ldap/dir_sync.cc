#include "controller/adapters/ldap/dir_sync.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/ldap_query.h"
#include "controller/adapters/ldif/extended_dn.h"

namespace muster {
namespace {

// Flags of the control.
constexpr unsigned kObjectSecurity = 0x1;
constexpr unsigned kIncrementalValues = 0x80000000;

constexpr char kShowDeletedOid[] = "1.2.840.113556.1.4.417";
constexpr char kDeletedObjects[] = "18E2EA80684F11D2B9AA00C04F79F805";  // [MS-ADTS] 6.1.1.4

// Containers too: when one moves, the DNs below it change without a word.
constexpr char kDirSyncFilter[] =
    "(|(objectClass=user)(objectClass=group)(objectClass=organizationalUnit)"
    "(objectClass=container))";

struct Answer {
  bool more = false;
  std::string cookie;
};

std::optional<Answer> ParseAnswer(const LdapResult& result) {
  const auto it = result.controls.find(kDirSyncOid);
  if (it == result.controls.end()) return std::nullopt;
  berval bytes = {it->second.size(), const_cast<char*>(it->second.data())};
  BerElement* const ber = ber_init(&bytes);
  ber_int_t more = 0, unused = 0;
  berval cookie = {0, nullptr};
  const bool ok = ber != nullptr && ber_scanf(ber, "{iim}", &more, &unused, &cookie) != LBER_ERROR;
  std::optional<Answer> out;
  if (ok)
    out = {more != 0, std::string(cookie.bv_val == nullptr ? "" : cookie.bv_val, cookie.bv_len)};
  ber_free(ber, 1);
  return out;
}

// Answers by which a server says that it will not stream to this account, or at all.
bool Refuses(int code) {
  return code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_UNAVAILABLE_CRITICAL_EXTENSION ||
         code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_INAPPROPRIATE_AUTH;
}

std::vector<std::string> Refs(const DirectoryEntry& entry, const std::string& attribute) {
  std::vector<std::string> out;
  const std::vector<std::string>* values = entry.Find(attribute);
  if (values == nullptr) return out;
  for (const std::string& value : *values) out.push_back(DnOrId(value));
  return out;
}

std::vector<std::string> MembersWithIds(const DirectoryEntry& entry) {
  const std::vector<std::string>* values = entry.Find("member");
  return values == nullptr ? std::vector<std::string>() : *values;
}

bool IsDeleted(const DirectoryEntry& entry) {
  const std::vector<std::string>* values = entry.Find("isdeleted");
  return values != nullptr && !values->empty() && absl::EqualsIgnoreCase(values->front(), "TRUE");
}

}  // namespace

std::vector<std::string> DirSyncFeed::notes() const {
  if (sees_deletions_) return {};
  return {
      "deleted accounts are hidden from Muster's account: its groups are read whole with every "
      "change read instead, and a deletion itself is seen by the daily full read; give the account "
      "\"Replicating Directory Changes\" on the domain and read on CN=Deleted Objects"};
}

absl::StatusOr<bool> DirSyncFeed::StreamPart(LdapConnection* connection, bool changes_only,
                                             const EntrySink& sink) {
  const std::string doing = absl::StrCat("read the changes below ", server_.naming_context);
  const unsigned flags =
      (own_rights_only_ ? kObjectSecurity : 0) | (changes_only ? kIncrementalValues : 0);
  LdapQuery query;
  query.base = server_.naming_context;
  query.filter = kDirSyncFilter;
  query.attributes = AllAttributeNames(attributes_);
  query.attributes.push_back("isDeleted");
  query.controls = {{kDirSyncOid, BerValue("{iio}", static_cast<ber_int_t>(flags),
                                           static_cast<ber_int_t>(limits::kDirSyncBytes),
                                           cookie_.data(), static_cast<ber_len_t>(cookie_.size()))},
                    ExtendedDnControl()};
  MUSTER_ASSIGN_OR_RETURN(
      const LdapResult result, RunQuery(connection, query, doing, [&](LdapReply reply) {
        return reply.intermediate ? absl::OkStatus() : sink(std::move(reply.entry));
      }));
  if (result.code != LDAP_SUCCESS) {
    const absl::Status error = connection->Error(result.code, doing, result.server_says);
    if (absl::IsUnavailable(error)) return error;
    if (changes_only) return absl::AbortedError(error.message());
    return Refuses(result.code) ? absl::UnimplementedError(error.message()) : error;
  }
  std::optional<Answer> answer = ParseAnswer(result);
  if (!answer.has_value() || answer->cookie.empty()) {
    return absl::DataLossError(
        absl::StrCat("cannot ", doing,
                     ": the server answered without a cookie, so nobody knows whether the "
                     "answer is whole; nothing of it was used"));
  }
  cookie_ = std::move(answer->cookie);
  return answer->more;
}

absl::Status DirSyncFeed::Stream(LdapConnection* connection, bool changes_only,
                                 const EntrySink& sink) {
  for (size_t part = 0; part < limits::kMaxLdapPages; ++part) {
    MUSTER_ASSIGN_OR_RETURN(const bool more, StreamPart(connection, changes_only, sink));
    if (!more) return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat("the changes below ", server_.naming_context,
                                          " have no end after ", limits::kMaxLdapPages, " parts"));
}

absl::Status DirSyncFeed::Load(LdapConnection* connection, ReplicaState* state) {
  std::vector<std::string> ranged;  // Windows gives the first 1,500 members only
  const EntrySink put = [&](DirectoryEntry entry) -> absl::Status {
    if (IsDeleted(entry)) return absl::OkStatus();
    MUSTER_ASSIGN_OR_RETURN(std::string id, EntryId(entry));
    if (!HasRanges(entry)) return state->Put(id, entry);
    ranged.push_back(std::move(id));
    return absl::OkStatus();
  };
  absl::Status status = Stream(connection, false, put);
  if (absl::IsUnimplemented(status)) {
    own_rights_only_ = true;
    cookie_.clear();
    status = Stream(connection, false, put);
  }
  MUSTER_RETURN_IF_ERROR(status);
  for (const std::string& id : ranged) MUSTER_RETURN_IF_ERROR(ReadAgain(connection, id, state));
  MUSTER_ASSIGN_OR_RETURN(sees_deletions_, MaySeeDeletions(connection));
  return absl::OkStatus();
}

absl::StatusOr<bool> DirSyncFeed::MaySeeDeletions(LdapConnection* connection) const {
  if (own_rights_only_) return false;
  const absl::StatusOr<std::optional<DirectoryEntry>> container = ReadEntry(
      connection, absl::StrCat("<WKGUID=", kDeletedObjects, ",", server_.naming_context, ">"),
      {"objectClass"}, {{kShowDeletedOid, "", true}});
  if (absl::IsUnavailable(container.status())) return container.status();
  return container.ok() && container->has_value();
}

absl::Status DirSyncFeed::Update(LdapConnection* connection, ReplicaState* state) {
  std::vector<DirectoryEntry> changes;
  MUSTER_RETURN_IF_ERROR(Stream(connection, true, [&](DirectoryEntry entry) {
    if (changes.size() >= limits::kMaxDirectoryChanges) {
      return absl::AbortedError("so much changed that everything is read anew");
    }
    changes.push_back(std::move(entry));
    return absl::OkStatus();
  }));
  const std::vector<std::string> groups = state->GroupsInUse();  // a change makes it forget them
  for (const DirectoryEntry& change : changes) {
    MUSTER_RETURN_IF_ERROR(Apply(connection, change, state));
  }
  if (sees_deletions_) return absl::OkStatus();
  for (const std::string& group : groups) {
    MUSTER_RETURN_IF_ERROR(ReadAgain(connection, group, state));
  }
  return absl::OkStatus();
}

// A change holds the attributes that changed, and those alone.
absl::Status DirSyncFeed::Apply(LdapConnection* connection, const DirectoryEntry& change,
                                ReplicaState* state) {
  MUSTER_ASSIGN_OR_RETURN(const std::string id, EntryId(change));
  if (IsDeleted(change)) return state->Remove(id), absl::OkStatus();
  const bool only_members = change.Find("member") == nullptr;
  if (!state->HasGroup(id) || !only_members) return ReadAgain(connection, id, state);
  // [MS-ADTS] 3.1.1.3.4.1.3: "1-1" are added values, "0-0" removed ones.
  return state->ChangeGroup(id, change.dn, Refs(change, "member;range=1-1"),
                            Refs(change, "member;range=0-0"));
}

absl::Status DirSyncFeed::ReadAgain(LdapConnection* connection, const std::string& id,
                                    ReplicaState* state) {
  MUSTER_ASSIGN_OR_RETURN(
      const std::optional<DirectoryEntry> entry,
      ReadEntry(connection, absl::StrCat("<GUID=", id, ">"), AllAttributeNames(attributes_)));
  if (!entry.has_value()) return state->Remove(id), absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(state->Put(id, *entry));
  // A member whose name is not the one known was moved where the stream does not reach.
  for (const std::string& value : MembersWithIds(*entry)) {
    const ExtendedDn member = ParseExtendedDn(value);
    if (!state->HasPerson(member.guid) || state->DnOf(member.guid) == member.dn) continue;
    MUSTER_RETURN_IF_ERROR(ReadAgain(connection, member.guid, state));
  }
  return absl::OkStatus();
}

}  // namespace muster
