// The gate: two fanotify groups, the threads that decide, and the watchdog over them. One group
// sees executions and remembers in the kernel what is always allowed; the other sees every opening
// of a blocked file. They are two so that the first can forget without the second losing a mark.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "agent/adapters/files/file_facts.h"
#include "agent/adapters/linux/fanotify.h"
#include "agent/adapters/linux/gate_state.h"
#include "agent/adapters/linux/slow_lane.h"
#include "agent/flow/pending_answers.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/mutex.h"

namespace muster::agent {

// For tests that must see the watchdog at work.
struct GateHooks {
  std::function<void(const FanotifyEvent&)> before_decision;
  std::function<void()> on_stuck;  // instead of leaving the process
};

// The descriptors of a gate, for a program of ours that takes it over.
struct GateGroups {
  FanotifyGroup execs;
  std::optional<FanotifyGroup> opens;  // only where blocking is asked for

  // Errors of FanotifyGroup::Open.
  static absl::StatusOr<GateGroups> Open(bool enforce);
};

// Starts its threads at once. The groups' calls are thread-safe.
//
// Should this process run out of memory, crash or be killed, the kernel closes the descriptors
// and lets everything through; the service manager starts the agent again. That is preferred to
// any state in which programs wait.
class Gate {
 public:
  Gate(GateGroups groups, GateState* shared, std::function<void()> kill_disallowed,
       GateHooks hooks = {});
  // Takes the gate down if it stands, and waits for its slow lanes, which may be reading from a
  // filesystem that never answers.
  ~Gate();

  // Takes the marks away, lets through what waits and closes the groups. Fast.
  void TakeDown();
  // Stops deciding and gives the groups away with their marks; what was read and waits is answered
  // as at its deadline, what comes now waits for whoever takes the groups. Empty: it is down.
  std::optional<GateGroups> HandOver();

  const FanotifyGroup& execs() const { return groups_.execs; }
  // nullptr: nothing is blocked.
  const FanotifyGroup* opens() const { return groups_.opens ? &*groups_.opens : nullptr; }
  // A new state is in force: what the kernel remembers of the old one goes.
  void Forget() const { groups_.execs.ForgetAllowed(); }
  // When the decider that serves now began its event; empty: none is late.
  bool Late() const;
  bool remembers() const { return remembers_; }

 private:
  // A thread that decides. The spare one only works while the first is late.
  struct Decider {
    std::atomic<int64_t> busy_since_ns{0};  // 0: it waits for events
    std::thread thread;
  };

  void FirstLoop();
  void SpareLoop();
  // Reads and decides whatever waits in one group.
  void Serve(const FanotifyGroup& group, Decider& decider);
  void StopDeciding(bool allow_waiting);
  void WatchdogLoop();
  void Handle(FanotifyEvent event);
  // What is known without waiting for the file.
  struct Finding {
    CandidateIndex::Answer known;
    bool contents_known = true;  // false: they have to be read before it is sure that it is no app
    bool likely = false;         // it has the build-id of one: at the deadline it is taken for it
  };
  Finding Look(const GateState::View& view, const FanotifyEvent& event, const FileFacts& facts,
               const std::string& path);
  // Answers, then records. `app` is proven.
  void Settle(const GateState::View& view, const FanotifyEvent& event, AppIndex app,
              const std::string& path);
  // Hands the event to a slow lane, which answers in time or the watchdog does.
  void Defer(const GateState::View& view, FanotifyEvent event, const FileFacts& facts,
             const std::string& path, bool by_owner);
  // Waits up to a second for the exec: only on a slow lane.
  void EndStarted(int pid, const std::optional<FileStamp>& program);
  void Allow(const FanotifyEvent& event);
  // Lets the kernel answer for this file from now on, if that is safe. After the answer.
  void Remember(const GateState::View& view, const FanotifyEvent& event, const FileFacts& facts,
                bool contents_known);

  GateGroups groups_;
  GateState* const shared_;
  const std::function<void()> kill_disallowed_;
  const GateHooks hooks_;
  MonotonicClock monotonic_;
  PendingAnswers pending_;
  Fd stop_event_, spare_event_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> remembers_{true};  // false: this kernel cannot
  // Something ran that a full lane could not look at: all that runs is looked at when it can.
  std::atomic<bool> passed_unread_{false};
  std::unique_ptr<SlowLane> local_lane_, remote_lane_;
  Decider first_, spare_;
  std::thread watchdog_thread_;
};

}  // namespace muster::agent
