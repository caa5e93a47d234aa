// Keeps a worker alive: starts it, goes on for one that was stopped, replaces one that ended or
// hangs, and replaces itself by a newer version of its own program without a gap.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/beat.h"
#include "agent/adapters/linux/gate_server.h"
#include "agent/adapters/linux/linux_enforcer.h"
#include "agent/adapters/linux/tamper_log.h"
#include "common/agent_limits.h"

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
    // From the first worker that was ready on: what it says can be reported.
    std::function<void()> each_minute;
    // Whether there is a new version that can be started; asked before anything is stopped.
    std::function<absl::Status()> can_upgrade;
    // Becomes the new version; returns only when that failed, and why.
    std::function<absl::Status()> upgrade;
    bool took_over = false;  // from an earlier version, with what was in force
    uint32_t restarts = 0;   // counted by the earlier version
    absl::Duration worker_silence = limits::kWorkerSilence;
  };
  explicit Supervisor(Parts parts);

  // Until SIGTERM or SIGINT, or until a first worker says that it cannot run here, with nothing in
  // force yet. The exit code.
  // SIGHUP goes to the worker; SIGUSR2 upgrades.
  int Run();

  // Of it alone: worker restarts and tampering.
  v1::GateStatus Status() const {
    v1::GateStatus out;
    AddStatus(out);
    return out;
  }

 private:
  enum class Next { kGoOn, kStop, kUpgrade };
  Next ReadSignals();
  void Upgrade();
  void StartWorker();
  // SIGTERM, then SIGKILL. What the worker kept is on disk either way.
  void StopWorker();
  // SIGKILL, and the end of it as far as it can be waited for.
  void KillWorker();
  // False: it has not ended within `time`.
  bool AwaitEnd(absl::Duration time, int& status);
  void ReapLeaving();
  void OnChild();
  void OnWorkerEnd(int status);
  void CheckBeat();
  void CheckReady();
  void DoEachMinute();
  void AddStatus(v1::GateStatus& status) const;

  const Parts parts_;
  Fd signals_;
  const Pulse pulse_;
  std::unique_ptr<GateServer> server_;
  // Of earlier workers: killed but not gone, and answers that take their time.
  std::vector<int> leaving_pids_;
  std::vector<std::unique_ptr<GateServer>> leaving_servers_;
  std::atomic<bool> in_force_{false};  // a worker has put a state in force
  int worker_pid_ = 0;
  bool ever_ready_ = false, ready_ = false, killed_by_us_ = false;
  std::atomic<uint32_t> restarts_{0};
  uint32_t continued_ = 0;
  int exit_code_ = -1;  // set: leave with it
  absl::Time start_at_ = absl::InfinitePast(), started_at_, minute_at_;
  absl::Duration pause_;
};

}  // namespace muster::agent
