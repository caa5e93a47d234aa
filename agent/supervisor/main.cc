// muster-supervisor: owns the gate and keeps a worker. `muster-agent run` becomes this program,
// which starts `muster-agent worker`. It links no gRPC and no controller's word reaches it but
// through the worker, which has verified it.
#include <malloc.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "agent/adapters/files/alive_file.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/adapters/files/own_files.h"
#include "agent/adapters/linux/supervisor.h"
#include "agent/flow/gate_messages.h"
#include "agent/flow/log.h"
#include "agent/supervisor/upgrade.h"
#include "common/exit_code.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/version.h"
#include "google/protobuf/stubs/logging.h"

namespace muster::agent {
namespace {

constexpr char kUnitFile[] = "/lib/systemd/system/muster-agent.service";

struct Options {
  std::string worker, state_dir;
  bool monitor = false;
  MarkScope scope;
  MachinePaths machine;
  Inheritance inherited;
  std::vector<std::string> arguments;  // all of them, but what is inherited
};

// The kernel denies an event for which it can open no descriptor.
void RaiseFileLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void PrepareProcess() {
  RaiseFileLimit();
  // Few threads that allocate little: one arena keeps this process small.
  mallopt(M_ARENA_MAX, 1);
  google::protobuf::SetLogHandler(nullptr);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

// muster-agent worker, with everything that `run` was told.
std::vector<std::string> WorkerCommand(const Options& options) {
  std::vector<std::string> out = {options.worker, "worker"};
  for (size_t i = 1; i < options.arguments.size(); ++i) {
    if (options.arguments[i] == "--worker") {
      ++i;
    } else {
      out.push_back(options.arguments[i]);
    }
  }
  return out;
}

void SayGap(const AliveFile& alive, const Clock& clock, TamperLog& tampering) {
  const std::optional<absl::Time> last = alive.LastSignOfLife();
  if (!last) return;
  tampering.Add(absl::StrCat(
      "the agent was ended without being stopped in order, at ", TimeText(*last),
      " or up to a minute later; nothing was blocked from then until ", TimeText(clock.Now())));
}

class Program {
 public:
  explicit Program(Options options)
      : options_(std::move(options)),
        store_(options_.state_dir),
        machine_(options_.machine),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        tampering_(&clock_, [this] { eventfd_write(wake_.get(), 1); }),
        alive_(store_.PathOf("run/alive")) {}

  absl::StatusOr<int> Run() {
    MUSTER_ASSIGN_OR_RETURN(lock_, Lock());
    MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<Beat> beat, Beat::Create());
    const bool took_over = options_.inherited.lock >= 0;
    if (!took_over) SayGap(alive_, clock_, tampering_);
    const uint32_t restarts = TakeStatus();
    EnforcerOptions enforcing;
    enforcing.monitor = options_.monitor;
    enforcing.scope = options_.scope;
    const int wake = wake_.get();
    LinuxEnforcer enforcer(std::move(enforcing), &clock_, &machine_,
                           [wake] { eventfd_write(wake, 1); });
    StartEnforcer(enforcer);
    Supervisor::Parts parts;
    parts.worker = WorkerCommand(options_);
    parts.enforcer = &enforcer;
    parts.tampering = &tampering_;
    parts.beat = beat.get();
    parts.wake_fd = wake;
    parts.on_state = [this](const v1::GateState& state) { KeepState(state); };
    parts.each_minute = [this] { EachMinute(); };
    parts.can_upgrade = [this] { return CanStart({options_.arguments[0], options_.worker}); };
    const Supervisor* running = nullptr;
    parts.upgrade = [this, &enforcer, &running] {
      return BecomeNewVersion(options_.arguments, enforcer, lock_.get(),
                              {KeptState(), running->Status().SerializeAsString()});
    };
    parts.took_over = took_over;
    parts.restarts = restarts;
    Supervisor supervisor(std::move(parts));
    running = &supervisor;
    const int code = supervisor.Run();
    // One that could not run at all has told nobody of the gap before it.
    if (code == 0) alive_.Remove();
    // A filesystem that never answers must not keep a stopped agent alive.
    alarm(5);
    return code;
  }

 private:
  absl::StatusOr<Fd> Lock() {
    if (options_.inherited.lock >= 0) return Fd(options_.inherited.lock);
    return LockPidFile(store_);
  }

  // The state that the version before had in force counts before the first decision.
  void StartEnforcer(LinuxEnforcer& enforcer) {
    const Inheritance& from = options_.inherited;
    if (from.execs < 0) {
      TakeOver(from);
      return enforcer.Start();
    }
    v1::GateState kept;
    const Fd state(from.state);
    if (kept.ParseFromString(ReadKept(state.get()))) {
      absl::StatusOr<EnforcementState> before = FromGateState(kept);
      if (before.ok()) enforcer.Swap(*std::move(before));
      KeepState(kept);
    }
    GateGroups groups{FanotifyGroup::Adopt(Fd(from.execs), true), std::nullopt};
    if (from.opens >= 0) groups.opens.emplace(FanotifyGroup::Adopt(Fd(from.opens), true));
    enforcer.Start(std::move(groups));
    enforcer.ForgetAllowed();
    TakeOver(from);
    Log(Severity::kInfo, "a newer version took over; nothing passed in between");
  }

  // What the version before knew of its own life; how often it had started a worker anew.
  uint32_t TakeStatus() {
    v1::GateStatus before;
    const Fd status(options_.inherited.status);
    if (!status.ok() || !before.ParseFromString(ReadKept(status.get()))) return 0;
    tampering_.Restore({before.tampering().begin(), before.tampering().end()});
    return before.worker_restarts();
  }

  void KeepState(const v1::GateState& state) {
    std::string bytes = state.SerializeAsString();
    MutexLock lock(&mu_);
    state_ = std::move(bytes);
  }
  std::string KeptState() {
    MutexLock lock(&mu_);
    return state_;
  }

  void EachMinute() {
    alive_.Touch(clock_.Now());
    if (minutes_++ % 60 != 0) return;
    for (const std::string& problem : ChangeableByOthers(
             {options_.arguments[0], options_.worker, options_.state_dir, kUnitFile})) {
      tampering_.Add(problem);
    }
  }

  const Options options_;
  SystemClock clock_;
  FileStateStore store_;
  LocalMachine machine_;
  const Fd wake_;
  TamperLog tampering_;
  AliveFile alive_;
  Fd lock_;
  int minutes_ = 0;
  Mutex mu_;
  std::string state_ ABSL_GUARDED_BY(mu_);
};

int Main(int argc, char** argv) {
#ifdef NDEBUG
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
  Options options;
  CLI::App app("Muster's supervisor; started by `muster-agent run`");
  app.set_version_flag("--version", std::string("muster-supervisor ") + kVersion);
  // The worker's own options pass through.
  app.allow_extras();
  app.add_option("--worker", options.worker)->required();
  app.add_option("--state", options.state_dir)->required();
  app.add_flag("--monitor", options.monitor);
  app.add_option("--filesystems", options.scope.paths)->delimiter(',');
  app.add_flag("--and-new-filesystems", options.scope.and_new);
  app.add_option("--dpkg-admindir", options.machine.dpkg_admindir);
  app.add_option("--inherit-execs", options.inherited.execs);
  app.add_option("--inherit-opens", options.inherited.opens);
  app.add_option("--inherit-lock", options.inherited.lock);
  app.add_option("--inherit-state", options.inherited.state);
  app.add_option("--inherit-status", options.inherited.status);
  try {  // CLI11 reports usage by exceptions; they end here
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  for (int i = 0; i < argc; ++i) {
    if (!absl::StartsWith(argv[i], "--inherit-")) options.arguments.emplace_back(argv[i]);
  }
  PrepareProcess();
  const absl::StatusOr<int> code = Program(std::move(options)).Run();
  if (code.ok()) return *code;
  std::fprintf(stderr, "muster-agent: %s\n", std::string(code.status().message()).c_str());
  return ExitCode(code.status());
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) { return muster::agent::Main(argc, argv); }
