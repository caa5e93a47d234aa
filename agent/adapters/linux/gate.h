// The gate: one fanotify group, the thread that decides, and the watchdog over it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/adapters/linux/fanotify.h"
#include "agent/adapters/linux/proc.h"
#include "agent/adapters/linux/slow_lane.h"
#include "agent/flow/enforcer.h"
#include "agent/flow/machine.h"
#include "agent/flow/pending_answers.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"

namespace muster::agent {

// What all gates of one agent share: the state in force, and what was decided. Thread-safe; no
// lock is held across a system call.
class GateState {
 public:
  GateState(const Clock* clock, Machine* machine, std::function<void()> on_record);

  struct View {
    EnforcementState state;
    std::shared_ptr<const absl::flat_hash_set<uint64_t>> remote_devices;
    // Sizes of files that turned out to have a hash which the catalogue states without a size.
    std::shared_ptr<const absl::flat_hash_set<uint64_t>> found_sizes;
  };
  View view() const;
  void SetState(EnforcementState state);
  void SetRemoteDevices(absl::flat_hash_set<uint64_t> devices);
  void NoteSize(uint64_t size);

  struct Decided {
    std::shared_ptr<const PolicyIndex> policy;
    AppIndex app = -1;
    ProcessPerson who;
    Decision decision;
    std::string path;
    bool denied = false;
  };
  void Record(Decided decided);
  std::vector<ExecRecord> TakeRecords(uint32_t* dropped);

  // The app that the contents of `fd` prove, reading it if need be.
  std::optional<AppIndex> AppByContents(const View& view, int fd, const FileStamp& stamp,
                                        const std::string& path);

  const Clock& clock() const { return *clock_; }
  Machine& machine() { return *machine_; }
  HashCache& hashes() { return hashes_; }
  std::atomic<uint64_t> decided{0};
  std::atomic<uint64_t> blocked{0};

 private:
  const Clock* const clock_;
  Machine* const machine_;
  const std::function<void()> on_record_;
  HashCache hashes_;
  mutable Mutex mu_;
  View view_ ABSL_GUARDED_BY(mu_);
  struct Kept {
    Decided decided;
    absl::Time at;
  };
  std::vector<Kept> records_ ABSL_GUARDED_BY(mu_);
  uint32_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
};

// For tests that must see the watchdog at work.
struct GateHooks {
  std::function<void(const FanotifyEvent&)> before_decision;
  std::function<void()> on_stuck;  // instead of leaving the process
};

// Starts its threads at once. group() is thread-safe.
//
// Should this process run out of memory, crash or be killed, the kernel closes the descriptor
// and lets everything through; the service manager starts the agent again. That is preferred to
// any state in which programs wait.
class Gate {
 public:
  // Errors of FanotifyGroup::Open.
  static absl::StatusOr<std::unique_ptr<Gate>> Start(bool enforce, GateState* shared,
                                                     std::function<void()> kill_disallowed,
                                                     GateHooks hooks = {});
  // Takes the gate down if it stands, and waits for its slow lanes, which may be reading from a
  // filesystem that never answers.
  ~Gate();

  // Takes the marks away, lets through what waits and closes the group. Fast.
  void TakeDown();

  const FanotifyGroup& group() const { return group_; }

 private:
  Gate(FanotifyGroup group, GateState* shared, std::function<void()> kill_disallowed,
       GateHooks hooks);
  void DecideLoop();
  void WatchdogLoop();
  void Handle(FanotifyEvent event);
  // Answers, then records. `app` is proven.
  void Settle(const GateState::View& view, const FanotifyEvent& event, AppIndex app,
              const std::string& path);
  // Hands the event to a slow lane, which answers in time or the watchdog does.
  // Waits up to a second for the exec: only on a slow lane.
  void EndStarted(int pid, const std::optional<FileStamp>& program);
  void Defer(const GateState::View& view, FanotifyEvent event, const FileStamp& stamp,
             const std::string& path, bool by_owner);
  void Allow(const FanotifyEvent& event);

  FanotifyGroup group_;
  GateState* const shared_;
  const std::function<void()> kill_disallowed_;
  const GateHooks hooks_;
  MonotonicClock monotonic_;
  PendingAnswers pending_;
  Fd stop_event_;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> busy_since_ns_{0};  // 0: the decision thread waits for events
  std::unique_ptr<SlowLane> local_lane_, remote_lane_;
  std::thread decide_thread_, watchdog_thread_;
};

}  // namespace muster::agent
