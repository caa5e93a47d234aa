// Reading the LDIF file whole and replacing it whole, so that a crash at any moment leaves either
// the old file or the new one.
#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

struct LdifFile {
  std::string path;  // resolved: a symbolic link stays a link when the file is replaced
  std::string text;
  struct stat stat = {};
};

// UNAVAILABLE: it cannot be read, or changed while it was read; FAILED_PRECONDITION: it is not a
// regular file or too large.
absl::StatusOr<LdifFile> LoadLdifFile(const std::string& path);

// Puts `text` in the place of `old`: a file beside it, same owner, group and mode, fsync, rename,
// fsync of the folder. Extended attributes are not carried over. ABORTED when the file is no
// longer `old`; PERMISSION_DENIED or UNAVAILABLE when it cannot be written. The caller holds the
// LdifLock. The old file stays on any error but a failed last fsync.
absl::Status ReplaceLdifFile(const LdifFile& old, absl::string_view text);

// An exclusive flock on `path`.lock, which stays behind, empty. It works between processes and,
// since each lock opens the file anew, between threads and objects of one process. Movable only.
class LdifLock {
 public:
  // Waits up to five seconds; then UNAVAILABLE. PERMISSION_DENIED: the folder is not writable.
  static absl::StatusOr<LdifLock> Acquire(const std::string& path);
  LdifLock(LdifLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  LdifLock& operator=(LdifLock&&) = delete;
  ~LdifLock();

 private:
  explicit LdifLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace muster
