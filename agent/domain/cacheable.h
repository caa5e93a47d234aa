// Which allows the kernel may remember by itself. Pure.
#pragma once

#include <cstdint>

namespace muster::agent {

// What a decision depended on, and whose the file is.
struct AllowFacts {
  bool catalogued = false;     // some app: then the person decides, each time
  bool contents_known = true;  // false: its hash could still show that it is one
  bool remote = false;         // on a filesystem that others change without this kernel
  uint32_t owner = 0;          // uid
  uint32_t mode = 0;           // permission bits
};

// True when only root could change the file, and every change of it is seen by this kernel. A
// write through a shared mapping raises no event (fanotify(7), "Limitations") and need not move
// the file's times, so what was once read of any other file says nothing about its bytes now.
inline bool OnlyRootChanges(const AllowFacts& f) {
  return !f.remote && f.owner == 0 && (f.mode & 0022) == 0;
}

// A file that an ordinary account may write is decided each time.
inline bool MayRemember(const AllowFacts& f) {
  return !f.catalogued && f.contents_known && OnlyRootChanges(f);
}

}  // namespace muster::agent
