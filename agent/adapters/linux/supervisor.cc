#include "agent/adapters/linux/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/adapters/linux/notify.h"
#include "agent/adapters/linux/proc.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"

namespace muster::agent {
namespace {

constexpr int kTickMs = 50;
// A worker that ran for so long had no trouble starting.
constexpr absl::Duration kSettled = absl::Minutes(1);
constexpr absl::Duration kReadyPause = absl::Milliseconds(500);

Fd SignalFd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD}) sigaddset(&signals, s);
  return Fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// Between fork and exec of a process with threads: system calls only.
[[noreturn]] void BecomeWorker(char* const* argv, const int (&give)[3], int parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  int high[3] = {};
  for (int i = 0; i < 3; ++i) high[i] = fcntl(give[i], F_DUPFD, 64);
  for (int i = 0; i < 3; ++i) dup2(high[i], kWorkerSocketFd + i);
  syscall(SYS_close_range, kWorkerSocketFd + 3, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

Supervisor::Supervisor(Parts parts)
    : parts_(std::move(parts)),
      signals_(SignalFd()),
      pulse_(parts_.beat),
      pause_(limits::kMinWorkerPause) {
  // What happened before this program became a newer version was counted then.
  continued_ = parts_.beat->shared().supervisor_continued;
  restarts_ = parts_.restarts;
  in_force_ = parts_.took_over;
}

int Supervisor::Run() {
  const std::optional<absl::Duration> watchdog = WatchdogInterval();
  absl::Time watchdog_at = absl::InfinitePast();
  for (;;) {
    const absl::Time now = MonotonicClock().Now();
    ReapLeaving();
    if (worker_pid_ == 0 && now >= start_at_) StartWorker();
    pollfd wait = {signals_.get(), POLLIN, 0};
    poll(&wait, 1, kTickMs);
    switch (ReadSignals()) {
      case Next::kGoOn:
        break;
      case Next::kStop:
        Notify("STOPPING=1");
        StopWorker();
        return 0;
      case Next::kUpgrade:
        Upgrade();
        break;
    }
    OnChild();
    if (exit_code_ >= 0) return exit_code_;
    CheckReady();
    CheckBeat();
    DoEachMinute();
    if (watchdog && now >= watchdog_at && parts_.enforcer->Healthy()) {
      watchdog_at = now + *watchdog;
      Notify("WATCHDOG=1");
    }
  }
}

void Supervisor::Upgrade() {
  // The next sign of life is the new version's.
  if (parts_.enforcer->Healthy()) Notify("WATCHDOG=1");
  absl::Status status = parts_.can_upgrade();
  if (status.ok()) {
    StopWorker();
    status = parts_.upgrade();
  }
  Log(Severity::kError, "the new version cannot be started, this one goes on: ", status.message());
}

void Supervisor::DoEachMinute() {
  const absl::Time now = MonotonicClock().Now();
  if (!ever_ready_ || now < minute_at_) return;
  minute_at_ = now + absl::Minutes(1);
  parts_.each_minute();
}

Supervisor::Next Supervisor::ReadSignals() {
  signalfd_siginfo info = {};
  Next next = Next::kGoOn;
  while (read(signals_.get(), &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
      case SIGHUP:
        if (worker_pid_ != 0) kill(worker_pid_, SIGHUP);
        break;
      case SIGUSR2:
        if (next == Next::kGoOn) next = Next::kUpgrade;
        break;
      case SIGTERM:
      case SIGINT:
        next = Next::kStop;
        break;
      default:
        break;
    }
  }
  return next;
}

void Supervisor::StartWorker() {
  if (leaving_pids_.size() + leaving_servers_.size() >= limits::kMaxLeavingWorkers) return;
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    start_at_ = MonotonicClock().Now() + limits::kMaxWorkerPause;
    return;
  }
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  parts_.beat->shared().worker_ready = 0;
  parts_.beat->shared().worker_ns = MonotonicNanos();
  std::vector<char*> argv;
  for (const std::string& a : parts_.worker) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const int give[3] = {theirs.get(), parts_.beat->fd(), parts_.wake_fd};
  const int self = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeWorker(argv.data(), give, self);
  if (pid < 0) {
    start_at_ = MonotonicClock().Now() + limits::kMaxWorkerPause;
    return;
  }
  worker_pid_ = pid;
  ready_ = killed_by_us_ = false;
  started_at_ = MonotonicClock().Now();
  parts_.enforcer->shared().SetWorker(pid);
  GateServer::Parts server;
  server.enforcer = parts_.enforcer;
  server.add_status = [this](v1::GateStatus& status) { AddStatus(status); };
  server.on_lost = [enforcer = parts_.enforcer](uint32_t n) { enforcer->shared().NoteLost(n); };
  server.on_state = [this](const v1::GateState& state) {
    in_force_ = true;
    parts_.on_state(state);
  };
  server_ = std::make_unique<GateServer>(std::move(ours), std::move(server));
}

void Supervisor::StopWorker() {
  if (worker_pid_ == 0) return;
  killed_by_us_ = true;
  kill(worker_pid_, SIGTERM);
  kill(worker_pid_, SIGCONT);
  int status = 0;
  if (AwaitEnd(limits::kWorkerStopTime, status)) return OnWorkerEnd(status);
  KillWorker();
}

bool Supervisor::AwaitEnd(absl::Duration time, int& status) {
  const Fd pidfd(static_cast<int>(syscall(SYS_pidfd_open, worker_pid_, 0)));
  const absl::Time end = MonotonicClock().Now() + time;
  pollfd ended = {pidfd.get(), POLLIN, 0};
  while (waitpid(worker_pid_, &status, WNOHANG) != worker_pid_) {
    if (MonotonicClock().Now() >= end) return false;
    poll(&ended, 1, kTickMs);
  }
  return true;
}

// A filesystem that hangs may keep it. It does nothing more, and nobody waits for it.
void Supervisor::KillWorker() {
  killed_by_us_ = true;
  kill(worker_pid_, SIGKILL);
  int status = 0;
  if (!AwaitEnd(limits::kWorkerKillTime, status)) leaving_pids_.push_back(worker_pid_);
  OnWorkerEnd(status);
}

void Supervisor::ReapLeaving() {
  std::erase_if(leaving_pids_, [](int pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
  std::erase_if(leaving_servers_, [](const auto& server) { return server->finished(); });
}

void Supervisor::OnChild() {
  if (worker_pid_ == 0) return;
  int status = 0;
  if (waitpid(worker_pid_, &status, WNOHANG | WUNTRACED) != worker_pid_) return;
  if (!WIFSTOPPED(status)) return OnWorkerEnd(status);
  kill(worker_pid_, SIGCONT);
  parts_.tampering->Add("the worker was stopped by a signal; it was made to go on");
}

void Supervisor::OnWorkerEnd(int status) {
  parts_.enforcer->shared().SetWorker(0);
  worker_pid_ = 0;
  if (!server_->Stop()) leaving_servers_.push_back(std::move(server_));
  server_.reset();
  const absl::Time now = MonotonicClock().Now();
  if (killed_by_us_) {
    start_at_ = now;
    return;
  }
  // Before it ever ran: it says itself what is wrong, and nobody else would hear it. But what is in
  // force stays so.
  if (!ever_ready_ && !in_force_ && WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    exit_code_ = WEXITSTATUS(status);
    return;
  }
  if (WIFSIGNALED(status)) {
    parts_.tampering->Add(absl::StrCat("the worker was ended by signal ", WTERMSIG(status),
                                       "; another took its place"));
  } else {
    Log(Severity::kError, "the worker ended with code ", WEXITSTATUS(status),
        "; another takes its place");
  }
  restarts_.fetch_add(1);
  // One that worked is soon replaced; one that cannot even start is not tried all the time.
  pause_ = now - started_at_ >= kSettled
               ? limits::kMinWorkerPause
               : std::min(2 * pause_, ready_ ? kReadyPause : limits::kMaxWorkerPause);
  start_at_ = now + pause_;
}

void Supervisor::CheckReady() {
  if (ready_ || worker_pid_ == 0 || parts_.beat->shared().worker_ready == 0) return;
  ready_ = ever_ready_ = true;
  Notify("READY=1");
}

void Supervisor::CheckBeat() {
  const uint32_t continued = parts_.beat->shared().supervisor_continued;
  if (std::exchange(continued_, continued) != continued) {
    parts_.tampering->Add("the supervisor was stopped by a signal; the worker made it go on");
  }
  if (worker_pid_ == 0) return;
  const int64_t silent = MonotonicNanos() - parts_.beat->shared().worker_ns;
  if (silent < absl::ToInt64Nanoseconds(parts_.worker_silence)) return;
  Log(Severity::kError, "the worker hangs; another takes its place");
  // A hang is not somebody's doing: the restart count shows it.
  KillWorker();
  restarts_.fetch_add(1);
}

void Supervisor::AddStatus(v1::GateStatus& status) const {
  status.set_worker_restarts(restarts_);
  for (const v1::Tampering& entry : parts_.tampering->entries()) *status.add_tampering() = entry;
}

}  // namespace muster::agent
