#include "agent/adapters/files/helper.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/adapters/files/file_io.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "common/status_macros.h"

#ifndef MUSTER_LIBEXEC_DIR
#define MUSTER_LIBEXEC_DIR "/usr/local/libexec/muster"
#endif

namespace muster::agent {
namespace {

constexpr size_t kMaxHelperWords = 1'024;
constexpr int kCannotStart = 127;
constexpr size_t kMaxPassed = 8;

void Limit(__rlimit_resource what, uint64_t value) {
  const rlimit limit = {value, value};
  setrlimit(what, &limit);
}

// To 3 and up, and nothing else stays open. Each is moved out of the way first: a descriptor may
// sit where another one has to go.
void PassDescriptors(const std::vector<int>& fds) {
  const int count = static_cast<int>(fds.size());
  int moved[kMaxPassed] = {};
  for (int i = 0; i < count; ++i) {
    const int fd = fds[static_cast<size_t>(i)];
    moved[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 3 + count);
    if (fd >= 0 && moved[i] < 0) _exit(kCannotStart);
  }
  for (int i = 0; i < count; ++i) {
    if (moved[i] < 0) {
      close(3 + i);
    } else if (dup2(moved[i], 3 + i) < 0) {
      _exit(kCannotStart);
    }
  }
  syscall(SYS_close_range, static_cast<unsigned>(3 + count), ~0u, 0u);
}

// In the child: only what is safe after a fork of a program with threads.
[[noreturn]] void Become(const HelperCall& call, char* const* argv, char* const* env, int out,
                         int err, int null) {
  setpgid(0, 0);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  PassDescriptors(call.fds);
  Limit(RLIMIT_AS, call.memory_bytes);
  Limit(RLIMIT_CPU, static_cast<uint64_t>(absl::ToInt64Seconds(call.time)));
  Limit(RLIMIT_FSIZE, limits::kHelperFileBytes);
  Limit(RLIMIT_CORE, 0);
  if (geteuid() == 0 && call.uid != 0 &&
      (setgroups(0, nullptr) != 0 || setresgid(call.gid, call.gid, call.gid) != 0 ||
       setresuid(call.uid, call.uid, call.uid) != 0)) {
    _exit(kCannotStart);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execve(call.program.c_str(), argv, env);
  _exit(kCannotStart);
}

struct Pipe {
  Fd read, write;
};

Pipe NewPipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  return {Fd(ends[0]), Fd(ends[1])};
}

// Adds what is there; false at the end.
bool ReadSome(int fd, size_t max, std::string& out) {
  char buffer[16 << 10];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n < 0) return errno == EINTR;
  if (out.size() <= max) out.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

// Both streams to their ends; why not, else.
absl::Status ReadBoth(Fd out, Fd err, absl::Time deadline, size_t most, std::string& text,
                      std::string& words) {
  while (out.ok() || err.ok()) {
    const absl::Duration left = deadline - SystemClock().Now();
    if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("it took too long");
    pollfd fds[] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
    if (poll(fds, 2, static_cast<int>(absl::ToInt64Milliseconds(left) + 1)) < 0) continue;
    if (fds[0].revents != 0 && !ReadSome(out.get(), most, text)) out.Reset(-1);
    if (fds[1].revents != 0 && !ReadSome(err.get(), kMaxHelperWords, words)) err.Reset(-1);
    if (text.size() > most) {
      return absl::ResourceExhaustedError("it says too much");
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string FindHelper(const std::string& dir, const std::string& name) {
  if (!dir.empty()) return absl::StrCat(dir, "/", name);
  char self[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self);
  if (n > 0) {
    const std::string path(self, static_cast<size_t>(n));
    std::string beside = absl::StrCat(path.substr(0, path.find_last_of('/') + 1), name);
    if (access(beside.c_str(), X_OK) == 0) return beside;
  }
  return absl::StrCat(MUSTER_LIBEXEC_DIR, "/", name);
}

absl::StatusOr<HelperAnswer> AskHelper(const HelperCall& call) {
  if (access(call.program.c_str(), X_OK) != 0) return ErrnoStatus(errno, "run", call.program);
  if (call.fds.size() > kMaxPassed) return absl::InvalidArgumentError("too many descriptors");
  Pipe out = NewPipe(), err = NewPipe();
  const Fd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!out.read.ok() || !err.read.ok()) return ErrnoStatus(errno, "make a pipe for", call.program);
  std::vector<char*> argv = {const_cast<char*>(call.program.c_str())};
  for (const std::string& arg : call.args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  // Nothing of a caller's environment or home may steer a library that reads as root.
  const char* env[] = {"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C.UTF-8", nullptr};
  const absl::Time deadline = SystemClock().Now() + call.time;
  const pid_t pid = fork();
  if (pid == 0) {
    Become(call, argv.data(), const_cast<char* const*>(env), out.write.get(), err.write.get(),
           null.get());
  }
  if (pid < 0) return ErrnoStatus(errno, "run", call.program);
  setpgid(pid, pid);
  out.write.Reset(-1);
  err.write.Reset(-1);
  HelperAnswer answer;
  const absl::Status read = ReadBoth(std::move(out.read), std::move(err.read), deadline,
                                     call.answer_bytes, answer.out, answer.words);
  kill(-pid, SIGKILL);  // it has said all, or must not go on
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!read.ok()) return read;
  answer.words = CleanText(absl::StripAsciiWhitespace(answer.words), kMaxHelperWords);
  return answer;
}

absl::StatusOr<v1::DeviceInventory> RunHelper(const HelperCall& call) {
  MUSTER_ASSIGN_OR_RETURN(const HelperAnswer answer, AskHelper(call));
  v1::DeviceInventory parsed;
  // The time is the last thing it writes: with it nothing is missing, however it ended.
  if (parsed.ParseFromString(answer.out) && parsed.has_updated_at()) return parsed;
  if (!answer.words.empty()) return absl::UnavailableError(answer.words);
  if (!answer.out.empty()) return absl::InvalidArgumentError("what it says is no inventory");
  return absl::UnavailableError("it ended without a word");
}

}  // namespace muster::agent
