// The proof that one entry is in the log, as a file to attach to a letter (c2sp.org/tlog-proof).
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/checkpoint.h"

namespace muster {

struct LogProof {
  std::string entry;  // a serialised AuditEntry; in the file's "extra" line
  uint64_t index = 0;
  std::vector<std::string> path;  // leaf to root, 32 bytes each
  std::string checkpoint;         // a signed note
};

std::string FormatLogProof(const LogProof& proof);
// MALFORMED, OVERSIZE. Nothing of it is verified.
absl::StatusOr<LogProof> ParseLogProof(absl::string_view text);

// What was proven: the checkpoint that covers the entry. Errors of OpenCheckpoint; NOT_NAMED: the
// path does not lead from the entry to the checkpoint's root.
absl::StatusOr<Checkpoint> VerifyLogProof(const LogProof& proof,
                                          const std::vector<NoteVerifier>& keys);

}  // namespace muster
