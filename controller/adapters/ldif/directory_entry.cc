#include "controller/adapters/ldif/directory_entry.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "controller/adapters/ldif/extended_dn.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

constexpr int64_t kAccountDisable = 0x2;
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kTicksPerSecond = 10'000'000;
constexpr int64_t kSecondsFrom1601To1970 = 11'644'473'600;
constexpr int64_t kEndOf9999 = 253'402'300'799;  // the last second a Timestamp can hold

bool HasClass(const DirectoryEntry& entry, std::initializer_list<absl::string_view> wanted) {
  const std::vector<std::string>* classes = entry.Find("objectclass");
  if (classes == nullptr) return false;
  for (const std::string& name : *classes) {
    for (absl::string_view want : wanted) {
      if (absl::EqualsIgnoreCase(name, want)) return true;
    }
  }
  return false;
}

std::string First(const DirectoryEntry& entry, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const std::vector<std::string>* values = entry.Find(name);
    if (values != nullptr && !values->empty() && !values->front().empty()) return values->front();
  }
  return "";
}

absl::Status Malformed(const DirectoryEntry& entry, absl::string_view attribute,
                       absl::string_view value, absl::string_view want) {
  return absl::DataLossError(absl::StrCat(Describe(entry), ": ", attribute, " is \"",
                                          absl::CHexEscape(value), "\"; it must be ", want));
}

absl::StatusOr<bool> Enabled(const DirectoryEntry& entry) {
  if (First(entry, {"pwdaccountlockedtime"}) == "000001010000Z") return false;
  const std::string control = First(entry, {"useraccountcontrol"});
  if (control.empty()) return true;
  int64_t bits = 0;
  if (!absl::SimpleAtoi(control, &bits)) {
    return Malformed(entry, "userAccountControl", control, "a whole number");
  }
  return (bits & kAccountDisable) == 0;
}

// nullopt: never.
absl::StatusOr<std::optional<absl::Time>> ExpiresAt(const DirectoryEntry& entry) {
  const std::string text = First(entry, {"accountexpires"});
  if (text.empty()) return std::nullopt;
  int64_t ticks = 0;
  if (!absl::SimpleAtoi(text, &ticks) || ticks < 0) {
    return Malformed(entry, "accountExpires", text, "a count of 100 ns steps since 1601");
  }
  if (ticks == 0 || ticks == kNever) return std::nullopt;
  const int64_t seconds = ticks / kTicksPerSecond - kSecondsFrom1601To1970;
  if (seconds > kEndOf9999) return std::nullopt;
  return absl::FromUnixSeconds(seconds) + absl::Nanoseconds(ticks % kTicksPerSecond * 100);
}

bool IsCapstone(const DirectoryEntry& entry, const PersonAttributes& attributes) {
  if (attributes.capstone.empty()) return false;
  const std::string value = First(entry, {attributes.capstone.c_str()});
  return !value.empty() && value != "0" && !absl::EqualsIgnoreCase(value, "false") &&
         !absl::EqualsIgnoreCase(value, "no");
}

std::vector<std::string> Aliases(const DirectoryEntry& entry, const std::string& upn) {
  std::set<std::string> out;
  if (const auto* values = entry.Find("mail")) {
    for (const std::string& mail : *values) out.insert(absl::AsciiStrToLower(mail));
  }
  if (const auto* values = entry.Find("proxyaddresses")) {
    for (const std::string& value : *values) {
      const std::string address = absl::AsciiStrToLower(value);
      if (absl::StartsWith(address, "smtp:")) out.insert(address.substr(5));
    }
  }
  out.erase(absl::AsciiStrToLower(upn));
  out.erase("");
  return {out.begin(), out.end()};
}

// [MS-DTYP] 2.4.2.2: revision, count, authority (6 bytes), then 4 bytes each, little-endian.
absl::StatusOr<std::string> PrimaryGroupSid(const DirectoryEntry& entry) {
  const std::string rid_text = First(entry, {"primarygroupid"});
  std::string sid = First(entry, {"objectsid"});
  if (rid_text.empty() || sid.empty()) return "";
  uint32_t rid = 0;
  if (!absl::SimpleAtoi(rid_text, &rid)) {
    return Malformed(entry, "primaryGroupID", rid_text, "a whole number");
  }
  if (sid.size() < 12 || sid.size() != 8 + 4 * static_cast<size_t>(sid[1])) {
    return Malformed(entry, "objectSid", sid, "a security identifier");
  }
  for (size_t i = 0; i < 4; ++i) sid[sid.size() - 4 + i] = static_cast<char>(rid >> (8 * i));
  return sid;
}

}  // namespace

const std::vector<std::string>* DirectoryEntry::Find(const std::string& name) const {
  const auto it = attributes.find(name);
  return it == attributes.end() ? nullptr : &it->second;
}

std::string Describe(const DirectoryEntry& entry) {
  const std::string dn = absl::CHexEscape(entry.dn);
  return entry.where.empty() ? dn : absl::StrCat(entry.where, " (", dn, ")");
}

bool IsPerson(const DirectoryEntry& entry) {
  return HasClass(entry, {"inetOrgPerson", "person", "user"}) &&
         !HasClass(entry, {"computer", "contact"});
}

bool IsGroup(const DirectoryEntry& entry) {
  return HasClass(entry, {"group", "groupOfNames", "groupOfUniqueNames"});
}

bool IsContainer(const DirectoryEntry& entry) {
  return HasClass(entry, {"organizationalUnit", "container"});
}

std::string MemberAttribute(const DirectoryEntry& group) {
  return HasClass(group, {"groupOfUniqueNames"}) ? "uniquemember" : "member";
}

std::vector<std::string> MemberDns(const DirectoryEntry& group) {
  std::vector<std::string> dns;
  for (const char* name : {"member", "uniquemember"}) {
    if (const std::vector<std::string>* values = group.Find(name); values != nullptr) {
      for (const std::string& value : *values) dns.push_back(DnOrId(value));
    }
  }
  return dns;
}

absl::StatusOr<std::string> EntryId(const DirectoryEntry& entry) {
  for (const char* name : {"objectguid", "entryuuid"}) {
    const std::vector<std::string>* values = entry.Find(name);
    if (values == nullptr) continue;
    if (values->size() != 1) {
      return absl::DataLossError(
          absl::StrCat(Describe(entry), ": ", name, " has ", values->size(), " values; keep one"));
    }
    std::optional<std::string> id = ParseGuidText(values->front());
    if (!id.has_value() && absl::string_view(name) == "objectguid") {
      id = GuidFromAdBytes(values->front());
    }
    if (!id.has_value()) {
      return Malformed(entry, name, values->front(),
                       "a GUID such as 3f2504e0-4f89-11d3-9a0c-0305e82c3301");
    }
    return *id;
  }
  return absl::DataLossError(absl::StrCat(
      Describe(entry), " has neither objectGUID nor entryUUID, which Muster keys it by; add one, ",
      "or let the account that Muster uses read it"));
}

absl::StatusOr<PersonRecord> PersonFromEntry(const DirectoryEntry& entry,
                                             const PersonAttributes& attributes) {
  PersonRecord out;
  v1::Person& person = out.person;
  MUSTER_ASSIGN_OR_RETURN(*person.mutable_person_id(), EntryId(entry));
  person.set_account_name(First(entry, {"samaccountname", "uid"}));
  person.set_upn(First(entry, {"userprincipalname", "mail"}));
  person.set_display_name(First(entry, {"displayname", "cn", "name"}));
  person.set_distinguished_name(entry.dn);
  if (!attributes.office.empty()) person.set_office(First(entry, {attributes.office.c_str()}));
  person.set_capstone(IsCapstone(entry, attributes));
  if (!attributes.employee.empty()) {
    person.set_employee_id(First(entry, {attributes.employee.c_str()}));
    if (!IsValidUtf8(person.employee_id())) person.clear_employee_id();
  }
  for (std::string& alias : Aliases(entry, person.upn())) {
    if (IsValidUtf8(alias) && person.aliases_size() < limits::kMaxAliases) {
      person.add_aliases(std::move(alias));
    }
  }
  for (const std::string* text : {&person.account_name(), &person.upn(), &person.display_name(),
                                  &person.distinguished_name(), &person.office()}) {
    if (!IsValidUtf8(*text)) {
      return absl::DataLossError(absl::StrCat(Describe(entry), ": \"", absl::CHexEscape(*text),
                                              "\" is not valid UTF-8; save it as UTF-8"));
    }
  }
  MUSTER_ASSIGN_OR_RETURN(const bool enabled, Enabled(entry));
  person.set_enabled(enabled);
  MUSTER_ASSIGN_OR_RETURN(const std::optional<absl::Time> expires, ExpiresAt(entry));
  if (expires.has_value()) *person.mutable_expires_at() = ToProto(*expires);
  if (!attributes.manager.empty()) out.manager = DnOrId(First(entry, {attributes.manager.c_str()}));
  MUSTER_ASSIGN_OR_RETURN(out.primary_group, PrimaryGroupSid(entry));
  return out;
}

absl::StatusOr<GroupRecord> GroupFromEntry(const DirectoryEntry& entry) {
  GroupRecord out;
  MUSTER_ASSIGN_OR_RETURN(out.group_id, EntryId(entry));
  if (!IsValidUtf8(entry.dn)) {
    return absl::DataLossError(absl::StrCat(Describe(entry), ": the DN is not valid UTF-8"));
  }
  out.name = entry.dn;
  out.sid = First(entry, {"objectsid"});
  out.members = MemberDns(entry);
  return out;
}

bool IsValidUtf8(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int follow = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4) return false;
    uint32_t code = lead & (0x3f >> follow);
    for (int k = 0; k < follow; ++k) {
      if (i == text.size()) return false;
      const auto byte = static_cast<unsigned char>(text[i++]);
      if ((byte & 0xc0) != 0x80) return false;
      code = code << 6 | (byte & 0x3f);
    }
    constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[follow] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return false;
    }
  }
  return true;
}

}  // namespace muster
