#include "agent/adapters/files/confined.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

unsigned char TypeOf(mode_t mode) { return static_cast<unsigned char>(IFTODT(mode)); }

}  // namespace

FileStamp StampOf(const struct stat& st) {
  const auto nanos = [](const timespec& t) { return t.tv_sec * 1'000'000'000LL + t.tv_nsec; };
  return {{st.st_dev, st.st_ino},
          static_cast<uint64_t>(st.st_size),
          nanos(st.st_mtim),
          nanos(st.st_ctim)};
}

Confined::Confined(const std::string& path)
    : path_(path), fd_(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

std::optional<uint64_t> Confined::Device() const {
  struct statx sx = {};
  if (!ok() || statx(fd_.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &sx) != 0) {
    return std::nullopt;
  }
  return makedev(sx.stx_dev_major, sx.stx_dev_minor);
}

Fd Confined::Open(const std::string& relative, int flags, Links links, bool cross_mounts) const {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  if (links == Links::kNone) how.resolve |= RESOLVE_NO_SYMLINKS;
  if (!cross_mounts) how.resolve |= RESOLVE_NO_XDEV;
  return Fd(static_cast<int>(syscall(SYS_openat2, fd_.get(), relative.c_str(), &how, sizeof how)));
}

Confined Confined::Below(const std::string& relative, Links links, bool cross_mounts) const {
  Confined out;
  out.path_ = absl::StrCat(path_, "/", relative);
  out.fd_ = Open(relative, O_PATH | O_DIRECTORY, links, cross_mounts);
  return out;
}

std::optional<struct stat> Confined::Look(const std::string& relative, Links links) const {
  // O_NOFOLLOW: a link as the last part is looked at, not gone through.
  const Fd fd = Open(relative, O_PATH | (links == Links::kNone ? O_NOFOLLOW : 0), links, false);
  struct stat st = {};
  if (!fd.ok() || fstat(fd.get(), &st) != 0) return std::nullopt;
  return st;
}

Fd Confined::OpenRegular(const std::string& relative, Links links, struct stat* st) const {
  const Fd place = Open(relative, O_PATH, links, false);
  if (!place.ok() || fstat(place.get(), st) != 0) return Fd();
  if (!S_ISREG(st->st_mode)) {
    errno = EINVAL;
    return Fd();
  }
  // The very file that was looked at: no name is resolved again.
  return Fd(open(absl::StrCat("/proc/self/fd/", place.get()).c_str(),
                 O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

absl::StatusOr<std::string> Confined::Read(const std::string& relative, size_t max_bytes,
                                           Links links) const {
  struct stat st = {};
  const Fd fd = OpenRegular(relative, links, &st);
  const std::string name = absl::StrCat(path_, "/", relative);
  if (!fd.ok()) return ErrnoStatus(errno, "read", name);
  if (static_cast<uint64_t>(st.st_size) > max_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, " has ", st.st_size, " bytes; at most ", max_bytes));
  }
  std::string out(static_cast<size_t>(st.st_size), '\0');
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t n = read(fd.get(), out.data() + have, out.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", name);
    if (n == 0) break;
    have += static_cast<size_t>(n);
  }
  out.resize(have);
  return out;
}

std::string Confined::Head(const std::string& relative, size_t bytes) const {
  struct stat st = {};
  const Fd fd = OpenRegular(relative, Links::kNone, &st);
  std::string out(bytes, '\0');
  const ssize_t n = fd.ok() ? pread(fd.get(), out.data(), bytes, 0) : 0;
  out.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return out;
}

// The kernel asks whether the account may: between two steps it cannot put something else here
// that would become its own.
absl::Status Confined::MakeFolder(const std::string& name, uid_t uid, gid_t gid) const {
  const bool other = geteuid() == 0 && uid != 0;
  if (other) {
    setfsgid(gid);
    setfsuid(uid);
  }
  const bool made = mkdirat(fd_.get(), name.c_str(), 0700) == 0;
  const int error = errno;
  if (other) {
    setfsuid(0);
    setfsgid(0);
  }
  if (made || error == EEXIST) return absl::OkStatus();
  return ErrnoStatus(error, "create", absl::StrCat(path_, "/", name));
}

std::vector<Confined::Entry> Confined::List(ScanBudget& budget, bool hidden) const {
  std::vector<Entry> out;
  Fd fd = Open(".", O_RDONLY | O_DIRECTORY, Links::kNone, false);
  if (!fd.ok()) return out;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(fdopendir(fd.get()), closedir);
  if (dir == nullptr) return out;
  fd.Release();
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || (name[0] == '.' && !hidden)) continue;
    if (out.size() >= limits::kMaxNamesPerFolder || budget.names == 0) {
      budget.exhausted = true;
      break;
    }
    --budget.names;
    unsigned char type = entry->d_type;
    struct stat st = {};
    if (type == DT_UNKNOWN) {
      if (fstatat(dirfd(dir.get()), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
      type = TypeOf(st.st_mode);
    }
    out.push_back({name, type});
  }
  std::sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return out;
}

}  // namespace muster::agent
