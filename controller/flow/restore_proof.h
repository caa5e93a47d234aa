// What outside notes of the audit log say of a store that was brought back: that nothing is missing
// up to the newest of them, or what is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/signed_note.h"
#include "controller/flow/store.h"

namespace muster {

// A signed head of the log as a device or an export has it.
struct WitnessNote {
  std::string from;  // for people: the file
  std::string note;
};

struct RestoreProof {
  uint64_t size = 0;       // of the log that was brought back
  uint64_t seen_size = 0;  // that the newest note tells of; 0: there is none
  std::string seen_from;
  // Entries [size, seen_size) are missing when this is true.
  bool lacks() const { return seen_size > size; }
};

// Who may sign heads of this tenant's log, by the root in the store; none without a root.
absl::StatusOr<std::vector<NoteVerifier>> LogKeysOfStore(const Snapshot& snapshot);

// FAILED_PRECONDITION: a note is of another log than this one, or not signed by `keys`; the message
// names the file.
absl::StatusOr<RestoreProof> ProveRestored(const Snapshot& snapshot,
                                           const std::vector<NoteVerifier>& keys,
                                           const std::vector<WitnessNote>& notes);

}  // namespace muster
