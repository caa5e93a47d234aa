// What tells one file's contents from another's without reading it. Value type.
#pragma once

#include <cstdint>
#include <utility>

namespace muster::agent {

struct FileKey {
  uint64_t dev = 0;  // makedev(major, minor)
  uint64_t ino = 0;

  friend bool operator==(const FileKey& a, const FileKey& b) {
    return a.dev == b.dev && a.ino == b.ino;
  }
  template <typename H>
  friend H AbslHashValue(H h, const FileKey& k) {
    return H::combine(std::move(h), k.dev, k.ino);
  }
};

struct FileStamp {
  FileKey key;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;

  // A link, a rename or a chmod moves ctime and leaves the contents alone.
  bool SameContents(const FileStamp& o) const {
    return key == o.key && size == o.size && mtime_ns == o.mtime_ns;
  }
  friend bool operator==(const FileStamp& a, const FileStamp& b) {
    return a.SameContents(b) && a.ctime_ns == b.ctime_ns;
  }
  template <typename H>
  friend H AbslHashValue(H h, const FileStamp& s) {
    return H::combine(std::move(h), s.key, s.size, s.mtime_ns, s.ctime_ns);
  }
};

}  // namespace muster::agent
