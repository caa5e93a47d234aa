// The seam to storage. Snapshot reads; one Commit writes a mutation and its audit entries in
// the same atomic, durable batch, or nothing. The entries are a Merkle log: with them the batch
// has the tiles of its tree, its head, and the index by which the search finds them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/log_tiles.h"
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
  // Entries [from, until) of the audit log lose their text, and the index forgets them; their
  // hashes stay. Both are multiples of kTileWidth, at most limits::kMaxPrunedEntries apart, and
  // within the log as it is before this commit: else INVALID_ARGUMENT. from == until: none.
  struct Prune {
    uint64_t from = 0, until = 0;
  };
  std::vector<v1::AuditEntry> audit;  // the store gives each its sequence
  Prune prune;
};

// The audit log's size and the RFC 6962 head over its entries, 32 bytes.
struct LogHead {
  uint64_t size = 0;
  std::string root;
};

// A consistent view, also of the audit log and the tiles of its tree. Thread-compatible; must not
// outlive its store.
class Snapshot : public TileReader {
 public:
  // nullopt when absent. DATA_LOSS when the record cannot be read.
  virtual absl::StatusOr<std::optional<Record>> Get(const std::string& key) const = 0;
  // Keys that start with `prefix` and are greater than `after`, in order, at most `limit`.
  virtual absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix,
                                                   const std::string& after,
                                                   size_t limit) const = 0;
  virtual uint64_t revision() const = 0;  // of the whole store
  virtual LogHead log_head() const = 0;
  // Sequences of entries that may have this term (see domain/log_terms.h), ascending, at most
  // `limit`; none below `from`. A few others may be among them: the entry itself decides.
  virtual absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                          size_t limit) const = 0;
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
