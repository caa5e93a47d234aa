// The retention of the audit log: texts of old entries go, their hashes stay, and an entry says so.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/services.h"
#include "controller/flow/store.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster {

// The first entry whose text is still there; 0: none was pruned.
absl::StatusOr<uint64_t> PrunedBelow(const Snapshot& snapshot);

struct LogPruning {
  uint64_t pruned_below = 0;
  uint64_t pruned = 0;  // by this call; of a dry run: by one that is none
  std::string held_by;  // what keeps the next entry, in words; empty: it is not old enough
  Touched touched;
};

// Prunes from the oldest entry on, up to the first that is kept: not old enough, held, about
// something that is still open, or not yet read by a webhook or the reports. Commits of at most
// limits::kMaxPrunedEntries, each with its entry "audit.prune", at most limits::kMaxPruneBatches of
// them; a crash between two leaves what is done done, and the next call goes on there.
// FAILED_PRECONDITION: retention.yaml sets no time for the log, so it is kept for good;
// INVALID_ARGUMENT: no reason, or `before` is within the time that entries are kept.
absl::StatusOr<LogPruning> PruneAuditLog(const Services& services, const Actor& actor,
                                         const v1::PruneAuditRequest& in);

}  // namespace muster
