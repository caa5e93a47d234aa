// Which filesystems are marked: those of this mount namespace, and those that others mounted for
// themselves in theirs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/fanotify.h"
#include "agent/domain/mounts.h"
#include "common/mutex.h"

namespace muster::agent {

// What is to be marked; empty: everything that can hold programs, wherever it is mounted.
struct MarkScope {
  std::vector<std::string> paths;  // only the filesystems of these
  bool and_new = false;            // and those that were mounted nowhere at the start
};

// Thread-safe. A filesystem is one superblock: it is marked once, whatever its mounts.
class MountMarks {
 public:
  // Looks at all mounts there are: what comes later is new.
  explicit MountMarks(MarkScope scope);

  // Marks what this mount namespace shows. True when the marks or the failures changed.
  bool MarkOwn(const FanotifyGroup& group);
  // Marks what the mount namespace of a process shows and ours does not, through /proc/PID/root.
  struct NamespaceMarks {
    // All of it: the kernel gives a device number again after an unmount, so that what is known by
    // its number may be another filesystem now, whose programs started unseen.
    std::vector<uint64_t> devices;
    bool changed = false;  // there is something new by its number
  };
  NamespaceMarks MarkNamespaceOf(int pid, const FanotifyGroup& group);
  // Namespaces that no process is in any more, and marks of a group that is gone.
  void Prune(const absl::flat_hash_set<uint64_t>& living);
  void Clear();

  // False for what is none of our business: see MarkScope.
  bool InScope(uint64_t dev) const;
  bool Covers(uint64_t dev) const;
  bool KnowsNamespace(uint64_t id) const;
  bool empty() const;

  // A place to reach each marked filesystem by, at most limits::kMaxCanaries, and its name for
  // people.
  struct Marked {
    std::string path, name;
    uint64_t dev = 0;        // as mountinfo says
    uint64_t shown_dev = 0;  // as stat(2) says: another one on btrfs
  };
  std::vector<Marked> marked() const;
  std::vector<std::string> failed() const;
  absl::flat_hash_set<uint64_t> remote_devices() const;
  // A descriptor whose POLLPRI says that a namespace's mounts changed, and a process that was in
  // it.
  struct Watch {
    int fd = -1;
    uint64_t id = 0;
    int pid = 0;
  };
  std::vector<Watch> watches() const;

 private:
  struct Namespace {
    int pid = 0;  // a process that was in it
    Fd mountinfo;
    std::vector<Marked> marked;
    std::vector<std::string> failed;
  };
  struct Place {
    std::string root;   // before every path of the namespace; empty: ours
    std::string whose;  // for people; empty: ours
  };
  void MarkMounts(const std::vector<Mount>& mounts, const Place& place, const FanotifyGroup& group,
                  Namespace& out, NamespaceMarks* news) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkPaths(const FanotifyGroup& group, Namespace& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Mounted in our own namespace, which ordinary accounts cannot unmount.
  bool IsOwn(uint64_t dev) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Cover(const Namespace& ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool InScopeLocked(uint64_t dev) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const MarkScope scope_;
  mutable Mutex mu_;
  absl::flat_hash_set<uint64_t> scope_devices_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<uint64_t> old_devices_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<uint64_t> covered_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_set<uint64_t> remote_ ABSL_GUARDED_BY(mu_);
  Namespace own_ ABSL_GUARDED_BY(mu_);
  std::map<uint64_t, Namespace> others_ ABSL_GUARDED_BY(mu_);  // by namespace id
};

// The mount namespace of a process (inode of /proc/PID/ns/mnt); 0: it is gone.
uint64_t MountNamespaceOf(int pid);

}  // namespace muster::agent
