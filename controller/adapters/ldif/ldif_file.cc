#include "controller/adapters/ldif/ldif_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr timespec kLockPause = {0, 10'000'000};

absl::Status ErrnoError(absl::string_view doing, absl::string_view path) {
  const int error = errno;
  const std::string text = absl::StrCat("cannot ", doing, " ", path, ": ", strerror(error));
  if (error == EACCES || error == EPERM || error == EROFS) {
    return absl::PermissionDeniedError(absl::StrCat(
        text, "; let the account that musterd runs as write this file and its folder"));
  }
  return absl::UnavailableError(text);
}

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Close() {
    const int fd = fd_;
    fd_ = -1;
    return close(fd);
  }

 private:
  int fd_;
};

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

absl::StatusOr<std::string> ReadAll(int fd, off_t size, const std::string& path) {
  std::string text(static_cast<size_t>(size), '\0');
  size_t at = 0;
  while (at < text.size()) {
    const ssize_t got = read(fd, &text[at], text.size() - at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError("read", path);
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  text.resize(at);
  return text;
}

absl::Status WriteAll(int fd, absl::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError("write", path);
    text.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteBeside(const std::string& path, const struct stat& like, absl::string_view text) {
  // A name of its own would survive every crash; this one is taken over by the next writer.
  unlink(path.c_str());
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.get() < 0) return ErrnoError("create", path);
  MUSTER_RETURN_IF_ERROR(WriteAll(fd.get(), text, path));
  if (fchown(fd.get(), like.st_uid, like.st_gid) != 0) return ErrnoError("give an owner to", path);
  if (fchmod(fd.get(), like.st_mode & 07777) != 0) return ErrnoError("set the mode of", path);
  if (fsync(fd.get()) != 0) return ErrnoError("sync", path);
  if (fd.Close() != 0) return ErrnoError("close", path);
  return absl::OkStatus();
}

absl::Status SyncFolder(const std::string& folder) {
  Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fsync(fd.get()) != 0) return ErrnoError("sync the folder", folder);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LdifFile> LoadLdifFile(const std::string& path) {
  const std::unique_ptr<char, decltype(&free)> resolved(realpath(path.c_str(), nullptr), &free);
  if (resolved == nullptr) return ErrnoError("find the directory file", path);
  LdifFile file;
  file.path = resolved.get();
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  Fd fd(open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return ErrnoError("read the directory file", path);
  if (fstat(fd.get(), &file.stat) != 0) return ErrnoError("look at", path);
  if (!S_ISREG(file.stat.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  if (file.stat.st_size > limits::kMaxLdifBytes) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " is larger than ", limits::kMaxLdifBytes, " bytes; use a directory server"));
  }
  MUSTER_ASSIGN_OR_RETURN(file.text, ReadAll(fd.get(), file.stat.st_size, path));
  struct stat after = {};
  if (fstat(fd.get(), &after) != 0) return ErrnoError("look at", path);
  if (!SameFile(file.stat, after) || file.text.size() != static_cast<size_t>(after.st_size)) {
    return absl::UnavailableError(
        absl::StrCat(path, " changed while it was read; nothing of it was used, try again"));
  }
  return file;
}

absl::Status ReplaceLdifFile(const LdifFile& old, absl::string_view text) {
  const std::string beside = absl::StrCat(old.path, ".muster-new");
  absl::Status written = WriteBeside(beside, old.stat, text);
  struct stat now = {};
  if (written.ok() && (stat(old.path.c_str(), &now) != 0 || !SameFile(old.stat, now))) {
    written = absl::AbortedError(
        absl::StrCat(old.path, " was changed by someone else meanwhile; nothing was written"));
  }
  if (written.ok() && rename(beside.c_str(), old.path.c_str()) != 0) {
    written = ErrnoError("replace", old.path);
  }
  if (!written.ok()) {
    unlink(beside.c_str());
    return written;
  }
  return SyncFolder(FolderOf(old.path));
}

absl::StatusOr<LdifLock> LdifLock::Acquire(const std::string& path) {
  const std::string name = absl::StrCat(path, ".lock");
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoError("open the lock file", name);
  LdifLock lock(fd);
  for (int attempt = 0; attempt < limits::kMaxLdifLockAttempts; ++attempt) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoError("lock", name);
    nanosleep(&kLockPause, nullptr);
  }
  return absl::UnavailableError(
      absl::StrCat("another program has held ", name, " for five seconds; try again later"));
}

LdifLock::~LdifLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace muster
