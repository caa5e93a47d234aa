#include "agent/adapters/files/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

}  // namespace

void Fd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

absl::Status ErrnoStatus(int error, absl::string_view doing, absl::string_view path) {
  const std::string text = absl::StrCat("cannot ", doing, " ", path, ": ", strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(text);
    default:
      return absl::UnavailableError(text);
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.ok()) return ErrnoStatus(errno, "read", path);
  std::string out;
  struct stat st = {};
  if (fstat(fd.get(), &st) == 0 && S_ISREG(st.st_mode)) {
    if (static_cast<uint64_t>(st.st_size) > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " has ", st.st_size, " bytes; at most ", max_bytes));
    }
    out.reserve(static_cast<size_t>(st.st_size) + 1);
  }
  char buffer[16 << 10];
  for (;;) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", path);
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " has more than ", max_bytes, " bytes"));
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, unsigned mode,
                                 bool (*after)(WriteStep)) {
  auto go_on = [&](WriteStep step) { return after == nullptr || after(step); };
  const std::string temp = absl::StrCat(path, ".tmp");
  Fd fd(open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.ok()) return ErrnoStatus(errno, "create", temp);
  if (fchmod(fd.get(), mode) != 0) return ErrnoStatus(errno, "set the mode of", temp);
  if (absl::Status status = WriteAll(fd.get(), bytes, temp); !status.ok()) {
    unlink(temp.c_str());
    return status;
  }
  if (!go_on(WriteStep::kTempWritten)) return absl::CancelledError("stopped");
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "sync", temp);
  if (!go_on(WriteStep::kTempSynced)) return absl::CancelledError("stopped");
  if (rename(temp.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename", temp);
  if (!go_on(WriteStep::kRenamed)) return absl::CancelledError("stopped");
  const std::string dir = path.substr(0, path.find_last_of('/'));
  Fd dir_fd(open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir_fd.ok() || fsync(dir_fd.get()) != 0) return ErrnoStatus(errno, "sync", dir);
  go_on(WriteStep::kDirectorySynced);
  return absl::OkStatus();
}

}  // namespace muster::agent
