// Whole files, bounded; no partial answers. Thread-safe.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster::agent {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(o.Release()) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) Reset(o.Release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { Reset(-1); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset(int fd);

 private:
  int fd_ = -1;
};

// errno as a status that names the path: NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED (no
// space) or UNAVAILABLE.
absl::Status ErrnoStatus(int error, absl::string_view doing, absl::string_view path);

// RESOURCE_EXHAUSTED when the file is larger than `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// The steps of an atomic write, in order: tests stop after each of them.
enum class WriteStep { kTempWritten, kTempSynced, kRenamed, kDirectorySynced };

// Temporary file, fsync, rename, fsync of the directory. `after` is called after every step;
// false stops there, as a crash would.
absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, unsigned mode,
                                 bool (*after)(WriteStep) = nullptr);

}  // namespace muster::agent
