#include "agent/adapters/linux/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/domain/person_of.h"

namespace muster::agent {
namespace {

// Up to `size` bytes of /proc/PID/NAME; -1 when it is gone.
ssize_t ReadProc(int pid, const char* name, char* buffer, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  Fd fd(open(path, O_RDONLY | O_CLOEXEC));
  return fd.ok() ? read(fd.get(), buffer, size) : -1;
}

std::string LinkOf(const char* path) {
  char target[PATH_MAX];
  const ssize_t n = readlink(path, target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : std::string();
}

}  // namespace

ProcessPerson ReadPerson(int pid) {
  ProcessPerson out;
  char buffer[4096];
  ssize_t n = ReadProc(pid, "status", buffer, sizeof buffer);
  const std::optional<uint32_t> real =
      n > 0 ? ParseRealUid(absl::string_view(buffer, static_cast<size_t>(n))) : std::nullopt;
  if (!real) return out;
  out.real_uid = real;
  n = ReadProc(pid, "loginuid", buffer, sizeof buffer);
  // A kernel without audit has no such file: then the real uid is all there is.
  if (n > 0) {
    const std::optional<uint32_t> login =
        ParseLoginUid(absl::string_view(buffer, static_cast<size_t>(n)));
    if (!login) return out;
    out.login_uid = *login;
  }
  out.person = PersonOf(out.login_uid, *real);
  return out;
}

std::string PathOfFd(int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return LinkOf(path);
}

std::string PathOfExe(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  return LinkOf(path);
}

bool RunsDynamicLoader(int pid) {
  const std::string exe = PathOfExe(pid);
  const std::string name = exe.substr(exe.find_last_of('/') + 1);
  return absl::StartsWith(name, "ld-") || absl::StartsWith(name, "ld.so") ||
         absl::StartsWith(name, "ld64.so");
}

bool IsStopped(int pid) {
  char buffer[1024];
  const ssize_t n = ReadProc(pid, "stat", buffer, sizeof buffer);
  if (n <= 0) return false;
  const absl::string_view stat(buffer, static_cast<size_t>(n));
  const size_t name_end = stat.rfind(')');
  return name_end != absl::string_view::npos && stat.substr(name_end, 3) == ") T";
}

std::string TerminalOf(int pid) {
  char buffer[1024];
  const ssize_t n = ReadProc(pid, "stat", buffer, sizeof buffer);
  return n > 0 ? ParseTerminal(absl::string_view(buffer, static_cast<size_t>(n))) : "";
}

std::optional<FileStamp> StampOfExe(int pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/exe", pid);
  Fd fd(open(path, O_PATH | O_CLOEXEC));
  if (!fd.ok()) return std::nullopt;
  return StampOfFd(fd.get());
}

void ForEachProcess(const std::function<void(int pid)>& each) {
  std::unique_ptr<DIR, int (*)(DIR*)> d(opendir("/proc"), closedir);
  if (d == nullptr) return;
  while (const dirent* entry = readdir(d.get())) {
    int pid = 0;
    if (absl::SimpleAtoi(entry->d_name, &pid)) each(pid);
  }
}

bool KillIfStill(int pid, const FileStamp& exe) {
  Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.ok()) return false;
  // The number may belong to another process by now; the descriptor holds one process.
  const std::optional<FileStamp> now = StampOfExe(pid);
  // Its times are the owner's to change while it runs; the inode is taken for as long.
  if (!now || !(now->key == exe.key)) return false;
  return syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0) == 0;
}

absl::Time MonotonicClock::Now() const {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return absl::TimeFromTimespec(t);
}

}  // namespace muster::agent
