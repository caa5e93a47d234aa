// The one construction of the running agent, and its main loop.
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/adapters/grpc/stepper.h"
#include "agent/adapters/linux/control_socket.h"
#include "agent/adapters/linux/linux_enforcer.h"
#include "agent/adapters/linux/watcher.h"
#include "agent/commands.h"
#include "agent/flow/agent.h"
#include "agent/flow/certificate_keeper.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "common/status_macros.h"
#include "google/protobuf/stubs/logging.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kExecBatch = absl::Milliseconds(200);
constexpr absl::Duration kDebounce = absl::Milliseconds(50);
constexpr absl::Duration kTrimInterval = absl::Seconds(10);
// What the watcher tells: bits of InventorySource, and this one.
constexpr unsigned kAccountsTag = kAllSources + 1;

// CPU that this thread has used.
absl::Duration CpuTime() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return absl::DurationFromTimespec(t);
}

// sd_notify(3) without its library.
void NotifyReady() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, std::strlen(path));
  const socklen_t size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr char kReady[] = "READY=1";
  // Nobody listens: nothing to do.
  if (sendto(fd.get(), kReady, sizeof kReady - 1, MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    return;
  }
}

// The kernel denies an event for which it can open no descriptor.
void RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Tells a restart of this agent from a copy of its certificate on another machine.
std::string NewInstanceId() {
  absl::BitGen random;
  return absl::StrFormat("%016x%016x", absl::Uniform<uint64_t>(random),
                         absl::Uniform<uint64_t>(random));
}

Fd BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return Fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

class MainLoop {
 public:
  MainLoop(Agent* agent, LinuxEnforcer* enforcer, const LocalMachine* machine,
           const MachinePaths& paths, int wake_fd, int signal_fd)
      : agent_(agent),
        enforcer_(enforcer),
        machine_(machine),
        paths_(paths),
        wake_fd_(wake_fd),
        signal_fd_(signal_fd),
        mounts_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

  // Before the first look at the machine, so that no change falls between.
  void Watch(unsigned tags = ~0u) {
    for (InventoryWatch& w : machine_->InventoryWatches(tags)) {
      watcher_.Watch(std::move(w.folder), std::move(w.name), w.sources);
    }
    const size_t slash = paths_.passwd.find_last_of('/');
    watcher_.Watch(paths_.passwd.substr(0, slash), paths_.passwd.substr(slash + 1), kAccountsTag);
  }

  void Run() {
    while (!stop_) {
      const absl::Time now = clock_.Now();
      const absl::Time trim_at = trim_due_ ? trimmed_ + kTrimInterval : absl::InfiniteFuture();
      const absl::Time next = std::min({tick_at_, flush_at_, scan_at_, trim_at});
      const absl::Duration wait = std::clamp(next - now, absl::ZeroDuration(), absl::Minutes(1));
      // Rounded up: a wait of half a millisecond must not become a busy loop.
      Poll(static_cast<int>(absl::ToInt64Milliseconds(wait + absl::Microseconds(999))));
      DoDue();
    }
    agent_->FlushExecs();
  }

 private:
  void Poll(int timeout_ms) {
    pollfd fds[] = {{signal_fd_, POLLIN, 0},
                    {wake_fd_, POLLIN, 0},
                    {watcher_.fd(), POLLIN, 0},
                    {mounts_.get(), POLLPRI, 0}};
    if (poll(fds, 4, timeout_ms) <= 0) return;
    if (fds[0].revents != 0) ReadSignals();
    if (fds[1].revents != 0) {
      eventfd_t count = 0;
      eventfd_read(wake_fd_, &count);
      // Decisions are gathered for a moment: ten starts are one report.
      flush_at_ = std::min(flush_at_, clock_.Now() + kExecBatch);
      work_ = true;
      tick_at_ = clock_.Now();
    }
    if (fds[2].revents != 0) Changed(watcher_.Drain());
    if ((fds[3].revents & (POLLPRI | POLLERR)) != 0) {
      enforcer_->RefreshMarks();
      agent_->ReportStatusIfChanged();
    }
  }

  void ReadSignals() {
    signalfd_siginfo info = {};
    while (read(signal_fd_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGHUP) {
        Changed(~0u);
      } else {
        stop_ = true;
      }
    }
  }

  void Changed(unsigned tags) {
    changed_ |= tags & (kAllSources | kAccountsTag);
    if (changed_ == 0) return;
    scan_at_ = std::min(scan_at_, std::max(clock_.Now() + kDebounce, last_scan_ + scan_gap_));
  }

  // A long upgrade renames dpkg's status file several times a second: the next look waits in
  // proportion to what the last one cost.
  void Scan() {
    const absl::Duration before = CpuTime();
    const unsigned changed = std::exchange(changed_, 0);
    Watch(changed);
    if ((changed & kAllSources) != 0) agent_->OnInventoryChanged(changed & kAllSources);
    if ((changed & kAccountsTag) != 0) agent_->OnAccountsChanged();
    last_scan_ = clock_.Now();
    scan_gap_ = std::clamp(limits::kScanShare * (CpuTime() - before), limits::kMinScanGap,
                           limits::kMaxScanGap);
    trim_due_ = true;
  }

  // The package lists were read whole. Giving that back costs more than the look itself.
  void Trim(absl::Time now) {
    if (!trim_due_ || now - trimmed_ < kTrimInterval) return;
    trim_due_ = false;
    trimmed_ = now;
    malloc_trim(0);
  }

  void DoDue() {
    const absl::Time now = clock_.Now();
    if (now >= scan_at_) {
      scan_at_ = absl::InfiniteFuture();
      Scan();
    }
    Trim(now);
    if (std::exchange(work_, false)) agent_->Work();
    if (now >= flush_at_) {
      flush_at_ = absl::InfiniteFuture();
      agent_->FlushExecs();
    }
    if (now >= tick_at_) tick_at_ = agent_->Tick();
  }

  SystemClock clock_;
  Agent* const agent_;
  LinuxEnforcer* const enforcer_;
  const LocalMachine* const machine_;
  const MachinePaths paths_;
  const int wake_fd_, signal_fd_;
  Fd mounts_;
  Watcher watcher_;
  bool stop_ = false, work_ = true;
  unsigned changed_ = 0;  // tags since the last scan
  absl::Duration scan_gap_ = limits::kMinScanGap;
  bool trim_due_ = false;
  absl::Time trimmed_ = absl::InfinitePast();
  absl::Time tick_at_ = absl::InfinitePast(), flush_at_ = absl::InfiniteFuture();
  absl::Time scan_at_ = absl::InfiniteFuture(), last_scan_ = absl::InfinitePast();
};

absl::StatusOr<std::unique_ptr<CertificateKeeper>> NewKeeper(
    const EnrolledDevice& device, const PrivateKey& key, StateStore& store, const Clock& clock,
    const std::function<LinkTarget()>& target, const std::atomic<ControllerLink*>& running_link) {
  CertificateKeeper::Parts parts{.device_id = device.identity.device_id, .key = key};
  parts.pem = device.certificate_pem;
  parts.store = &store;
  parts.clock = &clock;
  parts.renew = [target](const std::string& csr) { return CallRenew(target(), csr); };
  parts.renewed = [&running_link] { running_link.load()->Reconnect(); };
  return CertificateKeeper::New(std::move(parts));
}

void PrepareProcess() {
  RaiseFileLimit();
  // Few threads that allocate little: two arenas keep the agent small.
  mallopt(M_ARENA_MAX, 2);
  // The link says once per outage what gRPC would print at every attempt.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // Neither a line for every string of a peer that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
}

absl::Status Run(const RunOptions& options) {
  FileStateStore store(options.state_dir);
  MUSTER_ASSIGN_OR_RETURN(EnrolledDevice device, LoadEnrolled(store));
  MUSTER_RETURN_IF_ERROR(store.Create());
  MUSTER_ASSIGN_OR_RETURN(Fd pid_lock, LockPidFile(store));
  PrepareProcess();
  const Fd signals = BlockSignals();
  const Fd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  const int wake_fd = wake.get();
  auto wake_up = [wake_fd] { eventfd_write(wake_fd, 1); };

  SystemClock clock;
  LocalMachine machine(options.machine);
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(device.key_pem));
  ReportLog reports(device.identity.device_id, key, &store, &clock);
  MUSTER_RETURN_IF_ERROR(reports.Open());
  EnforcerOptions enforcing;
  enforcing.monitor = options.monitor;
  enforcing.filesystems = options.filesystems;
  LinuxEnforcer enforcer(enforcing, &clock, &machine, wake_up);
  // The link takes the certificate from its keeper, which makes the link connect again with a
  // new one; the keeper runs last and stops first.
  std::atomic<ControllerLink*> running_link = nullptr;
  std::unique_ptr<CertificateKeeper> certificate;
  auto target = [&device, &certificate] {
    return LinkTarget{device.controller, device.ca_pem, device.key_pem, certificate->pem()};
  };
  MUSTER_ASSIGN_OR_RETURN(certificate, NewKeeper(device, key, store, clock, target, running_link));
  Agent agent({.identity = device.identity,
               .controller = device.controller,
               .store = &store,
               .clock = &clock,
               .machine = &machine,
               .enforcer = &enforcer,
               .reports = &reports,
               .instance_id = NewInstanceId(),
               .certificate_not_after = [&certificate] { return certificate->not_after(); },
               .wake = wake_up});
  MainLoop loop(&agent, &enforcer, &machine, options.machine, wake_fd, signals.get());
  loop.Watch();
  // The gate stands before the policy is read, and the way back stands before the gate matters.
  MUSTER_ASSIGN_OR_RETURN(
      std::unique_ptr<ControlServer> control,
      ControlServer::Start(store.PathOf(kSocketFile),
                           [&agent](const v1::ControlRequest& request, uint32_t uid) {
                             return agent.Answer(request, uid);
                           }));
  enforcer.Start();
  MUSTER_RETURN_IF_ERROR(agent.Start());
  malloc_trim(0);
  NotifyReady();
  ControllerLink link(target,
                      {[&agent] { return agent.MakeHello(); }, [&agent] { agent.OnConnected(); },
                       [&agent](const absl::Status& why) { agent.OnDisconnected(why); },
                       [&agent](const v1::ControllerMessage& m) { agent.OnMessage(m); }},
                      &agent.outbox());
  running_link = &link;
  const Stepper renewal([&certificate] { return certificate->Step(); });
  Log(Severity::kInfo, "running as device ", device.identity.device_id, ", mode ",
      v1::StatusReport::Mode_Name(enforcer.status().mode));
  loop.Run();
  Log(Severity::kInfo, "stopping");
  // A filesystem that never answers must not keep a stopped agent alive.
  alarm(5);
  return absl::OkStatus();
}

}  // namespace

int RunAgent(const RunOptions& options) {
  const absl::Status status = Run(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::agent
