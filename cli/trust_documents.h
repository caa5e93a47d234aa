// Roots and emergency denies as files, and how far each is with its signatures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/message_json.h"
#include "common/trust_root.h"
#include "muster/v1/policy.pb.h"

namespace muster::cli {

bool IsRoot(const v1::SignedDoc& doc);

// A root or an emergency deny, signed or not. INVALID_ARGUMENT: it cannot be read;
// FAILED_PRECONDITION: OVERSIZE, EMPTY, MALFORMED or WRONG_TYPE.
absl::StatusOr<v1::SignedDoc> ReadTrustDocument(const std::string& path);
absl::StatusOr<v1::Root> ReadRoot(const std::string& path);

// Who has signed `doc`, and who may. `previous`: of a root the one before it, of an emergency
// deny the root in force; nullptr: not known, then only what the document says itself counts.
// FAILED_PRECONDITION when it does not follow `previous`.
absl::StatusOr<std::vector<SignatureNeed>> NeedsOf(const v1::SignedDoc& doc,
                                                   const v1::Root* previous);

// Ok when whoever holds `previous` would take it at `now`; else the code.
absl::Status CheckAcceptable(const v1::SignedDoc& doc, const v1::Root* previous, absl::Time now);

// For people and programs: what it says, who signed, what is missing, what to do next. `path`
// may be empty: a document of the controller.
absl::StatusOr<Json> TrustDocumentJson(const std::string& path, const v1::SignedDoc& doc,
                                       const v1::Root* previous, absl::Time now);

}  // namespace muster::cli
