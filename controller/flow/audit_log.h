// The audit log as a log: its signed head, and proofs.
#pragma once

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "controller/flow/store.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster {

// The head of the log as this snapshot has it, signed now: what is acknowledged is covered by the
// next head that is asked for. FAILED_PRECONDITION: the root names no key of the log.
absl::StatusOr<v1::AuditCheckpoint> SignedHead(const Snapshot& snapshot, const Signer& signer,
                                               const Settings& settings);

}  // namespace muster
