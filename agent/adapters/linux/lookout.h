// Looks where marks do not reach: programs that started elsewhere, mounts that came, mount
// namespaces of others. One thread, that never waits for a user's file.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "agent/adapters/linux/mount_marks.h"
#include "agent/adapters/linux/proc_connector.h"
#include "agent/adapters/linux/process_judge.h"
#include "agent/adapters/linux/slow_lane.h"
#include "common/mutex.h"

namespace muster::agent {

class Lookout {
 public:
  struct Parts {
    MountMarks* marks = nullptr;
    ProcessJudge* judge = nullptr;
    // Runs with the group that marks go to, unless no gate stands. Thread-safe.
    std::function<void(const std::function<void(const FanotifyGroup&)>&)> with_group;
    std::function<bool()> enforcing;
    std::function<void()> marks_changed;  // off the thread's own locks
  };
  explicit Lookout(Parts parts);
  ~Lookout();

  // Empty: the process connector works; else why not. It is tried again twice a minute.
  std::string connector_error() const;

 private:
  void Run();
  void Connect();
  // Until something happens or it is time to look around.
  void Wait();
  void OnExec(int pid);
  void OnNewDevices(int pid);
  void LookAround();
  // Hands a process to the judge on the lane.
  void Offer(int pid);
  bool IsKnownPlain(const FileKey& key);

  const Parts parts_;
  std::optional<ProcConnector> connector_;
  mutable Mutex mu_;
  std::string connector_error_ ABSL_GUARDED_BY(mu_);
  Fd own_mounts_, stop_event_;
  std::atomic<bool> stopping_{false};
  unsigned looks_ = 0;  // around, without a connector
  bool lost_ = false, own_changed_ = false;
  absl::Time next_look_ = absl::InfinitePast();
  // Programs by inode: whether they run other files. The thread's own.
  absl::flat_hash_map<FileKey, bool> interpreters_;
  absl::flat_hash_map<int, FileStamp> judged_;  // without a connector: what was judged already
  SlowLane lane_;
  std::thread thread_;
};

}  // namespace muster::agent
