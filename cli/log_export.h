// Takes the audit log out of the controller, into a folder that proves what it says without it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/checkpoint.h"
#include "google/protobuf/message.h"

namespace muster::cli {

// One call of AdminService, as Session::Call makes it.
using AdminCall =
    std::function<absl::Status(const std::string& method, const google::protobuf::Message& request,
                               google::protobuf::Message* response)>;

struct LogExportInputs {
  std::string dir;
  AdminCall call;
  // Those that the auditor has already; of an older export too, when the key was replaced since.
  // None: the controller's own word.
  std::vector<NoteVerifier> keys;
  std::string proofs_about;  // "request/REQ-1": a proof of each entry about it; empty: none
};

struct LogExportOutcome {
  Checkpoint head;
  std::string key;            // "NAME+HASH+KEY", as the controller has it
  uint64_t continued_at = 0;  // how many entries the folder had before
  uint64_t entries = 0;       // fetched now
  uint64_t pruned_below = 0, witnesses = 0, proofs = 0;
};

// A folder that has an older export is continued; that it is the same log is checked first.
// FAILED_PRECONDITION INCONSISTENT: the entries do not lead to the head that the controller
// signed, or the log does not continue the older export; or the codes of OpenCheckpoint. What the
// folder had is then as it was. INVALID_ARGUMENT: the folder. ABORTED: another export runs there.
// Errors of the calls.
absl::StatusOr<LogExportOutcome> ExportLog(const LogExportInputs& in);

struct LogProofFile {
  std::string text;
  Checkpoint head;
};
// The proof of one entry, verified. NOT_FOUND. FAILED_PRECONDITION: its retention has ended; or as
// VerifyProofText().
absl::StatusOr<LogProofFile> FetchProof(const AdminCall& call, uint64_t sequence,
                                        const std::vector<NoteVerifier>& keys);

// The controller's head, verified by `keys`, or by its own key where there are none.
struct FetchedHead {
  Checkpoint head;
  std::string note, key;
  uint64_t pruned_below = 0;
  std::vector<NoteVerifier> keys;  // that were taken
};
absl::StatusOr<FetchedHead> FetchHead(const AdminCall& call, std::vector<NoteVerifier> keys);

}  // namespace muster::cli
