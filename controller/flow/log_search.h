// The search in the audit log.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/store.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster {

// A page of the entries that fit, as the log was when the first page was asked for: what is written
// meanwhile, and be it by this very search, makes no page longer. Entries whose retention has
// ended are not found. Looks at no more than limits::kMaxSearchedEntries and answers with at most
// limits::kMaxLogReadBytes; a page may therefore be short, or empty, and still have a cursor.
// INVALID_ARGUMENT: also a cursor that is not one of this search's.
absl::Status SearchLog(const Snapshot& snapshot, const v1::ListAuditRequest& in,
                       v1::ListAuditResponse& out);

}  // namespace muster
