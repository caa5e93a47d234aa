#include "controller/domain/log_terms.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "controller/domain/log_subjects.h"

namespace muster {

std::string LogTerm(absl::string_view kind, absl::string_view value) {
  return absl::AsciiStrToLower(absl::StrCat(kind, "/", value));
}

std::vector<std::string> LogTerms(const v1::AuditEntry& entry) {
  std::vector<std::string> out;
  const auto add = [&](absl::string_view kind, absl::string_view value) {
    if (!value.empty()) out.push_back(LogTerm(kind, value));
  };
  add("object", entry.object());
  add("actor", entry.actor_id());
  add("actor", entry.actor_upn());
  add("ticket", entry.ticket());
  add("transaction", entry.transaction_id());
  add("verb", entry.verb());
  const absl::string_view verb = entry.verb();
  if (const size_t dot = verb.find('.'); dot != absl::string_view::npos) {
    add("verb", absl::StrCat(verb.substr(0, dot), ".*"));
  }
  LogSubjects subjects;
  // An entry from before entries named them.
  if (entry.subjects().empty()) {
    subjects.AddObject(entry.object());
    subjects.AddActor(entry.actor_id());
  }
  std::vector<std::string> named = subjects.get();
  named.insert(named.end(), entry.subjects().begin(), entry.subjects().end());
  for (const std::string& subject : named) {
    if (out.size() >= limits::kMaxLogSubjects + 7) break;
    out.push_back(absl::AsciiStrToLower(subject));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace muster
