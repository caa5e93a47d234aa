// What several commits become in one write: each judged after those before it, as if they had come
// one by one.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "controller/adapters/rocksdb/tip.h"
#include "controller/flow/store.h"

namespace muster {

// A mutation with what can be worked out before its turn.
struct PreparedCommit {
  Mutation mutation;
  std::vector<std::vector<std::string>> terms;  // of each entry: its prefixes in the index
  size_t bytes = 0;                             // about what it writes
};

// INVALID_ARGUMENT: an entry is larger than limits::kMaxLogEntryBytes.
absl::StatusOr<PreparedCommit> Prepare(Mutation mutation);

// Thread-compatible. `db` outlives it, and nobody else writes to it meanwhile.
class CommitBatch {
 public:
  CommitBatch(rocksdb::DB* db, Tip tip) : db_(db), tip_(std::move(tip)) {}

  // The revision the commit has once the batch is written. INVALID_ARGUMENT as PruneEntries;
  // ABORTED when an expectation does not hold, UNAVAILABLE or DATA_LOSS when one cannot be read:
  // nothing of it is in the batch then.
  absl::StatusOr<uint64_t> Add(PreparedCommit commit);
  bool empty() const { return batch_.Count() == 0; }
  // Call once, last: with the tree and the head as they are after it.
  rocksdb::WriteBatch& Finish();
  // Where the next batch goes on, when this one is written.
  Tip TakeTip() && { return std::move(tip_); }

 private:
  absl::Status CheckExpectations(const Mutation& mutation) const;
  absl::StatusOr<uint64_t> RevisionOf(const std::string& key) const;
  void AddEntry(v1::AuditEntry& entry, const std::vector<std::string>& terms,
                const std::string& stamp);

  rocksdb::DB* const db_;
  Tip tip_;
  rocksdb::WriteBatch batch_;
  std::vector<Tile> full_;
  bool has_entries_ = false;
  // By what this batch wrote so far; 0: deleted.
  absl::flat_hash_map<std::string, uint64_t> revisions_;
};

}  // namespace muster
