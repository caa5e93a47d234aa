// Which entries of the audit log somebody looks for. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/audit.pb.h"

namespace muster {

// All of it has to fit.
struct LogQuery {
  // Of each, the entry has at least one term (see log_terms.h).
  std::vector<std::vector<std::string>> conditions;
  absl::Time since = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();  // not included
  std::string text;                           // lowercase; anywhere in the entry
  bool no_reads = false;
};

// Verbs of reads begin with it.
inline constexpr char kReadVerbPrefix[] = "read.";

bool Matches(const LogQuery& query, const v1::AuditEntry& entry);

}  // namespace muster
