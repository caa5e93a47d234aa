// Takes the texts of entries whose retention has ended out of the log; their hashes stay.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/store.h"

namespace muster {

// What that writes, before it is written.
struct PrunedEntries {
  std::vector<Mutation::Put> records;  // the entries' records without their texts
  std::vector<std::string> terms;      // whole keys of the index that go
};

// Of a log of `size`. A text that is gone already stays gone. INVALID_ARGUMENT: not a range that
// can be pruned at once (Mutation::Prune); UNAVAILABLE, DATA_LOSS: an entry cannot be read.
absl::StatusOr<PrunedEntries> PruneEntries(rocksdb::DB& db, const Mutation::Prune& prune,
                                           uint64_t size);

}  // namespace muster
