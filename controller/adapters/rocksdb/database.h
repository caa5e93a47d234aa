// The open RocksDB, which can be closed and opened again while it is in use: after a failed write
// RocksDB 7.8 does not always find its way back by itself.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"

namespace muster {

// Thread-safe.
class Database {
 public:
  // UNAVAILABLE when the folder cannot be opened or another process has it open; DATA_LOSS.
  static absl::StatusOr<std::unique_ptr<Database>> Open(std::string folder);

  // Whoever has it keeps it open. Waits while it is being opened again; null: that failed.
  std::shared_ptr<rocksdb::DB> Get() const;
  // Waits for those who have it, a bounded time, and drops what a write left in memory.
  // UNAVAILABLE: somebody still has it (they can go on), or it cannot be opened; call it again.
  absl::Status Reopen();
  // Whether the disk has what opening takes.
  bool HasRoom() const;
  const std::string& folder() const { return folder_; }

 private:
  struct Closing {
    Mutex mu;
    CondVar changed;
    bool closed ABSL_GUARDED_BY(mu) = false;
  };

  explicit Database(std::string folder) : folder_(std::move(folder)) {}
  absl::Status OpenAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string folder_;
  mutable Mutex mu_;
  std::shared_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Closing> closing_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
