// A consistent view of the store, as RocksDB gives it.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/adapters/rocksdb/layout.h"
#include "controller/flow/store.h"

namespace muster {

// Keeps its database open; null: it cannot be read. What is not yet durable is in none. Waits for
// nothing that is being written. When the head itself cannot be read, every reading call says so.
class RocksDbSnapshot final : public Snapshot {
 public:
  explicit RocksDbSnapshot(std::shared_ptr<rocksdb::DB> db);
  ~RocksDbSnapshot() override;
  RocksDbSnapshot(const RocksDbSnapshot&) = delete;
  RocksDbSnapshot& operator=(const RocksDbSnapshot&) = delete;

  absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override;
  absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                           size_t limit) const override;
  uint64_t revision() const override { return head_.revision; }
  LogHead log_head() const override { return head_.log; }
  absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                  size_t limit) const override;
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override;
  // OK unless the head could not be read.
  const absl::Status& status() const { return status_; }

 private:
  absl::StatusOr<std::string> LeafHashes(uint64_t from, uint64_t count) const;

  const std::shared_ptr<rocksdb::DB> db_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  rocksdb::ReadOptions options_;
  absl::Status status_;
  layout::Head head_;
};

}  // namespace muster
