// What an officer asks of the audit log, as terms of its index.
#pragma once

#include "absl/status/statusor.h"
#include "controller/domain/log_query.h"
#include "controller/flow/store.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster {

// Names become ids here, and `about` whatever came of the object as it is stored now; a name that
// nobody has is looked for as it is. INVALID_ARGUMENT: a verb with a star in it elsewhere than at
// its end, a text that is too long, `until` before `since`.
absl::StatusOr<LogQuery> MakeLogQuery(const Snapshot& snapshot, const v1::ListAuditRequest& in);

}  // namespace muster
