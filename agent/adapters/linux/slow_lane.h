// Work that reads files on behalf of the gate: hashing what has a known size, finding the owner
// of a catalogued path. On threads of its own, so that a slow disk, or a user's own filesystem
// that never answers, cannot hold up anybody else's program.
#pragma once

#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/domain/file_stamp.h"
#include "common/mutex.h"

namespace muster::agent {

// Hashes by stamp, the most recently used ones. Thread-safe.
class HashCache {
 public:
  explicit HashCache(size_t capacity) : capacity_(capacity) {}
  std::optional<std::string> Find(const FileStamp& stamp);
  // In the place of what was there.
  void Put(const FileStamp& stamp, std::string sha256);

 private:
  const size_t capacity_;
  Mutex mu_;
  std::list<std::pair<FileStamp, std::string>> order_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<FileStamp, std::list<std::pair<FileStamp, std::string>>::iterator> by_stamp_
      ABSL_GUARDED_BY(mu_);
};

// SHA-256 of the first `size` bytes of an open file, lowercase hex, without moving its offset:
// whoever makes it longer meanwhile must not keep the reader. Empty when it cannot be read, or
// `size` is over limits::kMaxHashedBytes.
std::optional<std::string> HashFd(int fd, uint64_t size);

// One thread, a bounded queue; while a task takes longer than limits::kSlowTask (a filesystem that
// hangs), other threads go on with the next, at most limits::kMaxLaneThreads. Thread-safe.
class SlowLane {
 public:
  explicit SlowLane(size_t capacity);
  // Waits for the running tasks, drops the others.
  ~SlowLane();

  // False: full; the task was not taken.
  bool Offer(std::function<void()> task);
  bool stopping() const;

 private:
  void Run(size_t me);
  // True when every thread is at a task, and has been for long.
  bool AllAreSlow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t capacity_;
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<int64_t> busy_since_ns_ ABSL_GUARDED_BY(mu_);  // by thread; 0: it waits
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster::agent
