// By what an entry of the audit log can be found without reading the others. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "muster/v1/audit.pb.h"

namespace muster {

// "object/request/REQ-7", "actor/<id>", "actor/<upn>", "ticket/INC1", "transaction/tx-…",
// "verb/request.approve", "verb/request.*", and the entry's subjects: "person/<id>" … Lowercase;
// each once, at most limits::kMaxLogSubjects + 7. Of an entry without subjects: what its object and
// its actor are.
std::vector<std::string> LogTerms(const v1::AuditEntry& entry);

// The term of one kind ("actor") and value.
std::string LogTerm(absl::string_view kind, absl::string_view value);

}  // namespace muster
