// Decisions that wait for the next report, in memory. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "agent/domain/exec_record.h"

namespace muster::agent {

// At most `capacity` records. When one more comes, the oldest *allow* goes first, be it the new
// one; only where all are something else the oldest of those. Every loss is counted. Add takes
// constant time, also when full: it is called beside decisions. Thread-compatible.
class RecordBuffer {
 public:
  // `capacity` at least 1.
  explicit RecordBuffer(size_t capacity) : capacity_(capacity) {}

  void Add(ExecRecord record);
  // All records in the order they came, and how many were lost since the last call.
  std::vector<ExecRecord> Take(uint32_t* dropped);

  // Counts what was lost elsewhere.
  void AddLost(uint32_t count) { dropped_ += count; }

  size_t size() const { return allows_.size() + others_.size(); }

 private:
  using Numbered = std::pair<uint64_t, ExecRecord>;

  const size_t capacity_;
  uint64_t next_ = 0;
  uint32_t dropped_ = 0;
  std::deque<Numbered> allows_, others_;
};

}  // namespace muster::agent
