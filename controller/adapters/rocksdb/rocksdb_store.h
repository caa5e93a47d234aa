// The embedded store on RocksDB. One database folder, one process (RocksDB holds a lock file).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/store.h"

namespace muster {

// "r/" + key: 8 bytes big-endian revision, then the record's bytes; entries of the audit log are
// such records (AuditKey). "m/head": revision, size and root of the log. "t/" + level + index: a
// tile. "x/" + hash of a term + sequence: the index of the log. Numbers are 8 bytes, big-endian.
//
// Commits that wait are written together (sequencer.h); a snapshot waits for none of them.
class RocksDbStore {
 public:
  // UNAVAILABLE when the folder cannot be opened or another process has it open; DATA_LOSS when
  // its head does not fit its audit log, or the last entries are not what was hashed. A store of
  // before there was a head gets one.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& folder);
};

}  // namespace muster
