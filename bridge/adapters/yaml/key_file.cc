#include "bridge/adapters/yaml/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "common/status_macros.h"

namespace muster::bridge {

absl::Status CheckKeyFile(const std::string& path, const struct stat& info, uid_t self) {
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no file"));
  }
  if (info.st_uid != 0 && info.st_uid != self) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds a key and belongs to another user: chown root ", path));
  }
  // The group may read it: that is how a service without rights of its own gets its keys.
  if ((info.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " holds a key that others can read or change: chmod g-w,o-rwx ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadKeyFile(const std::string& path, size_t max_bytes) {
  // A pipe must not make the program wait for whoever writes into it.
  const agent::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd.ok() || fstat(fd.get(), &info) != 0) {
    return agent::ErrnoStatus(errno, "read", path);
  }
  MUSTER_RETURN_IF_ERROR(CheckKeyFile(path, info, geteuid()));
  std::string out(max_bytes + 1, '\0');
  size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = read(fd.get(), out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return agent::ErrnoStatus(errno, "read", path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(path, " has more than ", max_bytes, " bytes"));
  }
  out.resize(size);
  return out;
}

}  // namespace muster::bridge
