// Tells when something in watched directories changed (inotify(7)). Thread-compatible: one
// event loop.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

class Watcher {
 public:
  Watcher();

  int fd() const { return fd_.get(); }

  // Watches each directory for a change of the name in it (empty: any name). Where a directory
  // does not exist, its nearest existing ancestor is watched for the next part of the path:
  // call again after a change. At most limits of the kernel; what cannot be watched is skipped.
  void Watch(const std::vector<std::pair<std::string, std::string>>& directories, int tag);

  // Reads all events; the tags of what changed, as bits (1 << tag).
  unsigned Drain();

 private:
  struct Interest {
    std::string name;
    int tag = 0;
    bool operator==(const Interest&) const = default;
  };
  Fd fd_;
  std::map<int, std::vector<Interest>> interests_;  // by watch descriptor
};

}  // namespace muster::agent
