#include "controller/adapters/ldap/content_sync.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "controller/adapters/ldap/ldap_query.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

constexpr char kSyncStateOid[] = "1.3.6.1.4.1.4203.1.9.1.2";
constexpr char kSyncDoneOid[] = "1.3.6.1.4.1.4203.1.9.1.3";
constexpr char kSyncInfoOid[] = "1.3.6.1.4.1.4203.1.9.1.4";
constexpr int kRefreshOnly = 1;
enum SyncState { kAdd = 1, kModify = 2, kDelete = 3 };  // 0: present
// Tags of a Sync Info message.
constexpr ber_tag_t kNewCookie = 0x80, kRefreshDelete = 0xa1, kRefreshPresent = 0xa2, kIdSet = 0xa3;

// Containers too: when one is renamed, the DNs below it change without a word.
constexpr char kContentFilter[] =
    "(|(objectClass=inetOrgPerson)(objectClass=user)(objectClass=groupOfNames)"
    "(objectClass=groupOfUniqueNames)(objectClass=group)(objectClass=organizationalUnit))";

// Reads one BER value; every getter says whether it was there.
class BerReader {
 public:
  explicit BerReader(const std::string& bytes)
      : bytes_{bytes.size(), const_cast<char*>(bytes.data())}, ber_(ber_init(&bytes_)) {}
  ~BerReader() { ber_free(ber_, 1); }
  BerReader(const BerReader&) = delete;
  BerReader& operator=(const BerReader&) = delete;

  ber_tag_t Peek() {
    ber_len_t size = 0;
    return ber_peek_tag(ber_, &size);
  }
  bool Enter() { return ber_scanf(ber_, "{") != LBER_ERROR; }
  bool EnterSet(ber_len_t* size, char** end, ber_tag_t* tag) {
    *tag = ber_first_element(ber_, size, end);
    return *tag != LBER_ERROR || *size == 0;
  }
  ber_tag_t Next(ber_len_t* size, char* end) { return ber_next_element(ber_, size, end); }
  bool Enum(int* out) {
    ber_int_t value = 0;
    const bool ok = ber_scanf(ber_, "e", &value) != LBER_ERROR;
    *out = value;
    return ok;
  }
  bool Bool(bool* out) {
    ber_int_t value = 0;
    const bool ok = ber_scanf(ber_, "b", &value) != LBER_ERROR;
    *out = value != 0;
    return ok;
  }
  bool Octets(std::string* out) {
    berval value = {0, nullptr};
    if (ber_scanf(ber_, "m", &value) == LBER_ERROR) return false;
    out->assign(value.bv_val == nullptr ? "" : value.bv_val, value.bv_len);
    return true;
  }
  bool ok() const { return ber_ != nullptr; }

 private:
  berval bytes_;
  BerElement* ber_;
};

// 16 bytes in the order of the text form, unlike Active Directory's.
std::optional<std::string> UuidText(const std::string& bytes) {
  if (bytes.size() != 16) return std::nullopt;
  std::string ad(16, '\0');
  constexpr size_t kAdOrder[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  for (size_t i = 0; i < 16; ++i) ad[kAdOrder[i]] = bytes[i];
  return GuidFromAdBytes(ad);
}

absl::Status Malformed() {
  return absl::DataLossError("the server's answer to a sync search is malformed; nothing was used");
}

absl::Status TellsNoDeletions() {
  return absl::AbortedError("the server tells what is left, not what was deleted");
}

// What the stream calls an entry, whatever id the person goes by.
absl::StatusOr<std::string> KeyOf(const DirectoryEntry& entry) {
  const std::vector<std::string>* uuid = entry.Find("entryuuid");
  if (uuid != nullptr && uuid->size() == 1) {
    if (std::optional<std::string> key = ParseGuidText(uuid->front()); key.has_value()) return *key;
  }
  return EntryId(entry);  // says what is missing
}

}  // namespace

absl::Status ContentSyncFeed::Load(LdapConnection* connection, ReplicaState* state) {
  // Before the read: what changes meanwhile is told twice rather than never.
  MUSTER_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> root,
                          ReadEntry(connection, server_.naming_context, {"contextCSN"}));
  const std::vector<std::string>* csn = root.has_value() ? root->Find("contextcsn") : nullptr;
  if (csn == nullptr || csn->empty()) {
    return absl::UnimplementedError(
        absl::StrCat(server_.naming_context, " has no contextCSN: syncprov does not serve it"));
  }
  cookie_ = absl::StrCat("rid=000,csn=", absl::StrJoin(*csn, ";"));
  std::vector<DirectoryEntry> ranged;
  MUSTER_RETURN_IF_ERROR(SearchPaged(connection, server_.naming_context, kContentFilter,
                                     AllAttributeNames(attributes_),
                                     [&](DirectoryEntry entry) -> absl::Status {
                                       MUSTER_ASSIGN_OR_RETURN(const std::string key, KeyOf(entry));
                                       if (!HasRanges(entry)) return state->Put(key, entry);
                                       ranged.push_back(std::move(entry));
                                       return absl::OkStatus();
                                     }));
  return PutWhole(connection, std::move(ranged), state);
}

absl::Status ContentSyncFeed::PutWhole(LdapConnection* connection,
                                       std::vector<DirectoryEntry> entries, ReplicaState* state) {
  for (DirectoryEntry& entry : entries) {
    MUSTER_ASSIGN_OR_RETURN(const std::string key, KeyOf(entry));
    MUSTER_RETURN_IF_ERROR(CompleteEntry(connection, entry.dn, &entry));
    MUSTER_RETURN_IF_ERROR(state->Put(key, entry));
  }
  return absl::OkStatus();
}

absl::Status ContentSyncFeed::Update(LdapConnection* connection, ReplicaState* state) {
  const std::string doing = absl::StrCat("read the changes below ", server_.naming_context);
  LdapQuery query;
  query.base = server_.naming_context;
  query.filter = kContentFilter;
  query.attributes = AllAttributeNames(attributes_);
  query.controls = {
      {kSyncRequestOid,
       BerValue("{eo}", kRefreshOnly, cookie_.data(), static_cast<ber_len_t>(cookie_.size())),
       true}};
  std::vector<DirectoryEntry> changed;
  MUSTER_ASSIGN_OR_RETURN(const LdapResult result,
                          RunQuery(connection, query, doing, [&](LdapReply reply) {
                            return Take(std::move(reply), state, &changed);
                          }));
  if (result.code != LDAP_SUCCESS) {
    const absl::Status error = connection->Error(result.code, doing, result.server_says);
    return absl::IsUnavailable(error) ? error : absl::AbortedError(error.message());
  }
  MUSTER_RETURN_IF_ERROR(Finish(result, doing));
  return PutWhole(connection, std::move(changed), state);
}

absl::Status ContentSyncFeed::Take(LdapReply reply, ReplicaState* state,
                                   std::vector<DirectoryEntry>* changed) {
  if (reply.intermediate) {
    return reply.oid == kSyncInfoOid ? TakeInfo(reply.value, state) : absl::OkStatus();
  }
  const auto control = reply.controls.find(kSyncStateOid);
  if (control == reply.controls.end()) return Malformed();
  BerReader reader(control->second);
  int what = 0;
  std::string uuid, cookie;
  if (!reader.ok() || !reader.Enter() || !reader.Enum(&what) || !reader.Octets(&uuid)) {
    return Malformed();
  }
  if (reader.Peek() == LBER_OCTETSTRING && reader.Octets(&cookie)) cookie_ = cookie;
  const std::optional<std::string> key = UuidText(uuid);
  if (!key.has_value()) return Malformed();
  switch (what) {
    case kDelete:
      state->Remove(*key);
      return absl::OkStatus();
    case kAdd:
    case kModify:
      if (changed->size() >= limits::kMaxDirectoryChanges) {
        return absl::AbortedError("so much changed that everything is read anew");
      }
      changed->push_back(std::move(reply.entry));
      return absl::OkStatus();
    default:
      return TellsNoDeletions();
  }
}

absl::Status ContentSyncFeed::TakeInfo(const std::string& value, ReplicaState* state) {
  BerReader reader(value);
  if (!reader.ok()) return Malformed();
  const ber_tag_t kind = reader.Peek();
  if (kind == kNewCookie) return reader.Octets(&cookie_) ? absl::OkStatus() : Malformed();
  if (kind == kRefreshPresent) return TellsNoDeletions();
  if ((kind != kRefreshDelete && kind != kIdSet) || !reader.Enter()) return Malformed();
  std::string cookie;
  if (reader.Peek() == LBER_OCTETSTRING && reader.Octets(&cookie)) cookie_ = cookie;
  if (kind != kIdSet) return absl::OkStatus();
  bool deletes = false;
  if (reader.Peek() == LBER_BOOLEAN && !reader.Bool(&deletes)) return Malformed();
  if (!deletes) return TellsNoDeletions();
  ber_len_t size = 0;
  char* end = nullptr;
  ber_tag_t tag = 0;
  if (!reader.EnterSet(&size, &end, &tag)) return Malformed();
  for (; tag != LBER_DEFAULT; tag = reader.Next(&size, end)) {
    std::string uuid;
    if (!reader.Octets(&uuid)) return Malformed();
    const std::optional<std::string> key = UuidText(uuid);
    if (!key.has_value()) return Malformed();
    state->Remove(*key);
  }
  return absl::OkStatus();
}

absl::Status ContentSyncFeed::Finish(const LdapResult& result, const std::string& doing) {
  const auto control = result.controls.find(kSyncDoneOid);
  if (control == result.controls.end()) {
    return absl::DataLossError(
        absl::StrCat("cannot ", doing,
                     ": the server did not say that its answer is whole; nothing of it was used"));
  }
  BerReader reader(control->second);
  std::string cookie;
  bool deletes_told = false;
  if (!reader.ok() || !reader.Enter()) return Malformed();
  if (reader.Peek() == LBER_OCTETSTRING && reader.Octets(&cookie)) cookie_ = cookie;
  if (reader.Peek() == LBER_BOOLEAN && !reader.Bool(&deletes_told)) return Malformed();
  return deletes_told ? absl::OkStatus() : TellsNoDeletions();
}

}  // namespace muster
