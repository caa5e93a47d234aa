// A process that starts one program again and again, and measures how long each start was kept
// waiting. Thread-compatible; ends with the test process.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace muster {

class StartLoad {
 public:
  // Starts `argv` as `uid`, one after the other, until the destructor.
  StartLoad(std::vector<std::string> argv, uid_t uid);
  ~StartLoad();
  StartLoad(const StartLoad&) = delete;
  StartLoad& operator=(const StartLoad&) = delete;

  uint64_t ran() const { return shared_->ran; }
  uint64_t blocked() const { return shared_->blocked; }  // execve gave EPERM
  uint64_t killed() const { return shared_->killed; }
  uint64_t other() const { return shared_->other; }
  uint64_t started() const { return ran() + blocked() + killed() + other(); }

  // The longest time that a start slept: neither ran nor waited for a processor of its own, so that
  // a busy machine does not count. Since the last call.
  absl::Duration TakeLongestWait() { return absl::Nanoseconds(shared_->longest_ns.exchange(0)); }

 private:
  struct Shared {
    std::atomic<uint64_t> ran{0}, blocked{0}, killed{0}, other{0};
    std::atomic<int64_t> longest_ns{0};
  };
  static void Once(char* const* argv, uid_t uid, Shared& shared);

  const std::vector<std::string> argv_;
  Shared* const shared_;
  pid_t pid_ = -1;
};

}  // namespace muster
