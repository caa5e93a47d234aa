#include "agent/adapters/files/file_state_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

// Nothing of ours is larger: documents, reports and the list of learned hashes.

absl::Status MakeDirectory(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "create", path);
  }
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, "set the mode of", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status FileStateStore::Create() {
  MUSTER_RETURN_IF_ERROR(MakeDirectory(dir_, 0711));
  MUSTER_RETURN_IF_ERROR(MakeDirectory(PathOf(kPublicDir), 0755));
  MUSTER_RETURN_IF_ERROR(MakeDirectory(PathOf(kChunkDir), 0700));
  return MakeDirectory(PathOf(kSpoolDir), 0700);
}

absl::StatusOr<std::optional<std::string>> FileStateStore::Read(const std::string& name) const {
  absl::StatusOr<std::string> bytes = ReadFile(PathOf(name), limits::kMaxStateFileBytes);
  if (absl::IsNotFound(bytes.status())) return std::optional<std::string>();
  if (!bytes.ok()) return bytes.status();
  return std::optional<std::string>(*std::move(bytes));
}

absl::Status FileStateStore::Write(const std::string& name, absl::string_view bytes) {
  MutexLock lock(&write_mu_);
  const bool for_all = absl::StartsWith(name, absl::StrCat(kPublicDir, "/"));
  return WriteFileAtomically(PathOf(name), bytes, for_all ? 0644 : 0600);
}

absl::Status FileStateStore::Remove(const std::string& name) {
  if (unlink(PathOf(name).c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "remove", PathOf(name));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FileStateStore::List(const std::string& dir) const {
  std::vector<std::string> out;
  std::unique_ptr<DIR, int (*)(DIR*)> d(opendir(PathOf(dir).c_str()), closedir);
  if (d == nullptr) {
    if (errno == ENOENT) return out;
    return ErrnoStatus(errno, "list", PathOf(dir));
  }
  while (const dirent* entry = readdir(d.get())) {
    if (entry->d_name[0] != '.') out.push_back(entry->d_name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

absl::StatusOr<Fd> LockPidFile(const FileStateStore& store) {
  const std::string path = store.PathOf(kPidFile);
  Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  // Who can read it can lock it, and with that keep the agent from starting.
  if (!fd.ok() || fchmod(fd.get(), 0600) != 0) return ErrnoStatus(errno, "open", path);
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::AlreadyExistsError(
        absl::StrCat("another muster-agent runs with this state directory (", path, ")"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(fd.get(), 0) != 0 ||
      pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return ErrnoStatus(errno, "write", path);
  }
  return fd;
}

int KillHolder(const FileStateStore& store) {
  const std::string path = store.PathOf(kPidFile);
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  // Only a lock that is held proves that the number is still that process's.
  if (!fd.ok() || flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return 0;
  char text[32] = {};
  int pid = 0;
  if (pread(fd.get(), text, sizeof text - 1, 0) <= 0 ||
      !absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &pid) || pid <= 1) {
    return 0;
  }
  return kill(pid, SIGKILL) == 0 ? pid : 0;
}

}  // namespace muster::agent
