// The one construction of the worker, and its main loop.
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>

#include "absl/random/random.h"
#include "absl/strings/str_format.h"
#include "agent/adapters/files/browser_policy_files.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/held_export.h"
#include "agent/adapters/files/home_exports.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/adapters/files/repository_folder.h"
#include "agent/adapters/grpc/controller_link.h"
#include "agent/adapters/grpc/stepper.h"
#include "agent/adapters/linux/beat.h"
#include "agent/adapters/linux/control_socket.h"
#include "agent/adapters/linux/notice_sender.h"
#include "agent/adapters/linux/remote_enforcer.h"
#include "agent/adapters/linux/supervisor.h"
#include "agent/adapters/linux/watcher.h"
#include "agent/commands.h"
#include "agent/flow/agent.h"
#include "agent/flow/archivist.h"
#include "agent/flow/certificate_keeper.h"
#include "agent/flow/log.h"
#include "agent/flow/web_clients.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "common/exit_code.h"
#include "common/status_macros.h"
#include "google/protobuf/stubs/logging.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kExecBatch = absl::Milliseconds(200);
// The supervisor takes a longer silence for a hang.
constexpr absl::Duration kBeatPeriod = absl::Seconds(1);
constexpr absl::Duration kDebounce = absl::Milliseconds(50);
constexpr absl::Duration kTrimInterval = absl::Seconds(10);
// What the watcher tells: bits of InventorySource, and these.
constexpr unsigned kAccountsTag = kAllSources + 1, kBrowserTag = kAccountsTag << 1;

// CPU that this thread has used.
absl::Duration CpuTime() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return absl::DurationFromTimespec(t);
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
  MainLoop(Agent* agent, const LocalMachine* machine, const BrowserPolicyFiles* browsers,
           const MachinePaths& paths, Beat* beat, int wake_fd, int signal_fd)
      : agent_(agent),
        machine_(machine),
        browsers_(browsers),
        mounts_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)),
        paths_(paths),
        beat_(beat),
        wake_fd_(wake_fd),
        signal_fd_(signal_fd) {}

  // Before the first look at the machine, so that no change falls between.
  void Watch(unsigned tags = ~0u) {
    for (InventoryWatch& w : machine_->InventoryWatches(tags)) {
      watcher_.Watch(std::move(w.folder), std::move(w.name), w.sources);
    }
    const size_t slash = paths_.passwd.find_last_of('/');
    watcher_.Watch(paths_.passwd.substr(0, slash), paths_.passwd.substr(slash + 1), kAccountsTag);
    for (auto& [folder, name] : browsers_->Watches()) {
      watcher_.Watch(std::move(folder), std::move(name), kBrowserTag);
    }
  }

  void Run() {
    while (!stop_) {
      const absl::Time now = clock_.Now();
      const absl::Time trim_at = trim_due_ ? trimmed_ + kTrimInterval : absl::InfiniteFuture();
      const absl::Time next = std::min({tick_at_, flush_at_, scan_at_, trim_at});
      const absl::Duration wait = std::clamp(next - now, absl::ZeroDuration(), kBeatPeriod);
      // Rounded up: a wait of half a millisecond must not become a busy loop.
      Poll(static_cast<int>(absl::ToInt64Milliseconds(wait + absl::Microseconds(999))));
      beat_->shared().worker_ns = MonotonicNanos();
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
      agent_->OnMountsChanged();
      // Decisions are gathered for a moment: ten starts are one report.
      flush_at_ = std::min(flush_at_, clock_.Now() + kExecBatch);
      work_ = true;
      tick_at_ = clock_.Now();
    }
    if (fds[2].revents != 0) Changed(watcher_.Drain());
    // A mount can cover the directories of browsers.
    if ((fds[3].revents & (POLLPRI | POLLERR)) != 0) Changed(kBrowserTag);
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
    changed_ |= tags & (kAllSources | kAccountsTag | kBrowserTag);
    if (changed_ == 0) return;
    scan_at_ = std::min(scan_at_, std::max(clock_.Now() + kDebounce, last_scan_ + scan_gap_));
  }

  // A long upgrade renames dpkg's status file several times a second: the next look waits in
  // proportion to what the last one cost.
  void Scan() {
    const absl::Duration before = CpuTime();
    const unsigned changed = std::exchange(changed_, 0);
    // Before the looks, so that a change after a look raises an event. Directories that a look
    // makes raise one in a watched directory above them, and the next round watches them.
    Watch(changed);
    if ((changed & kBrowserTag) != 0) agent_->OnBrowserFilesChanged();
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
    agent_->ProveIfDue();
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
  const LocalMachine* const machine_;
  const BrowserPolicyFiles* const browsers_;
  const Fd mounts_;
  const MachinePaths paths_;
  Beat* const beat_;
  const int wake_fd_, signal_fd_;
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

// A question from the local socket, with the file that came with it.
v1::ControlReply AnswerWithFile(Agent& agent, const std::string& helper_dir,
                                const v1::ControlRequest& request, uint32_t uid, Fd file) {
  if (!request.has_archive_submit() || !file.ok()) return agent.Answer(request, uid);
  absl::StatusOr<std::shared_ptr<HeldExport>> held =
      HoldSubmitted(std::move(file), request.archive_submit().name(), helper_dir);
  if (held.ok()) return agent.Answer(request, uid, *std::move(held));
  v1::ControlReply out;
  out.set_error(std::string(held.status().message()));
  out.set_exit_code(static_cast<uint32_t>(ExitCode(held.status())));
  return out;
}

// The archivist with all it needs, and the thread that it works on. Outlives whoever wakes it.
struct Archiving {
  Archiving(const MachinePaths& paths, const DeviceIdentity& identity, StateStore* store,
            const Clock* clock, NoticeChannel* notices)
      : exports(paths.home_dir, paths.passwd, paths.helper_dir),
        archivist({.device_id = identity.device_id,
                   .tenant = identity.tenant,
                   .store = store,
                   .clock = clock,
                   .folders = &exports,
                   .repository = &repository,
                   .notices = notices,
                   .random_salt = RandomSalt,
                   .wake = [this] { stepper.Wake(); }}),
        // It has nothing to do until the agent has started.
        stepper([this, clock] {
          return started ? archivist.Step() : clock->Now() + limits::kExportLookInterval;
        }) {}
  void Begin() {
    started = true;
    stepper.Wake();
  }

  HomeExports exports;
  RepositoryFolder repository;
  std::atomic<bool> started = false;
  Archivist archivist;
  Stepper stepper;
};

void PrepareProcess() {
  // Few threads that allocate little: two arenas keep the agent small.
  mallopt(M_ARENA_MAX, 2);
  // The link says once per outage what gRPC would print at every attempt.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  // Neither a line for every string of a peer that is not UTF-8.
  google::protobuf::SetLogHandler(nullptr);
}

absl::Status Run(const WorkerOptions& options) {
  FileStateStore store(options.state_dir);
  MUSTER_ASSIGN_OR_RETURN(EnrolledDevice device, LoadEnrolled(store));
  PrepareProcess();
  const Fd signals = BlockSignals();
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Beat> beat, Beat::Join(Fd(kWorkerBeatFd)));
  const SupervisorGuard guard(beat.get(), getppid());
  auto wake_up = [] { eventfd_write(kWorkerWakeFd, 1); };

  SystemClock clock;
  LocalMachine machine(options.machine);
  MUSTER_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPem(device.key_pem));
  ReportLog reports(device.identity.device_id, key, &store, &clock);
  MUSTER_RETURN_IF_ERROR(reports.Open());
  RemoteEnforcer enforcer{Fd(kWorkerSocketFd)};
  // The link takes the certificate from its keeper, which makes the link connect again with a
  // new one; the keeper runs last and stops first.
  std::atomic<ControllerLink*> running_link = nullptr;
  std::unique_ptr<CertificateKeeper> certificate;
  auto target = [&device, &certificate] {
    return LinkTarget{device.controller, device.ca_pem, device.key_pem, certificate->pem()};
  };
  MUSTER_ASSIGN_OR_RETURN(certificate, NewKeeper(device, key, store, clock, target, running_link));
  BrowserPolicyFiles browsers(options.browser_root);
  WebClients web_clients(&browsers, &store, &clock);
  NoticeSender notices({FindNoticeHelper(), options.run_user_dir});
  Archiving archiving(options.machine, device.identity, &store, &clock, &notices);
  Agent agent({.identity = device.identity,
               .controller = device.controller,
               .store = &store,
               .clock = &clock,
               .machine = &machine,
               .enforcer = &enforcer,
               .reports = &reports,
               .notices = &notices,
               .web_clients = &web_clients,
               .archivist = &archiving.archivist,
               .instance_id = NewInstanceId(),
               .certificate_not_after = [&certificate] { return certificate->not_after(); },
               .wake = wake_up});
  MainLoop loop(&agent, &machine, &browsers, options.machine, beat.get(), kWorkerWakeFd,
                signals.get());
  loop.Watch();
  // The gate stands already, and the way back stands before it matters.
  MUSTER_ASSIGN_OR_RETURN(
      std::unique_ptr<ControlServer> control,
      ControlServer::Start(
          store.PathOf(kSocketFile), [&](const v1::ControlRequest& request, uint32_t uid, Fd file) {
            return AnswerWithFile(agent, options.machine.helper_dir, request, uid, std::move(file));
          }));
  MUSTER_RETURN_IF_ERROR(agent.Start());
  archiving.Begin();
  malloc_trim(0);
  beat->shared().worker_ready = 1;
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

int RunWorker(const WorkerOptions& options) {
  if (fcntl(kWorkerSocketFd, F_GETFD) < 0) {
    return Fail(absl::FailedPreconditionError(
        "`worker` is started by the supervisor; use `muster-agent run`"));
  }
  const absl::Status status = Run(options);
  return status.ok() ? 0 : Fail(status);
}

}  // namespace muster::agent
