#include "controller/domain/log_entry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/utf8_check.h"

namespace muster {
namespace {

constexpr size_t kSequenceBytes = 16;  // the store numbers the entry later

// Cut between characters, so that it stays UTF-8.
void Cut(std::string& text, size_t most) {
  if (text.size() <= most) return;
  const std::string mark = absl::StrCat("… (shortened, ", text.size(), " bytes)");
  size_t end = most - mark.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  text += mark;
}

// An entry with a text that is not UTF-8 is written, but can never be parsed again.
void MakeReadable(std::string& text) {
  Utf8Check check;
  check.Add(text);
  if (!check.invalid_at().has_value() && !check.cut()) return;
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) & 0x80) != 0) c = '?';
  }
}

void MakeReadable(v1::AuditEntry& entry) {
  for (std::string* text :
       {entry.mutable_actor_id(), entry.mutable_actor_upn(), entry.mutable_signed_in_by(),
        entry.mutable_from(), entry.mutable_verb(), entry.mutable_object(), entry.mutable_before(),
        entry.mutable_after(), entry.mutable_reason(), entry.mutable_reason_code(),
        entry.mutable_ticket(), entry.mutable_transaction_id(), entry.mutable_outcome(),
        entry.mutable_time_source(), entry.mutable_query()}) {
    MakeReadable(*text);
  }
  for (std::string& role : *entry.mutable_roles()) MakeReadable(role);
  for (std::string& subject : *entry.mutable_subjects()) MakeReadable(subject);
}

void Replace(std::string& json) {
  if (json.empty()) return;
  json = absl::StrCat(R"({"shortened":true,"bytes":)", json.size(), R"(,"sha256":")",
                      Sha256Hex(json), "\"}");
}

bool Fits(const v1::AuditEntry& entry) {
  return entry.ByteSizeLong() + kSequenceBytes <= limits::kMaxLogEntryBytes;
}

}  // namespace

void FitEntry(v1::AuditEntry& entry) {
  MakeReadable(entry);
  for (std::string* text : {entry.mutable_reason(), entry.mutable_outcome()}) {
    Cut(*text, limits::kMaxLogTextBytes);
  }
  for (std::string* name :
       {entry.mutable_actor_id(), entry.mutable_actor_upn(), entry.mutable_signed_in_by(),
        entry.mutable_from(), entry.mutable_verb(), entry.mutable_object(),
        entry.mutable_reason_code(), entry.mutable_ticket(), entry.mutable_transaction_id(),
        entry.mutable_time_source()}) {
    Cut(*name, limits::kMaxLogNameBytes);
  }
  if (entry.query().size() > limits::kMaxLogTextBytes) Replace(*entry.mutable_query());
  const bool before_first = entry.before().size() > entry.after().size();
  if (!Fits(entry)) Replace(before_first ? *entry.mutable_before() : *entry.mutable_after());
  if (!Fits(entry)) Replace(before_first ? *entry.mutable_after() : *entry.mutable_before());
}

}  // namespace muster
