#include "agent/adapters/linux/fanotify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr uint64_t kExecMask[] = {FAN_OPEN_EXEC, FAN_OPEN_EXEC_PERM};
constexpr uint64_t kFileMask = FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM;

// Newer than the headers of Debian 12. Without FAN_MARK_IGNORED_SURV_MODIFY a write ends it.
constexpr unsigned kEvictable = 0x200;  // FAN_MARK_EVICTABLE, Linux 5.19
constexpr unsigned kAllowFlags = FAN_MARK_IGNORED_MASK | kEvictable;

absl::Status MarkError(const std::string& path) {
  const int error = errno;
  if (error == ENODEV || error == EOPNOTSUPP || error == EXDEV || error == EINVAL) {
    return absl::UnimplementedError(
        absl::StrCat(path, ": this filesystem cannot be watched (", strerror(error), ")"));
  }
  return ErrnoStatus(error, "watch", path);
}

}  // namespace

absl::StatusOr<FanotifyGroup> FanotifyGroup::Open(bool enforce) {
  unsigned flags = FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;
  flags |= enforce ? FAN_CLASS_CONTENT : FAN_CLASS_NOTIF;
  const int fd = fanotify_init(flags, O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
  if (fd >= 0) return FanotifyGroup(Fd(fd), enforce);
  if (errno == EPERM) {
    return absl::PermissionDeniedError(
        "nothing can be blocked: muster-agent needs CAP_SYS_ADMIN; run it as root, as its "
        "service does");
  }
  if (errno == ENOSYS || errno == EINVAL) {
    return absl::UnimplementedError(
        "nothing can be blocked: this kernel lacks fanotify permission events "
        "(CONFIG_FANOTIFY_ACCESS_PERMISSIONS)");
  }
  return absl::UnavailableError(
      absl::StrCat("nothing can be blocked: fanotify_init: ", strerror(errno)));
}

absl::Status FanotifyGroup::MarkFilesystem(const std::string& path, const std::string& name) const {
  if (fanotify_mark(fd_.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kExecMask[enforce_ ? 1 : 0],
                    AT_FDCWD, path.c_str()) != 0) {
    return MarkError(name);
  }
  return absl::OkStatus();
}

absl::Status FanotifyGroup::MarkFile(const std::string& path) const {
  if (fanotify_mark(fd_.get(), FAN_MARK_ADD | FAN_MARK_DONT_FOLLOW, kFileMask, AT_FDCWD,
                    path.c_str()) != 0) {
    return MarkError(path);
  }
  return absl::OkStatus();
}

void FanotifyGroup::UnmarkFile(const std::string& path) const {
  // A file that is gone took its mark with it.
  fanotify_mark(fd_.get(), FAN_MARK_REMOVE | FAN_MARK_DONT_FOLLOW, kFileMask, AT_FDCWD,
                path.c_str());
}

bool FanotifyGroup::Allow(int file_fd) const {
  return fanotify_mark(fd_.get(), FAN_MARK_ADD | kAllowFlags, kExecMask[enforce_ ? 1 : 0], file_fd,
                       nullptr) == 0;
}

bool FanotifyGroup::AllowOurs(const std::string& path) const {
  return fanotify_mark(fd_.get(),
                       FAN_MARK_ADD | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY,
                       kExecMask[enforce_ ? 1 : 0], AT_FDCWD, path.c_str()) == 0;
}

void FanotifyGroup::TakeBackAllowed(int file_fd) const {
  fanotify_mark(fd_.get(), FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, kExecMask[enforce_ ? 1 : 0],
                file_fd, nullptr);
}

void FanotifyGroup::ForgetAllowed() const {
  fanotify_mark(fd_.get(), FAN_MARK_FLUSH | FAN_MARK_INODE, 0, AT_FDCWD, nullptr);
}

void FanotifyGroup::Flush() const {
  for (const unsigned kind : {FAN_MARK_INODE, FAN_MARK_MOUNT, FAN_MARK_FILESYSTEM}) {
    fanotify_mark(fd_.get(), FAN_MARK_FLUSH | kind, 0, AT_FDCWD, nullptr);
  }
}

absl::StatusOr<std::vector<FanotifyEvent>> FanotifyGroup::Read() const {
  alignas(fanotify_event_metadata) char buffer[64 * sizeof(fanotify_event_metadata)];
  ssize_t length = read(fd_.get(), buffer, sizeof buffer);
  std::vector<FanotifyEvent> out;
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return out;
    // The kernel could not open one file for us (ETXTBSY, ENXIO, EMFILE): it has denied that
    // event itself and taken it off the queue.
    if (errno == ETXTBSY || errno == ENXIO || errno == EMFILE || errno == ENFILE) return out;
    return absl::UnavailableError(absl::StrCat("fanotify read: ", strerror(errno)));
  }
  const auto* m = reinterpret_cast<const fanotify_event_metadata*>(buffer);
  for (; FAN_EVENT_OK(m, length); m = FAN_EVENT_NEXT(m, length)) {
    if (m->vers != FANOTIFY_METADATA_VERSION) {
      return absl::UnimplementedError("the kernel speaks another fanotify version");
    }
    if (m->fd < 0) continue;  // FAN_Q_OVERFLOW: cannot happen with an unlimited queue
    FanotifyEvent e;
    e.fd = Fd(m->fd);
    e.group = this;
    e.pid = m->pid;
    e.exec = (m->mask & (FAN_OPEN_EXEC_PERM | FAN_OPEN_EXEC)) != 0;
    e.permission = (m->mask & (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM)) != 0;
    out.push_back(std::move(e));
  }
  return out;
}

bool FanotifyGroup::Respond(int event_fd, bool allow) const {
  fanotify_response response = {};
  response.fd = event_fd;
  response.response = allow ? FAN_ALLOW : FAN_DENY;
  return write(fd_.get(), &response, sizeof response) == sizeof response;
}

}  // namespace muster::agent
