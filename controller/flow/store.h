// The seam to storage. Snapshot reads; one Commit writes a mutation and its audit entries in
// the same atomic, durable batch, or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "muster/v1/audit.pb.h"

namespace muster {

struct Record {
  std::string key;
  std::string bytes;
  uint64_t revision = 0;  // store revision at which this key was last written; never 0
};

// What one flow decided. Keys are disjoint between `puts` and `deletes`.
struct Mutation {
  struct Put {
    std::string key, bytes;
  };
  // The key must still be at this revision at commit; 0: it must not exist.
  struct Expect {
    std::string key;
    uint64_t revision = 0;
  };
  std::vector<Put> puts;
  std::vector<std::string> deletes;
  std::vector<Expect> expects;
  std::vector<v1::AuditEntry> audit;  // the store gives each its sequence
};

// A consistent view. Thread-compatible; must not outlive its store.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // nullopt when absent. DATA_LOSS when the record cannot be read.
  virtual absl::StatusOr<std::optional<Record>> Get(const std::string& key) const = 0;
  // Keys that start with `prefix` and are greater than `after`, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix,
                                                   const std::string& after,
                                                   size_t limit) const = 0;
  virtual uint64_t revision() const = 0;  // of the whole store
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;
  virtual std::unique_ptr<Snapshot> Read() const = 0;
  // Returns the new store revision after the batch is on disk. ABORTED when an expectation does
  // not hold (someone else was first: load again). Nothing is written on any error.
  virtual absl::StatusOr<uint64_t> Commit(Mutation mutation) = 0;
};

}  // namespace muster
