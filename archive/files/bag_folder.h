// A folder that somebody else wrote, looked at without being led astray: no link is followed, only
// regular files are opened, everything is bounded.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::archive {

// Owns a file descriptor. Movable.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd();
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release();  // the caller closes it

 private:
  int fd_;
};

// UNAVAILABLE, or RESOURCE_EXHAUSTED for a full disk: `what`, then errno in words.
absl::Status FileError(absl::string_view what, int error);
// fsync; a share that cannot do it for a folder is no error.
absl::Status SyncFolder(int fd, const std::string& path);
// All of `bytes`. The errors of FileError().
absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path);

struct BagFile {
  std::string path;  // relative to the bag
  uint64_t bytes = 0;
};

// Thread-compatible.
class BagFolder {
 public:
  // NOT_FOUND; BagError PATH: a link or no folder; UNAVAILABLE.
  static absl::StatusOr<BagFolder> Open(const std::string& path);

  // All files, sorted. BagError PATH: a link, a pipe, a device or a hostile name; OVERSIZE.
  absl::StatusOr<std::vector<BagFile>> List() const;
  // BagError PATH: no longer a regular file on a way without links; INCOMPLETE: not there.
  absl::StatusOr<OwnedFd> OpenFile(const std::string& path) const;
  // The whole file. BagError OVERSIZE when it has more than `max_bytes`.
  absl::StatusOr<std::string> Read(const std::string& path, size_t max_bytes) const;
  // Of the file's bytes; `bytes` gets how many there were.
  absl::StatusOr<std::vector<std::string>> Checksum(const std::string& path,
                                                    const std::vector<std::string>& algorithms,
                                                    uint64_t* bytes) const;
  int fd() const { return fd_.get(); }

 private:
  explicit BagFolder(OwnedFd fd) : fd_(std::move(fd)) {}
  OwnedFd fd_;
};

}  // namespace muster::archive
