#include "controller/adapters/rocksdb/partial_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kMark[] = ".partial-";
constexpr size_t kRandomLetters = 6;  // of mkdtemp
constexpr int kTries = 8;
constexpr size_t kMaxRemovedAtOnce = 64;

int OpenFolder(const std::string& path) {
  return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

// The descriptor's folder is still the one at this path: nobody removed it, or gave it its name.
bool IsAt(int fd, const std::string& path, bool own) {
  struct stat held = {}, found = {};
  return fstat(fd, &held) == 0 && lstat(path.c_str(), &found) == 0 && held.st_dev == found.st_dev &&
         held.st_ino == found.st_ino && (!own || held.st_uid == geteuid());
}

bool HoldsOnly(const std::string& path, const std::vector<std::string>& files) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (std::find(files.begin(), files.end(), name) == files.end()) return false;
  }
  return !error;
}

// With its lock held, no backup that still runs can be in it or move it away.
bool RemoveIfDead(const std::string& path, const std::vector<std::string>& files) {
  const int fd = OpenFolder(path);
  if (fd < 0) return false;
  bool gone = flock(fd, LOCK_EX | LOCK_NB) == 0 && IsAt(fd, path, true) && HoldsOnly(path, files);
  for (const std::string& file : files) {
    if (gone && unlinkat(fd, file.c_str(), 0) != 0 && errno != ENOENT) gone = false;
  }
  gone = gone && rmdir(path.c_str()) == 0;
  close(fd);
  return gone;
}

}  // namespace

bool IsPartialName(const std::string& name) {
  const size_t end = name.size() < kRandomLetters ? 0 : name.size() - kRandomLetters;
  const size_t mark = sizeof kMark - 1;
  return end > mark && name.compare(end - mark, mark, kMark) == 0 &&
         std::all_of(name.begin() + static_cast<ptrdiff_t>(end), name.end(),
                     [](unsigned char c) { return absl::ascii_isalnum(c); });
}

absl::StatusOr<PartialFolder> PartialFolder::New(const std::string& out) {
  for (int i = 0; i < kTries; ++i) {
    std::string path = absl::StrCat(out, kMark, std::string(kRandomLetters, 'X'));
    if (mkdtemp(path.data()) == nullptr) {
      const std::string text = absl::StrCat(out, ": making the folder: ", std::strerror(errno));
      return errno == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
    }
    PartialFolder made(path, OpenFolder(path));
    const bool locked = flock(made.fd_, LOCK_EX | LOCK_NB) == 0;
    // Another backup, which began at this moment, may have taken it for a dead one's.
    if ((locked || errno != EWOULDBLOCK) && IsAt(made.fd_, path, false)) return made;
  }
  return absl::UnavailableError(absl::StrCat(out, ": other backups get in the way; try again"));
}

PartialFolder::PartialFolder(PartialFolder&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

PartialFolder::~PartialFolder() {
  if (fd_ >= 0) close(fd_);
}

std::vector<std::string> RemoveDeadPartials(const std::string& out,
                                            const std::vector<std::string>& files) {
  const fs::path parent = fs::path(out).parent_path();
  std::vector<std::string> found, removed;
  std::error_code error;
  for (fs::directory_iterator it(parent.empty() ? "." : parent, error), end;
       !error && it != end && found.size() < kMaxRemovedAtOnce; it.increment(error)) {
    if (IsPartialName(it->path().filename().string())) found.push_back(it->path().string());
  }
  for (const std::string& path : found) {
    if (RemoveIfDead(path, files)) removed.push_back(path);
  }
  return removed;
}

}  // namespace muster
