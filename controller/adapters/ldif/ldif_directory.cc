#include "controller/adapters/ldif/ldif_directory.h"

#include <crypt.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/guid.h"
#include "controller/adapters/ldif/ldif_format.h"
#include "controller/adapters/ldif/snapshot_builder.h"

namespace muster {
namespace {

constexpr int kWriteAttempts = 3;

bool MatchesCrypt(const std::string& password, const std::string& hash) {
  crypt_data data = {};
  const char* made = crypt_r(password.c_str(), hash.c_str(), &data);
  // A malformed hash gives "*0" or "*1", which no hash equals.
  return made != nullptr && made[0] != '*' && hash == made;
}

// The file's entries, and where each is. Persons are checked against each other by the builder.
struct Contents {
  LdifFile file;
  std::vector<LdifEntry> raw;
  std::vector<DirectoryEntry> entries;  // as `raw`
  absl::flat_hash_map<std::string, size_t> by_dn, by_id;
  SnapshotBuilder builder;
};

DirectoryEntry ToEntry(const LdifEntry& raw, absl::string_view dn_key) {
  DirectoryEntry out = {raw.dn, absl::StrCat("line ", raw.line), {}};
  for (const LdifAttribute& attribute : raw.attributes) {
    out.attributes[attribute.name].push_back(attribute.value);
  }
  if (IsGroup(out) && out.Find("objectguid") == nullptr && out.Find("entryuuid") == nullptr) {
    out.attributes["entryuuid"] = {GuidFromName(dn_key)};
  }
  return out;
}

absl::Status TwiceError(const DirectoryEntry& first, const DirectoryEntry& second,
                        absl::string_view what, absl::string_view value) {
  return absl::DataLossError(absl::StrCat(Describe(first), " and ", Describe(second),
                                          " have the same ", what, " \"", value,
                                          "\"; correct one of them"));
}

absl::Status AddEntry(const LdifEntry& raw, const PersonAttributes& attributes, Contents* out) {
  absl::StatusOr<std::string> key = NormalizeDn(raw.dn);
  if (!key.ok()) {
    return absl::DataLossError(absl::StrCat("line ", raw.line, ": ", key.status().message()));
  }
  const size_t index = out->entries.size();
  out->entries.push_back(ToEntry(raw, *key));
  const DirectoryEntry& entry = out->entries.back();
  const auto [same_dn, new_dn] = out->by_dn.try_emplace(*key, index);
  if (!new_dn) return TwiceError(out->entries[same_dn->second], entry, "DN", *key);
  if (!IsPerson(entry) && !IsGroup(entry)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::string id, EntryId(entry));
  const auto [same_id, new_id] = out->by_id.try_emplace(id, index);
  if (!new_id) return TwiceError(out->entries[same_id->second], entry, "id", id);
  if (!IsPerson(entry)) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(PersonRecord person, PersonFromEntry(entry, attributes));
  return out->builder.AddPerson(std::move(person), entry.where);
}

absl::Status InFile(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

absl::StatusOr<Contents> Load(const std::string& file, const PersonAttributes& attributes) {
  Contents out;
  MUSTER_ASSIGN_OR_RETURN(out.file, LoadLdifFile(file));
  absl::StatusOr<std::vector<LdifEntry>> raw = ParseLdif(out.file.text);
  if (!raw.ok()) return InFile(file, raw.status());
  out.raw = *std::move(raw);
  out.entries.reserve(out.raw.size());
  for (const LdifEntry& entry : out.raw) {
    if (absl::Status added = AddEntry(entry, attributes, &out); !added.ok())
      return InFile(file, added);
  }
  return out;
}

// INVALID_ARGUMENT when `ref` is neither a GUID nor a DN.
absl::StatusOr<std::optional<size_t>> Find(const Contents& contents, const std::string& ref) {
  if (const std::optional<std::string> id = ParseGuidText(ref); id.has_value()) {
    const auto it = contents.by_id.find(*id);
    return it == contents.by_id.end() ? std::nullopt : std::optional<size_t>(it->second);
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string key, NormalizeDn(ref));
  const auto it = contents.by_dn.find(key);
  return it == contents.by_dn.end() ? std::nullopt : std::optional<size_t>(it->second);
}

struct Target {
  size_t group = 0;
  std::string person_dn, person_key;
};

absl::StatusOr<Target> FindTarget(const Contents& contents, const std::string& group,
                                  const std::string& person_id) {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<size_t> index, Find(contents, group));
  if (!index.has_value() || !IsGroup(contents.entries[*index])) {
    return absl::NotFoundError(
        absl::StrCat("there is no group ", group, "; create it or correct directory.groups"));
  }
  const auto person = contents.by_id.find(ParseGuidText(person_id).value_or(person_id));
  if (person == contents.by_id.end() || !IsPerson(contents.entries[person->second])) {
    return absl::NotFoundError(absl::StrCat("there is no person with the id ", person_id));
  }
  const std::string& dn = contents.entries[person->second].dn;
  MUSTER_ASSIGN_OR_RETURN(std::string key, NormalizeDn(dn));
  return Target{*index, dn, std::move(key)};
}

bool NamesMember(const LdifAttribute& attribute, const std::string& key) {
  if (attribute.name != "member" && attribute.name != "uniquemember") return false;
  const absl::StatusOr<std::string> other = NormalizeDn(attribute.value);
  return other.ok() && *other == key;
}

bool HasMember(const LdifEntry& group, const std::string& key) {
  for (const LdifAttribute& attribute : group.attributes) {
    if (NamesMember(attribute, key)) return true;
  }
  return false;
}

std::string WithMember(const Contents& contents, const Target& target) {
  const LdifEntry& group = contents.raw[target.group];
  const std::string& text = contents.file.text;
  size_t at = group.end;
  for (const LdifAttribute& attribute : group.attributes) {
    if (attribute.name == "member" || attribute.name == "uniquemember") at = attribute.end;
  }
  const bool crlf = at >= 2 && text[at - 2] == '\r';
  const bool unique = MemberAttribute(contents.entries[target.group]) == "uniquemember";
  const std::string line =
      LdifLine(unique ? "uniqueMember" : "member", target.person_dn, crlf ? "\r\n" : "\n");
  return absl::StrCat(text.substr(0, at), line, text.substr(at));
}

std::string WithoutMember(const Contents& contents, const Target& target) {
  std::string out;
  size_t from = 0;
  for (const LdifAttribute& attribute : contents.raw[target.group].attributes) {
    if (!NamesMember(attribute, target.person_key)) continue;
    out.append(contents.file.text, from, attribute.begin - from);
    from = attribute.end;
  }
  out.append(contents.file.text, from, std::string::npos);
  return out;
}

absl::Status Rewrite(const std::string& file, const PersonAttributes& attributes,
                     const std::string& group, const std::string& person_id, bool member) {
  MUSTER_ASSIGN_OR_RETURN(const Contents before, Load(file, attributes));
  MUSTER_ASSIGN_OR_RETURN(const Target target, FindTarget(before, group, person_id));
  if (HasMember(before.raw[target.group], target.person_key) == member) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(ReplaceLdifFile(
      before.file, member ? WithMember(before, target) : WithoutMember(before, target)));
  MUSTER_ASSIGN_OR_RETURN(const Contents after, Load(file, attributes));
  MUSTER_ASSIGN_OR_RETURN(const Target written, FindTarget(after, group, person_id));
  if (HasMember(after.raw[written.group], written.person_key) == member) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      file, " was written but reads back without the change; someone else writes it, try again"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LdifDirectory>> LdifDirectory::Open(std::string file,
                                                                   PersonAttributes attributes) {
  struct stat found = {};
  if (stat(file.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::NotFoundError(
        absl::StrCat("there is no directory file ", file, "; correct directory.file"));
  }
  MUSTER_RETURN_IF_ERROR(LoadLdifFile(file).status());
  return std::unique_ptr<LdifDirectory>(new LdifDirectory(std::move(file), std::move(attributes)));
}

absl::StatusOr<DirectorySnapshotPtr> LdifDirectory::Read(
    const std::map<std::string, std::string>& approval_groups, ReadDepth) {
  MUSTER_ASSIGN_OR_RETURN(Contents contents, Load(file_, attributes_));
  // Every person is known already.
  const auto lookup = [&](const std::string& ref) -> absl::StatusOr<SnapshotBuilder::Found> {
    MUSTER_ASSIGN_OR_RETURN(const std::optional<size_t> index, Find(contents, ref));
    if (!index.has_value()) return SnapshotBuilder::Found();
    const DirectoryEntry& entry = contents.entries[*index];
    if (IsGroup(entry)) return GroupFromEntry(entry);
    if (!IsPerson(entry)) return SnapshotBuilder::OtherEntry();
    return PersonFromEntry(entry, attributes_);
  };
  absl::StatusOr<DirectorySnapshot> snapshot = contents.builder.Finish(approval_groups, lookup);
  if (!snapshot.ok()) return InFile(file_, snapshot.status());
  return std::make_shared<const DirectorySnapshot>(*std::move(snapshot));
}

v1::DirectoryReading LdifDirectory::reading() const {
  v1::DirectoryReading out;
  out.set_method("file");
  out.set_server(file_);
  return out;
}

absl::Status LdifDirectory::AddMember(const std::string& group, const std::string& person_id) {
  return SetMember(group, person_id, true);
}

absl::Status LdifDirectory::RemoveMember(const std::string& group, const std::string& person_id) {
  return SetMember(group, person_id, false);
}

absl::Status LdifDirectory::SetMember(const std::string& group, const std::string& person_id,
                                      bool member) {
  MutexLock guard(&write_mu_);
  MUSTER_ASSIGN_OR_RETURN(const LdifFile resolved, LoadLdifFile(file_));
  MUSTER_ASSIGN_OR_RETURN(const LdifLock lock, LdifLock::Acquire(resolved.path));
  absl::Status status;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    status = Rewrite(file_, attributes_, group, person_id, member);
    if (!absl::IsAborted(status)) return status;
  }
  return status;
}

absl::Status LdifDirectory::CheckPassword(const v1::Person& person, const std::string& password) {
  MUSTER_ASSIGN_OR_RETURN(const Contents contents, Load(file_, attributes_));
  const auto at = contents.by_id.find(person.person_id());
  if (at == contents.by_id.end()) return absl::UnauthenticatedError("no such account");
  const std::vector<std::string>* values = contents.entries[at->second].Find("userpassword");
  bool any = false;
  for (absl::string_view value : values == nullptr ? std::vector<std::string>() : *values) {
    if (!absl::ConsumePrefix(&value, "{CRYPT}")) continue;
    any = true;
    if (MatchesCrypt(password, std::string(value))) return absl::OkStatus();
  }
  if (!any) return Directory::CheckPassword(person, password);
  return absl::UnauthenticatedError("wrong password");
}

}  // namespace muster
