// Where in the audit log a search has to look, in its order, without reading the entries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/log_query.h"
#include "controller/flow/store.h"

namespace muster {

// Entries [from, until).
struct LogRange {
  uint64_t from = 0, until = 0;
};

// The first entry at or after `at` by its time, found by halving; the log's size when there is
// none. Entries without a text are before every time: they are the oldest.
absl::StatusOr<uint64_t> FirstEntrySince(const Snapshot& snapshot, absl::Time at);

// Walks a range, oldest or newest first, through the index when the query has conditions: by the
// one that the fewest entries meet. Thread-compatible; must not outlive the snapshot.
class LogPlaces {
 public:
  LogPlaces(const Snapshot& snapshot, LogRange range, bool newest_first)
      : snapshot_(snapshot), range_(range), newest_first_(newest_first) {}

  absl::Status Choose(const LogQuery& query);
  // The next sequences to look at, at most limits::kMaxPage; empty when the range is at its end.
  absl::StatusOr<std::vector<uint64_t>> Next();
  // True: no condition, so that Next() gives every sequence there is.
  bool every() const { return terms_.empty(); }

 private:
  // Sequences of [from, until) with one of the terms, ascending. `until` moves down to what is
  // known for sure, where there are too many.
  absl::StatusOr<std::vector<uint64_t>> Find(uint64_t from, uint64_t& until) const;
  std::vector<uint64_t> NextOfAll();
  absl::StatusOr<std::vector<uint64_t>> NextUp();
  absl::StatusOr<std::vector<uint64_t>> NextDown();

  const Snapshot& snapshot_;
  LogRange range_;  // what is left
  const bool newest_first_;
  std::vector<std::string> terms_;
  uint64_t window_ = 0;  // how far NextDown() looks back
};

}  // namespace muster
