// Signs of life between supervisor and worker, in memory that both see: no message has to be
// understood, no thread of a hung process has to answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

// Thread-safe. Times are CLOCK_MONOTONIC.
class Beat {
 public:
  struct Shared {
    std::atomic<int64_t> worker_ns{0}, supervisor_ns{0};
    std::atomic<uint32_t> worker_ready{0};
    std::atomic<uint32_t> supervisor_continued{0};  // how often the worker had to
  };
  static_assert(std::atomic<int64_t>::is_always_lock_free);

  static absl::StatusOr<std::unique_ptr<Beat>> Create();       // the supervisor
  static absl::StatusOr<std::unique_ptr<Beat>> Join(Fd file);  // the worker
  ~Beat();
  Beat(const Beat&) = delete;
  Beat& operator=(const Beat&) = delete;

  int fd() const { return file_.get(); }
  Shared& shared() { return *shared_; }

 private:
  Beat(Fd file, Shared* shared) : file_(std::move(file)), shared_(shared) {}
  Fd file_;
  Shared* const shared_;
};

int64_t MonotonicNanos();

// The supervisor's: a thread that gives signs of life, and makes the kernel continue this process
// when it was stopped by a signal and nobody is left to do it: timers send SIGCONT unless they are
// set anew in time. They are several, for a process that is stopped again before it does that. They
// do not outlive an exec.
class Pulse {
 public:
  explicit Pulse(Beat* beat);
  ~Pulse();

 private:
  struct Thread;
  const std::unique_ptr<Thread> thread_;
};

// The worker's: goes on for a supervisor that was stopped, within limits::kSupervisorSilence.
class SupervisorGuard {
 public:
  SupervisorGuard(Beat* beat, int supervisor_pid);
  ~SupervisorGuard();

 private:
  struct Thread;
  const std::unique_ptr<Thread> thread_;
};

}  // namespace muster::agent
