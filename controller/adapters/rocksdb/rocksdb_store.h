// The embedded store on RocksDB. One database folder, one process (RocksDB holds a lock file).
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/store.h"

namespace muster {

// Record format: 8 bytes big-endian revision, then the record's bytes, under "r/" + key.
// Audit: AuditRecord under "a/" + 16 hex digits of the sequence. Counters under "m/".
class RocksDbStore {
 public:
  // UNAVAILABLE when the folder cannot be opened or another process has it open; DATA_LOSS when
  // its counters do not fit its audit log.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& folder);
};

}  // namespace muster
