#include "controller/domain/log_query.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/time_proto.h"
#include "controller/domain/log_terms.h"

namespace muster {
namespace {

// Capitals are ASCII's alone; `wanted` has none.
bool Holds(const std::string& text, const std::string& wanted) {
  return text.size() >= wanted.size() &&
         absl::StrContains(absl::AsciiStrToLower(text), absl::string_view(wanted));
}

bool HasText(const v1::AuditEntry& e, const std::string& wanted) {
  for (const std::string* text :
       {&e.before(), &e.after(), &e.query(), &e.reason(), &e.object(), &e.outcome(), &e.actor_upn(),
        &e.actor_id(), &e.verb(), &e.ticket(), &e.reason_code(), &e.transaction_id(), &e.from(),
        &e.signed_in_by(), &e.time_source()}) {
    if (Holds(*text, wanted)) return true;
  }
  const auto holds = [&](const std::string& text) { return Holds(text, wanted); };
  return std::any_of(e.roles().begin(), e.roles().end(), holds) ||
         std::any_of(e.subjects().begin(), e.subjects().end(), holds);
}

bool HasOne(const std::vector<std::string>& terms, const std::vector<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& term) {
    return std::binary_search(terms.begin(), terms.end(), term);
  });
}

}  // namespace

bool Matches(const LogQuery& query, const v1::AuditEntry& entry) {
  if (query.no_reads && absl::StartsWith(entry.verb(), kReadVerbPrefix)) return false;
  const absl::Time at = FromProto(entry.at());
  if (at < query.since || at >= query.until) return false;
  if (!query.conditions.empty()) {
    const std::vector<std::string> terms = LogTerms(entry);
    for (const std::vector<std::string>& condition : query.conditions) {
      if (!HasOne(terms, condition)) return false;
    }
  }
  return query.text.empty() || HasText(entry, query.text);
}

}  // namespace muster
