// /proc/self/mountinfo (proc(5)). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct Mount {
  uint64_t dev = 0;  // makedev(major, minor) as stat(2) gives it
  std::string path;  // unescaped
  std::string type;
  bool operator==(const Mount&) const = default;
};

// Malformed lines are skipped.
std::vector<Mount> ParseMountInfo(absl::string_view text);

// False for kernel interfaces that cannot hold a program of a user's.
bool CanHoldPrograms(absl::string_view fs_type);

// True where another machine or a user's own process serves the bytes: reading may never end.
bool IsRemote(absl::string_view fs_type);

}  // namespace muster::agent
