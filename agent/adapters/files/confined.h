// A folder that somebody else owns, read as root without being led astray: no link, no mount and
// no ".." takes a look out of it, only regular files are opened, and everything is bounded.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/file_stamp.h"

namespace muster::agent {

// How many names one look at the machine may see; what is over is left out, and said.
struct ScanBudget {
  size_t names = 0;  // that may still be seen
  bool exhausted = false;
};

enum class Links {
  kNone,    // a link anywhere below is an error
  kInside,  // links that stay in the folder are followed: flatpak's layout is made of them
};

// Thread-compatible.
class Confined {
 public:
  Confined() = default;
  // `path` itself may hold links: who names it trusts it.
  explicit Confined(const std::string& path);

  bool ok() const { return fd_.ok(); }
  const std::string& path() const { return path_; }
  // Without asking a remote server.
  std::optional<uint64_t> Device() const;

  // The folder at `relative`, which confines as well; !ok() when there is none. A mount point
  // ends the way, but for the folder itself (`cross_mounts`: a home may be one).
  Confined Below(const std::string& relative, Links links = Links::kNone,
                 bool cross_mounts = false) const;

  // What lstat(2) says of `relative`; empty: nothing is there, or the way is barred.
  std::optional<struct stat> Look(const std::string& relative, Links links = Links::kNone) const;

  // A regular file, whole. FIFOs, devices and sockets are never opened. NOT_FOUND,
  // RESOURCE_EXHAUSTED when it is larger than `max_bytes`, UNAVAILABLE.
  absl::StatusOr<std::string> Read(const std::string& relative, size_t max_bytes,
                                   Links links = Links::kNone) const;
  // Its first `bytes`; empty when it is none.
  std::string Head(const std::string& relative, size_t bytes) const;

  // A regular file, open for reading, and what fstat(2) says of it; !ok(): it is none.
  Fd OpenFile(const std::string& relative, struct stat* st) const {
    return OpenRegular(relative, Links::kNone, st);
  }
  // Makes the folder `name`, with the rights of that account and for it alone; success when one is
  // there. `name` has no slash.
  absl::Status MakeFolder(const std::string& name, uid_t uid, gid_t gid) const;

  struct Entry {
    std::string name;
    unsigned char type = 0;  // DT_REG, DT_DIR …; never DT_UNKNOWN
  };
  // Sorted by name; of names that begin with a dot only when `hidden`.
  std::vector<Entry> List(ScanBudget& budget, bool hidden = false) const;

 private:
  Fd Open(const std::string& relative, int flags, Links links, bool cross_mounts) const;
  Fd OpenRegular(const std::string& relative, Links links, struct stat* st) const;

  std::string path_;
  Fd fd_;
};

FileStamp StampOf(const struct stat& st);

}  // namespace muster::agent
