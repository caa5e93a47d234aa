#include "archive/files/bag_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "archive/bag.h"
#include "archive/files/checksums.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"

namespace muster::archive {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
// A pipe must not make us wait.
constexpr int kFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

std::string Shown(absl::string_view path) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(path), "\"");
}

absl::Status NotRegular(absl::string_view path) {
  return BagError(BagCode::kPath, absl::StrCat(Shown(path), " is no regular file or folder"));
}

absl::Status OpenError(absl::string_view path, int error) {
  if (error == ENOENT) {
    return BagError(BagCode::kIncomplete, absl::StrCat(Shown(path), " is not there"));
  }
  if (error == ELOOP || error == ENOTDIR || error == ENXIO) return NotRegular(path);
  return FileError(Shown(path), error);
}

// The names in a folder, sorted.
absl::StatusOr<std::vector<std::string>> Names(int fd, absl::string_view path) {
  const int copy = openat(fd, ".", kFolderFlags);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(copy < 0 ? nullptr : fdopendir(copy), closedir);
  if (dir == nullptr) return FileError(Shown(path), errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(dir.get())) {
    const absl::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (names.size() == limits::kMaxBagFiles) {
      return BagError(BagCode::kOversize, absl::StrCat("over ", limits::kMaxBagFiles, " files"));
    }
    names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return FileError(Shown(path), errno);
  std::sort(names.begin(), names.end());
  return names;
}

// Walks one folder after the other; what is still to be walked is in `folders`.
class Walk {
 public:
  explicit Walk(int root) : root_(root) {}

  absl::StatusOr<std::vector<BagFile>> Run() {
    MUSTER_RETURN_IF_ERROR(Folder(root_, ""));
    std::sort(files_.begin(), files_.end(),
              [](const BagFile& a, const BagFile& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  // As deep as CheckBagPath() lets it.
  absl::Status Folder(int fd, const std::string& path) {  // NOLINT(misc-no-recursion)
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(fd, path));
    for (const std::string& name : names) {
      const std::string below = path.empty() ? name : absl::StrCat(path, "/", name);
      MUSTER_RETURN_IF_ERROR(CheckBagPath(below));
      if (++seen_ > 2 * limits::kMaxBagFiles) {
        return BagError(BagCode::kOversize, absl::StrCat("over ", limits::kMaxBagFiles, " files"));
      }
      struct stat st;
      if (fstatat(fd, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return OpenError(below, errno);
      if (S_ISREG(st.st_mode)) {
        files_.push_back({below, static_cast<uint64_t>(st.st_size)});
      } else if (S_ISDIR(st.st_mode)) {
        const OwnedFd folder(openat(fd, name.c_str(), kFolderFlags));
        if (!folder.ok()) return OpenError(below, errno);
        MUSTER_RETURN_IF_ERROR(Folder(folder.get(), below));
      } else {
        return NotRegular(below);
      }
    }
    return absl::OkStatus();
  }

  const int root_;
  size_t seen_ = 0;
  std::vector<BagFile> files_;
};

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int OwnedFd::Release() {
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

absl::Status FileError(absl::string_view what, int error) {
  const std::string text = absl::StrCat(what, ": ", std::strerror(error));
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(text);
  return absl::UnavailableError(text);
}

absl::Status SyncFolder(int fd, const std::string& path) {
  if (fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP) return absl::OkStatus();
  return FileError(path, errno);
}

absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(path, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::StatusOr<BagFolder> BagFolder::Open(const std::string& path) {
  OwnedFd fd(open(path.c_str(), kFolderFlags));
  if (fd.ok()) return BagFolder(std::move(fd));
  if (errno == ENOENT) return absl::NotFoundError(absl::StrCat(path, " is not there"));
  return OpenError(path, errno);
}

absl::StatusOr<std::vector<BagFile>> BagFolder::List() const { return Walk(fd_.get()).Run(); }

absl::StatusOr<OwnedFd> BagFolder::OpenFile(const std::string& path) const {
  MUSTER_RETURN_IF_ERROR(CheckBagPath(path));
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  OwnedFd folder;
  for (size_t i = 0; i < parts.size(); ++i) {
    const int flags = i + 1 < parts.size() ? kFolderFlags : kFileFlags;
    OwnedFd next(openat(i == 0 ? fd_.get() : folder.get(), parts[i].c_str(), flags));
    if (!next.ok()) return OpenError(path, errno);
    folder = std::move(next);
  }
  struct stat st;
  if (fstat(folder.get(), &st) != 0) return FileError(Shown(path), errno);
  if (!S_ISREG(st.st_mode)) return NotRegular(path);
  return folder;
}

absl::StatusOr<std::string> BagFolder::Read(const std::string& path, size_t max_bytes) const {
  MUSTER_ASSIGN_OR_RETURN(const OwnedFd fd, OpenFile(path));
  std::string out;
  std::string block(kBlockBytes, '\0');
  while (true) {
    const ssize_t n = read(fd.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(Shown(path), errno);
    if (n == 0) return out;
    out.append(block, 0, static_cast<size_t>(n));
    if (out.size() > max_bytes) {
      return BagError(BagCode::kOversize,
                      absl::StrCat(Shown(path), " has over ", max_bytes, " bytes"));
    }
  }
}

absl::StatusOr<std::vector<std::string>> BagFolder::Checksum(
    const std::string& path, const std::vector<std::string>& algorithms, uint64_t* bytes) const {
  MUSTER_ASSIGN_OR_RETURN(const OwnedFd fd, OpenFile(path));
  MUSTER_ASSIGN_OR_RETURN(Checksums sums, Checksums::Of(algorithms));
  std::string block(kBlockBytes, '\0');
  *bytes = 0;
  while (true) {
    const ssize_t n = read(fd.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(Shown(path), errno);
    if (n == 0) return sums.Finish();
    sums.Add(absl::string_view(block.data(), static_cast<size_t>(n)));
    *bytes += static_cast<uint64_t>(n);
  }
}

}  // namespace muster::archive
