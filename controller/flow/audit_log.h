// The audit log as a log: its signed head, and proofs.
#pragma once

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "controller/flow/store.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster {

// The head of the log as this snapshot has it, signed now: what is acknowledged is covered by the
// next head that is asked for. FAILED_PRECONDITION: the root names no key of the log. DATA_LOSS.
absl::StatusOr<v1::AuditCheckpoint> SignedHead(const Snapshot& snapshot, const Signer& signer,
                                               const Settings& settings);

// Entries as they were hashed, from `from` on: as many as one answer holds, at least one, none at
// or above `until` (0: the log's size). INVALID_ARGUMENT: there are no such entries. DATA_LOSS.
absl::StatusOr<v1::ReadAuditLogResponse> ReadLog(const Snapshot& snapshot,
                                                 const v1::ReadAuditLogRequest& in);

// One entry with its path to the signed head of this snapshot. NOT_FOUND; errors of SignedHead().
absl::StatusOr<v1::ProveAuditResponse> ProveEntry(const Snapshot& snapshot, const Signer& signer,
                                                  const Settings& settings, uint64_t sequence);

}  // namespace muster
