#include "agent/adapters/linux/desktop_notice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

extern "C" {  // glibc 2.36 forgot it
#include <sys/pidfd.h>
}

namespace muster::agent {
namespace {

// Of a helper that could not become the person, or could not be executed at all.
constexpr int kCannotStart = 71;
// The helper needs no group; looking up the person's own would ask the name service.
constexpr gid_t kNoGroup = 65534;
constexpr uint32_t kOverflowUid = 65534, kNoUid = 0xffffffff;

constexpr int kLastWaitMs = 100;

// Everything the child needs, made before the fork: afterwards only system calls are safe.
struct ChildPlan {
  const char* helper;
  char* const* argv;
  uid_t uid;
  int input;
  int null;
  pid_t parent;
};

// Plain system calls: those of libc would wake threads that this copy of the process has not.
bool BecomePerson(uid_t uid) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 &&
         syscall(SYS_setresgid, kNoGroup, kNoGroup, kNoGroup) == 0 &&
         syscall(SYS_setresuid, uid, uid, uid) == 0;
}

// The agent is spared by the OOM killer; what runs for a person is not.
void BeOrdinary() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t written = write(fd, "0", 1);
  static_cast<void>(written);  // nothing can be done about it here
  close(fd);
}

// Only async-signal-safe calls from here on.
[[noreturn]] void RunHelper(const ChildPlan& plan) {
  // First of all: with a copy of the fanotify descriptor, waiting for a decision about its own
  // execve, this process could outlive the agent and hold up the whole machine.
  if (dup2(plan.input, 0) < 0 || dup2(plan.null, 1) < 0 || dup2(plan.null, 2) < 0 ||
      close_range(3, ~0u, 0) != 0) {
    _exit(kCannotStart);
  }
  BeOrdinary();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (!BecomePerson(plan.uid)) _exit(kCannotStart);
  // The person could otherwise look at this copy of the agent's memory until execve replaces it.
  prctl(PR_SET_DUMPABLE, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(0);
  char* const no_environment[] = {nullptr};
  execve(plan.helper, plan.argv, no_environment);
  _exit(kCannotStart);
}

// The reading end of a pipe that holds the text and is closed at the other end. A pipe takes
// that much at once (PIPE_BUF), so nobody waits for a reader.
Fd PipeWith(const std::string& text) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Fd();
  Fd reading(ends[0]);
  const Fd writing(ends[1]);
  if (write(writing.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Fd();
  }
  return reading;
}

// Empty while it runs; else its exit code, -1 when a signal ended it.
std::optional<int> ExitOf(const Fd& process) {
  siginfo_t ended = {};
  const int wait = waitid(P_PIDFD, static_cast<id_t>(process.get()), &ended, WEXITED | WNOHANG);
  if (wait == 0 && ended.si_pid == 0) return std::nullopt;
  return wait == 0 && ended.si_code == CLD_EXITED ? ended.si_status : -1;
}

}  // namespace

std::string FindNoticeHelper() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "";
  const std::filesystem::path folder = self.parent_path();
  for (const std::filesystem::path& path :
       {folder / "muster-notify", folder.parent_path() / "libexec/muster/muster-notify"}) {
    if (std::filesystem::is_regular_file(path, error)) return path;
  }
  return "";
}

DesktopNotices::~DesktopNotices() {
  for (const Helper& helper : helpers_) {
    pidfd_send_signal(helper.process.get(), SIGKILL, nullptr, 0);
    pollfd ends = {helper.process.get(), POLLIN, 0};
    poll(&ends, 1, kLastWaitMs);
    ExitOf(helper.process);
  }
}

absl::Status DesktopNotices::Show(uint32_t uid, const Notice& notice, absl::Time now) {
  if (uid == 0 || uid == kOverflowUid || uid == kNoUid) {
    return absl::FailedPreconditionError("root and nobody have no desktop");
  }
  if (options_.helper.empty()) return absl::FailedPreconditionError("there is no muster-notify");
  const bool busy = std::any_of(helpers_.begin(), helpers_.end(),
                                [uid](const Helper& h) { return h.uid == uid; });
  if (busy || helpers_.size() >= limits::kMaxNoticeHelpers) {
    return absl::ResourceExhaustedError("other notices are under way");
  }
  const Fd input = PipeWith(absl::StrCat(notice.title, "\n", notice.body));
  const Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!input.ok() || !null.ok()) return ErrnoStatus(errno, "cannot open", "a pipe");
  std::string name = "muster-notify", dir = options_.run_user_dir;
  char* const argv[] = {name.data(), dir.data(), nullptr};
  const ChildPlan plan = {options_.helper.c_str(), argv, uid, input.get(), null.get(), getpid()};
  // Without the handlers of fork(): libraries' threads and locks do not matter to the child.
  const pid_t pid = _Fork();
  if (pid == 0) RunHelper(plan);
  if (pid < 0) return ErrnoStatus(errno, "cannot start", options_.helper);
  Fd process(pidfd_open(pid, 0));
  if (!process.ok()) {
    absl::Status status = ErrnoStatus(errno, "cannot watch", options_.helper);
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return status;
  }
  helpers_.push_back({uid, std::move(process), now + limits::kNoticeHelperTime});
  return absl::OkStatus();
}

std::vector<std::string> DesktopNotices::Reap(absl::Time now) {
  std::vector<std::string> out;
  for (auto it = helpers_.begin(); it != helpers_.end();) {
    const std::optional<int> exit = ExitOf(it->process);
    if (!exit) {
      // Never waited for: a file system of the person's may hold it up even now. It keeps its
      // place until it is gone.
      if (now >= it->until) {
        pidfd_send_signal(it->process.get(), SIGKILL, nullptr, 0);
        it->until = absl::InfiniteFuture();
      }
      ++it;
      continue;
    }
    const bool failed = *exit == kCannotStart;
    if (failed && !std::exchange(setup_failed_, true)) {
      out.push_back(absl::StrCat("desktop notices cannot be shown: ", options_.helper,
                                 " cannot be started as another user (it takes CAP_SETUID and "
                                 "CAP_SETGID)"));
    }
    it = helpers_.erase(it);
  }
  return out;
}

std::vector<int> DesktopNotices::fds() const {
  std::vector<int> out;
  for (const Helper& helper : helpers_) out.push_back(helper.process.get());
  return out;
}

absl::Time DesktopNotices::deadline() const {
  absl::Time out = absl::InfiniteFuture();
  for (const Helper& helper : helpers_) out = std::min(out, helper.until);
  return out;
}

}  // namespace muster::agent
