// Whatever a directory file holds, the parser refuses it or knows where every byte of it stands.
#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "controller/adapters/ldif/directory_entry.h"
#include "controller/adapters/ldif/dn.h"
#include "controller/adapters/ldif/ldif_format.h"

namespace {

void Require(bool holds) {
  if (!holds) abort();
}

void CheckDn(absl::string_view dn) {
  const absl::StatusOr<std::string> once = muster::NormalizeDn(dn);
  if (!once.ok()) return;
  const absl::StatusOr<std::string> twice = muster::NormalizeDn(*once);
  Require(twice.ok() && *twice == *once);
}

void CheckEntry(const muster::LdifEntry& entry, absl::string_view text) {
  CheckDn(entry.dn);
  muster::DirectoryEntry as_entry = {entry.dn, "line", {}};
  size_t from = 0;
  for (const muster::LdifAttribute& attribute : entry.attributes) {
    Require(from <= attribute.begin && attribute.begin < attribute.end);
    Require(attribute.end <= entry.end && entry.end <= text.size());
    Require(text[attribute.end - 1] == '\n');
    from = attribute.end;
    as_entry.attributes[attribute.name].push_back(attribute.value);
    // What a rewrite would write reads back as the same value.
    const auto back =
        muster::ParseLdif("dn: cn=a\n" + muster::LdifLine(attribute.name, attribute.value, "\n"));
    if (attribute.name == "dn" || attribute.name == "changetype") continue;
    Require(back.ok() && back->size() == 1 && back->front().attributes.size() == 1);
    Require(back->front().attributes.front().value == attribute.value);
    CheckDn(attribute.value);
  }
  const absl::StatusOr<muster::PersonRecord> person = muster::PersonFromEntry(as_entry, {});
  if (!person.ok()) return;
  std::string bytes;
  Require(person->person.SerializeToString(&bytes));
  muster::v1::Person parsed;
  Require(parsed.ParseFromString(bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  CheckDn(text);
  const absl::StatusOr<std::vector<muster::LdifEntry>> entries = muster::ParseLdif(text);
  if (!entries.ok()) return 0;
  for (const muster::LdifEntry& entry : *entries) CheckEntry(entry, text);
  return 0;
}
