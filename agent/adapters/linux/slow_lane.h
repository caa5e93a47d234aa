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

// One thread, a bounded queue. Thread-safe.
class SlowLane {
 public:
  explicit SlowLane(size_t capacity);
  // Waits for the running task, drops the others.
  ~SlowLane();

  // False: full; the task was not taken.
  bool Offer(std::function<void()> task);
  bool stopping() const;

 private:
  void Run();

  const size_t capacity_;
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace muster::agent
