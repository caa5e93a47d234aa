// Tells when something in watched directories changed (inotify(7)). Thread-compatible: one
// event loop.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/adapters/files/file_io.h"

namespace muster::agent {

class Watcher {
 public:
  Watcher();

  int fd() const { return fd_.get(); }

  // Watches `dir` for a change of `name` in it (empty: any name; "*": any that begins with no
  // dot), which Drain then tells as `tags` (bits). Where the directory does not exist, its
  // nearest existing ancestor is watched for the next part of the path: call again after a
  // change. At most limits of the kernel; what cannot be watched is skipped.
  void Watch(std::string dir, std::string name, unsigned tags);

  // Reads all events; the tags of what changed.
  unsigned Drain();

 private:
  struct Interest {
    std::string name;
    unsigned tags = 0;
  };
  Fd fd_;
  std::map<int, std::vector<Interest>> interests_;  // by watch descriptor
};

}  // namespace muster::agent
