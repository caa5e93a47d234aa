#include "agent/adapters/files/browser_policy_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/domain/browser_policy.h"
#include "common/agent_limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
constexpr mode_t kAllRead = S_IRUSR | S_IRGRP | S_IROTH;
constexpr mode_t kAllEnter = kAllRead | S_IXUSR | S_IXGRP | S_IXOTH;

// Tests run without root own their directories themselves.
bool IsOurs(const struct stat& st) { return st.st_uid == 0 || st.st_uid == geteuid(); }

absl::Status CheckDirectory(int fd, const std::string& path, struct stat* st) {
  if (fstat(fd, st) != 0) return ErrnoStatus(errno, "look at", path);
  if (IsOurs(*st) && (st->st_mode & kOthersWrite) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, " can be changed by others than root; give it to root with mode 0755"));
}

// One part below `above`.
absl::StatusOr<Fd> OpenPart(int above, const std::string& name, const std::string& path,
                            bool create) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(openat(above, name.c_str(), kFlags));
  if (!fd.ok() && errno == ENOENT && create) {
    if (mkdirat(above, name.c_str(), 0755) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, "create", path);
    }
    fd.Reset(openat(above, name.c_str(), kFlags));
  }
  if (!fd.ok() && (errno == ELOOP || errno == ENOTDIR)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is not a directory, or a symbolic link to one; make it a directory"));
  }
  if (!fd.ok()) return ErrnoStatus(errno, "open", path);
  struct stat st = {};
  MUSTER_RETURN_IF_ERROR(CheckDirectory(fd.get(), path, &st));
  // A browser that may not enter it follows no policy: umask, or somebody's chmod.
  if (create && (st.st_mode & kAllEnter) != kAllEnter &&
      fchmod(fd.get(), (st.st_mode & 07777) | kAllEnter) != 0) {
    return ErrnoStatus(errno, "set the mode of", path);
  }
  return fd;
}

// nullopt: no regular file, which no browser reads either.
absl::StatusOr<std::optional<PolicyDirectory::File>> ReadOne(int dir, const char* name) {
  struct stat link = {};
  if (fstatat(dir, name, &link, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? absl::StatusOr<std::optional<PolicyDirectory::File>>(std::nullopt)
                           : ErrnoStatus(errno, "look at", name);
  }
  // A link in a directory of root's is root's; browsers follow it too.
  Fd fd(openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.ok()) return ErrnoStatus(errno, "read", name);
  struct stat st = {};
  if (fstat(fd.get(), &st) != 0) return ErrnoStatus(errno, "look at", name);
  if (!S_ISREG(st.st_mode)) return std::optional<PolicyDirectory::File>();
  PolicyDirectory::File out;
  out.sound = S_ISREG(link.st_mode) && IsOurs(st) && (st.st_mode & kOthersWrite) == 0 &&
              (st.st_mode & kAllRead) == kAllRead;
  char buffer[16 << 10];
  for (;;) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read", name);
    if (n == 0) return std::optional<PolicyDirectory::File>(std::move(out));
    out.text.append(buffer, static_cast<size_t>(n));
    if (out.text.size() > limits::kMaxBrowserPolicyBytes) {
      return absl::ResourceExhaustedError("too large");
    }
  }
}

absl::Status WriteAllTo(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  // Readable for all whatever the umask is.
  if (fchmod(fd, 0644) != 0) return ErrnoStatus(errno, "set the mode of", path);
  return fsync(fd) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "sync", path);
}

// By a temporary file in `temp_dir`; `crosses` when that is on another filesystem.
absl::Status Replace(int temp_dir, int dir, const std::string& name, absl::string_view text,
                     const std::string& path, bool* crosses) {
  const std::string temp = absl::StrCat(".muster-", name, ".tmp");
  unlinkat(temp_dir, temp.c_str(), 0);  // of a run that was cut short
  absl::Status status;
  {
    Fd fd(
        openat(temp_dir, temp.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd.ok()) return ErrnoStatus(errno, "write", path);
    status = WriteAllTo(fd.get(), text, path);
  }
  if (status.ok() && renameat(temp_dir, temp.c_str(), dir, name.c_str()) != 0) {
    *crosses = errno == EXDEV;
    status = ErrnoStatus(errno, "write", path);
  }
  if (!status.ok()) unlinkat(temp_dir, temp.c_str(), 0);
  return status;
}

}  // namespace

absl::StatusOr<Fd> BrowserPolicyFiles::Open(const std::string& dir, bool create, Fd* above) const {
  std::string path = root_;
  Fd here(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!here.ok()) return ErrnoStatus(errno, "open", root_);
  for (const absl::string_view part : absl::StrSplit(dir, '/', absl::SkipEmpty())) {
    absl::StrAppend(&path, path.back() == '/' ? "" : "/", part);
    MUSTER_ASSIGN_OR_RETURN(Fd next, OpenPart(here.get(), std::string(part), path, create));
    if (above != nullptr) *above = std::move(here);
    here = std::move(next);
  }
  return here;
}

absl::StatusOr<PolicyDirectory> BrowserPolicyFiles::Read(const std::string& dir) {
  PolicyDirectory out;
  absl::StatusOr<Fd> fd = Open(dir, false, nullptr);
  if (absl::IsNotFound(fd.status())) return out;
  if (!fd.ok()) return fd.status();
  struct stat st = {};
  if (fstat(fd->get(), &st) != 0) return ErrnoStatus(errno, "look at", dir);
  const bool entered = (st.st_mode & kAllEnter) == kAllEnter;
  const Fd keep(dup(fd->get()));
  std::unique_ptr<DIR, int (*)(DIR*)> d(fdopendir(fd->get()), closedir);
  if (d == nullptr) return ErrnoStatus(errno, "list", dir);
  fd->Release();  // the stream has it
  size_t seen = 0;
  while (const dirent* entry = readdir(d.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (++seen > limits::kMaxBrowserPolicyFiles) {
      return absl::ResourceExhaustedError(absl::StrCat(
          dir, " has more than ", limits::kMaxBrowserPolicyFiles, " entries; tidy it up"));
    }
    absl::StatusOr<std::optional<PolicyDirectory::File>> file = ReadOne(keep.get(), entry->d_name);
    if (!file.ok()) {
      out.unread.push_back(name);
    } else if (file->has_value()) {
      (*file)->sound &= entered;
      out.files[name] = **std::move(file);
    }
  }
  return out;
}

absl::Status BrowserPolicyFiles::Write(const std::string& dir, const std::string& name,
                                       absl::string_view text) {
  Fd above;
  MUSTER_ASSIGN_OR_RETURN(const Fd fd, Open(dir, true, &above));
  const std::string path = absl::StrCat(dir, "/", name);
  // Chromium would read a temporary file in its directory as well. Only where that directory is a
  // mount of its own there is no other place.
  bool crosses = false;
  absl::Status status = Replace(above.get(), fd.get(), name, text, path, &crosses);
  if (crosses) status = Replace(fd.get(), fd.get(), name, text, path, &crosses);
  if (!status.ok()) return status;
  return fsync(fd.get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "sync", dir);
}

absl::Status BrowserPolicyFiles::Remove(const std::string& dir, const std::string& name) {
  const absl::StatusOr<Fd> fd = Open(dir, false, nullptr);
  if (absl::IsNotFound(fd.status())) return absl::OkStatus();
  if (!fd.ok()) return fd.status();
  if (unlinkat(fd->get(), name.c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "remove", absl::StrCat(dir, "/", name));
  }
  return fsync(fd->get()) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "sync", dir);
}

std::vector<std::pair<std::string, std::string>> BrowserPolicyFiles::Watches() const {
  const std::string root = root_ == "/" ? "" : root_;
  std::vector<std::pair<std::string, std::string>> out;
  for (const BrowserKind& browser : kBrowsers) {
    // From the top: what is made below a directory after it is watched raises an event.
    std::string path = root;
    for (const absl::string_view part : absl::StrSplit(browser.dir, '/', absl::SkipEmpty())) {
      out.push_back({path.empty() ? "/" : path, std::string(part)});
      absl::StrAppend(&path, "/", part);
    }
    out.push_back({path, ""});
  }
  return out;
}

}  // namespace muster::agent
