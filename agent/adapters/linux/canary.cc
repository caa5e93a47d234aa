#include "agent/adapters/linux/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_facts.h"
#include "agent/adapters/files/file_io.h"
#include "agent/adapters/linux/proc.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr int kSearchedFiles = 2'000, kSearchedDepth = 4;
constexpr int kTries = 3;
// What the child exits with; anything else it can end with means that the program ran.
constexpr int kRefused = 100, kNoExec = 101, kOtherError = 102, kNotTried = 103;

// The descriptors that it keeps.
constexpr int kFile = 3, kGo = 4;

// The child, between fork and exec of a process with threads: system calls only.
[[noreturn]] void Attempt(int file, int go, int parent) {
  // First of all: with copies of the gate's descriptors, waiting for a decision about its own
  // execve or for a byte that itself could still write, this process could outlive the agent and
  // hold up the whole machine.
  const int high_file = fcntl(file, F_DUPFD, 64), high_go = fcntl(go, F_DUPFD, 64);
  if (dup2(high_file, kFile) < 0 || dup2(high_go, kGo) < 0 ||
      syscall(SYS_close_range, kGo + 1, ~0U, 0) != 0) {
    _exit(kNotTried);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kNotTried);
  char byte = 0;
  if (read(kGo, &byte, 1) != 1) _exit(kNotTried);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(kNotTried);
  char name[] = "muster-canary";
  char* const argv[] = {name, nullptr};
  char* const envp[] = {nullptr};
  syscall(SYS_execveat, kFile, "", argv, envp, AT_EMPTY_PATH);
  _exit(errno == EPERM ? kRefused : errno == EACCES ? kNoExec : kOtherError);
}

Fd UnnamedFile(const std::string& folder) {
  Fd writer(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0700));
  std::string name;
  if (!writer.ok()) {
    name = folder + "/.muster-canary-XXXXXX";
    writer.Reset(mkostemp(name.data(), O_CLOEXEC));
    if (!writer.ok()) return Fd();
    unlink(name.c_str());
    fchmod(writer.get(), 0700);
  }
  // An executable that is open for writing cannot be executed.
  return Fd(open(absl::StrCat("/proc/self/fd/", writer.get()).c_str(), O_RDONLY | O_CLOEXEC));
}

// Some program of a filesystem that cannot be written to.
Fd AnyProgram(const std::string& folder, uint64_t dev) {
  std::error_code error;
  int seen = 0;
  for (fs::recursive_directory_iterator
           it(folder, fs::directory_options::skip_permission_denied, error),
       end;
       !error && it != end && seen < kSearchedFiles; it.increment(error)) {
    ++seen;
    if (it.depth() >= kSearchedDepth) it.disable_recursion_pending();
    struct stat st = {};
    if (lstat(it->path().c_str(), &st) != 0) continue;
    if (st.st_dev != dev) it.disable_recursion_pending();
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0 || st.st_dev != dev) continue;
    Fd fd(open(it->path().c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (fd.ok()) return fd;
  }
  return Fd();
}

v1::Canary::Result Judge(int status, const std::string& folder) {
  if (!WIFEXITED(status)) return v1::Canary::RAN;  // stopped by its exec, or killed as late
  if (WEXITSTATUS(status) == kRefused) return v1::Canary::BLOCKED;
  if (WEXITSTATUS(status) == kNotTried) return v1::Canary::NOT_TRIED;
  struct statvfs st = {};
  const bool noexec = statvfs(folder.c_str(), &st) == 0 && (st.f_flag & ST_NOEXEC) != 0;
  if (WEXITSTATUS(status) == kNoExec && noexec) return v1::Canary::NOT_RUNNABLE;
  return v1::Canary::RAN;
}

// The child's end, or its stop at the first instruction; a child that hangs is killed.
int WaitFor(int pid) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  int status = 0;
  const absl::Time end = MonotonicClock().Now() + limits::kCanaryTime;
  // A traced child that execs stops; waitpid sees that, a pidfd only its end.
  while (waitpid(pid, &status, WNOHANG | __WALL) == 0) {
    if (MonotonicClock().Now() > end) break;
    pollfd wait = {pidfd.get(), POLLIN, 0};
    poll(&wait, 1, 1);
  }
  if (!WIFEXITED(status)) {
    kill(pid, SIGKILL);
    int ignored = 0;
    waitpid(pid, &ignored, __WALL);
    // SIGTRAP: it had become the program.
    if (!WIFSTOPPED(status)) status = SIGKILL;
  }
  return status;
}

v1::Canary TryOnce(const MountMarks::Marked& where, GateState& shared) {
  v1::Canary out;
  out.set_filesystem(where.name);
  *out.mutable_at() = ToProto(shared.clock().Now());
  out.set_result(v1::Canary::NOT_TRIED);
  if (shared.view().remote_devices->contains(where.dev)) {
    out.set_detail("not probed: another machine or process serves this filesystem");
    return out;
  }
  Fd file = UnnamedFile(where.path);
  if (!file.ok()) file = AnyProgram(where.path, where.shown_dev);
  const std::optional<FileFacts> facts = file.ok() ? FactsOfFd(file.get()) : std::nullopt;
  int go[2] = {-1, -1};
  if (!facts || pipe2(go, O_CLOEXEC) != 0) {
    out.set_detail("no file can be made there and no program is there");
    return out;
  }
  const Fd reader(go[0]), writer(go[1]);
  const int self = getpid();
  const pid_t pid = fork();
  if (pid == 0) Attempt(file.get(), go[0], self);
  if (pid < 0) {
    out.set_detail(absl::StrCat("no process for the probe: ", strerror(errno)));
    return out;
  }
  shared.SetProbe(GateState::Probe{pid, facts->stamp.key});
  if (write(writer.get(), "x", 1) != 1) kill(pid, SIGKILL);
  const int status = WaitFor(pid);
  shared.SetProbe(std::nullopt);
  out.set_result(Judge(status, where.path));
  if (out.result() == v1::Canary::RAN) {
    out.set_detail("the probe was not stopped: a blocked program would have run here");
  } else if (out.result() == v1::Canary::NOT_TRIED) {
    out.set_detail("the probe could not be started safely");
  } else if (out.result() == v1::Canary::NOT_RUNNABLE) {
    out.set_detail("mounted noexec");
  }
  return out;
}

}  // namespace

v1::Canary TryCanary(const MountMarks::Marked& where, GateState& shared) {
  v1::Canary out = TryOnce(where, shared);
  // On a machine that is overloaded the watchdog lets through what the gate has not looked at in
  // time. What stops nothing stops nothing at any try.
  for (int again = 1; again < kTries && out.result() == v1::Canary::RAN; ++again) {
    v1::Canary next = TryOnce(where, shared);
    // Only a block takes back that something ran; a try that could not be made says nothing.
    if (next.result() != v1::Canary::BLOCKED) continue;
    out = std::move(next);
    out.set_detail("only when tried again: the gate was late, and what waits too long is let go");
  }
  return out;
}

}  // namespace muster::agent
