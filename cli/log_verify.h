// Checks an export of the audit log, or one proof, with nothing but the log's public key. Asks
// no controller.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/checkpoint.h"
#include "muster/v1/audit.pb.h"

namespace muster::cli {

struct LogFinding {
  std::string code;    // "TILE_MISMATCH"
  std::string place;   // a file, or "entry 17 (tile/entries/000)"
  std::string detail;  // for people
  bool operator==(const LogFinding&) const = default;
};

// What an export is worth. At most limits::kMaxLogFindings of each list.
struct LogReport {
  Checkpoint head;  // empty origin: its checkpoint is not to be trusted, and nothing else was read
  absl::Time first_at = absl::InfinitePast(), last_at = absl::InfinitePast();
  uint64_t texts = 0;      // entries that were read
  uint64_t hash_only = 0;  // entries whose retention has ended
  uint64_t tiles = 0, witnesses = 0, proofs = 0;
  std::vector<LogFinding> findings;               // any: the export does not prove what it says
  std::vector<LogFinding> warnings;               // to be asked about
  uint64_t more_findings = 0, more_warnings = 0;  // that are not listed
  bool good() const { return findings.empty(); }
};

struct LogVerifyInputs {
  std::string dir;
  std::vector<NoteVerifier> keys;      // of one log; a new key beside an older one
  std::vector<std::string> witnesses;  // files with signed notes, or folders of them
};

// INVALID_ARGUMENT: no such folder or witness, no key, or keys of several logs.
absl::StatusOr<LogReport> VerifyLogExport(const LogVerifyInputs& in);

struct ProvenEntry {
  Checkpoint head;
  v1::AuditEntry entry;
};

// One proof file's text. Errors of ParseLogProof and VerifyLogProof; MALFORMED: it has no entry
// that can be read, or one of another place.
absl::StatusOr<ProvenEntry> VerifyProofText(absl::string_view text,
                                            const std::vector<NoteVerifier>& keys);

}  // namespace muster::cli
