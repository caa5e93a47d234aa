// The signed head of the audit log (c2sp.org/tlog-checkpoint). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/signed_doc.h"
#include "common/signed_note.h"

namespace muster {

// What a log is when it has `size` entries. `root` is 32 raw bytes.
struct Checkpoint {
  std::string origin;
  uint64_t size = 0;
  std::string root;
  bool operator==(const Checkpoint&) const = default;
};

// The one log of a tenant: "<tenant>/audit". Also the name of its key.
std::string LogOrigin(absl::string_view tenant);

// The role of Root whose Ed25519 keys sign checkpoints, and nothing else. Older roots lack it.
inline constexpr char kLogRole[] = "log";
// Those keys, each by the name of the tenant's log. Keys of another algorithm are left out.
std::vector<NoteVerifier> LogKeysOf(const Trust& trust);

std::string CheckpointText(const Checkpoint& checkpoint);  // the text to be signed
// MALFORMED: not origin, size and root, each in its one form. Further lines are passed over.
absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text);

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, const PrivateKey& key);
// Errors of OpenNote and ParseCheckpoint; WRONG_TENANT: another log's, or signed by no key that has
// the log's name: whoever holds a log's key could else keep a second log that no witness sees.
// `origin` may be empty: then the key's name says which log it is.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note,
                                          const std::vector<NoteVerifier>& keys,
                                          absl::string_view origin);

}  // namespace muster
