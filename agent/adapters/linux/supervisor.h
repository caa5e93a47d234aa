// Keeps a worker alive: starts it, goes on for one that was stopped, replaces one that ended or
// hangs, and replaces itself by a newer version of its own program without a gap.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/beat.h"
#include "agent/adapters/linux/gate_server.h"
#include "agent/adapters/linux/linux_enforcer.h"
#include "agent/adapters/linux/tamper_log.h"

namespace muster::agent {

// The descriptors that a worker finds, by number.
inline constexpr int kWorkerSocketFd = 3, kWorkerBeatFd = 4, kWorkerWakeFd = 5;

// Thread-compatible: one thread runs it. Signals must be blocked in all threads.
class Supervisor {
 public:
  struct Parts {
    std::vector<std::string> worker;  // program, then its arguments
    LinuxEnforcer* enforcer = nullptr;
    TamperLog* tampering = nullptr;
    Beat* beat = nullptr;
    int wake_fd = -1;  // eventfd: tells the worker that there is something to fetch
    std::function<void(const v1::GateState&)> on_state;
    std::function<void()> each_minute;
    // Becomes the new version; returns only when that failed, and why.
    std::function<absl::Status()> upgrade;
  };
  explicit Supervisor(Parts parts);

  // Until SIGTERM or SIGINT, or until a first worker says that it cannot run here. The exit code.
  // SIGHUP goes to the worker; SIGUSR2 upgrades.
  int Run();

 private:
  enum class Next { kGoOn, kStop, kUpgrade };
  Next ReadSignals();
  void StartWorker();
  // SIGTERM, then SIGKILL. What the worker kept is on disk either way.
  void StopWorker();
  void OnChild();
  void OnWorkerEnd(int status);
  void CheckBeat();
  void CheckReady();
  void AddStatus(v1::GateStatus& status) const;

  const Parts parts_;
  Fd signals_;
  std::unique_ptr<GateServer> server_;
  int worker_pid_ = 0;
  bool ever_ready_ = false, ready_ = false, killed_by_us_ = false;
  std::atomic<uint32_t> restarts_{0};
  uint32_t continued_ = 0;
  int exit_code_ = -1;  // set: leave with it
  absl::Time start_at_ = absl::InfinitePast(), started_at_, minute_at_;
  absl::Duration pause_;
};

}  // namespace muster::agent
