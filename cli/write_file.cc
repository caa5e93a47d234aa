#include "cli/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

absl::Status ExistsError(const std::string& path) {
  return absl::AlreadyExistsError(
      absl::StrCat(path, " exists already; remove it or name another file"));
}

absl::Status WriteError(const std::string& path, int error) {
  const std::string text = absl::StrCat("cannot write ", path, ": ", std::strerror(error));
  const bool ours = error == ENOENT || error == ENOTDIR || error == EACCES || error == EROFS ||
                    error == ELOOP || error == EISDIR;
  return ours ? absl::InvalidArgumentError(text) : absl::InternalError(text);
}

}  // namespace

absl::Status CheckIsNew(const std::string& path) {
  struct stat st;
  return lstat(path.c_str(), &st) == 0 ? ExistsError(path) : absl::OkStatus();
}

absl::Status WriteNewFile(const std::string& path, const std::string& bytes, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return errno == EEXIST ? ExistsError(path) : WriteError(path, errno);
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<size_t>(n);
  }
  const bool ok = done == bytes.size() && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (ok) return absl::OkStatus();
  unlink(path.c_str());
  return WriteError(path, error);
}

absl::Status WriteSecretFile(const std::string& path, const std::string& bytes) {
  return WriteNewFile(path, bytes, 0600);
}

absl::Status ReplaceFile(const std::string& path, const std::string& bytes, mode_t mode) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());  // of a run that was killed
  MUSTER_RETURN_IF_ERROR(WriteNewFile(fresh, bytes, mode));
  if (rename(fresh.c_str(), path.c_str()) == 0) return absl::OkStatus();
  const int error = errno;
  unlink(fresh.c_str());
  return WriteError(path, error);
}

}  // namespace muster::cli
