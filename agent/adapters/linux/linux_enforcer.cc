#include "agent/adapters/linux/linux_enforcer.h"

#include <unistd.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/domain/mounts.h"
#include "agent/flow/log.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

// What no mark of ours can see, whatever this machine is.
constexpr const char* kAlwaysUncovered[] = {
    "programs that run from memory only (memfd) are not seen",
    "programs on filesystems that are mounted only inside a container or user namespace are not "
    "seen",
};

}  // namespace

LinuxEnforcer::LinuxEnforcer(EnforcerOptions options, const Clock* clock, Machine* machine,
                             std::function<void()> on_record)
    : options_(std::move(options)), shared_(clock, machine, std::move(on_record)) {}

LinuxEnforcer::~LinuxEnforcer() {
  std::vector<std::thread> retired;
  {
    MutexLock lock(&mu_);
    RetireGate();
    std::swap(retired, retired_);
  }
  for (std::thread& t : retired) t.join();
}

void LinuxEnforcer::Start() {
  MutexLock lock(&mu_);
  if (gate_ == nullptr) OpenGate();
}

void LinuxEnforcer::OpenGate() {
  const bool enforce = armed_ && !options_.monitor;
  absl::StatusOr<std::unique_ptr<Gate>> gate = Gate::Start(
      enforce, &shared_, [this] { KillDisallowed(); }, options_.hooks);
  if (!gate.ok()) {
    if (open_error_.empty()) Log(Severity::kError, gate.status().message());
    open_error_ = std::string(gate.status().message());
    return;
  }
  open_error_.clear();
  gate_ = *std::move(gate);
  enforcing_ = enforce;
  MarkAll();
}

void LinuxEnforcer::RetireGate() {
  enforcing_ = false;
  marked_files_.clear();
  marked_.clear();
  if (gate_ == nullptr) return;
  gate_->TakeDown();
  // Its slow lanes may take their time; whoever disarms must not wait for them.
  retired_.emplace_back([gate = gate_.release()] { delete gate; });
}

void LinuxEnforcer::SetArmed(bool armed) {
  MutexLock lock(&mu_);
  if (armed == armed_) return;
  armed_ = armed;
  if (options_.monitor) return;
  const bool was_up = gate_ != nullptr;
  RetireGate();
  if (was_up) OpenGate();
}

void LinuxEnforcer::RefreshMarks() {
  MutexLock lock(&mu_);
  MarkMounts();
}

void LinuxEnforcer::MarkAll() {
  MarkMounts();
  MarkFiles();
}

void LinuxEnforcer::MarkMounts() {
  if (gate_ == nullptr) return;
  std::vector<std::string> marked, failed;
  absl::flat_hash_set<uint64_t> remote;
  std::map<uint64_t, bool> done;  // device -> is marked
  std::map<uint64_t, std::string> why;
  absl::StatusOr<std::string> text = ReadFile("/proc/self/mountinfo", limits::kMaxMountInfoBytes);
  if (!text.ok()) failed.push_back(std::string(text.status().message()));
  for (const Mount& m : ParseMountInfo(text.value_or(""))) {
    if (IsRemote(m.type)) remote.insert(m.dev);
    if (!options_.filesystems.empty() || !CanHoldPrograms(m.type) || done[m.dev]) continue;
    const std::optional<uint64_t> dev = DeviceOfPath(m.path);
    // Another mount on top hides this one; nobody reaches a program through it. btrfs gives its
    // subvolumes device numbers that mountinfo does not show.
    if (!dev || (*dev != m.dev && m.type != "btrfs")) continue;
    const absl::Status status = gate_->group().MarkFilesystem(m.path);
    done[m.dev] = status.ok();
    if (status.ok()) {
      marked.push_back(m.path);
    } else {
      why[m.dev] = absl::StrCat("programs on ", m.type, " filesystem ", status.message());
    }
  }
  for (const auto& [dev, text_of] : why) {
    if (!done[dev]) failed.push_back(text_of);
  }
  for (const std::string& path : options_.filesystems) {
    const absl::Status status = gate_->group().MarkFilesystem(path);
    if (status.ok()) {
      marked.push_back(path);
    } else {
      failed.push_back(std::string(status.message()));
    }
  }
  shared_.SetRemoteDevices(std::move(remote));
  marked_ = std::move(marked);
  failed_ = std::move(failed);
}

// Additions come first: at no moment is a file unmarked that should be marked.
void LinuxEnforcer::MarkFiles() {
  if (gate_ == nullptr || !enforcing_) return;
  const EnforcementState state = shared_.view().state;
  std::set<std::string> wanted;
  if (state.policy != nullptr && state.candidates != nullptr) {
    for (const ProgramFile& file : state.candidates->files()) {
      if (!state.policy->CouldDeny(file.app)) continue;
      if (gate_->group().MarkFile(file.path).ok()) wanted.insert(file.path);
    }
  }
  for (const std::string& path : marked_files_) {
    if (!wanted.contains(path)) gate_->group().UnmarkFile(path);
  }
  marked_files_ = std::move(wanted);
}

void LinuxEnforcer::Swap(EnforcementState state) {
  shared_.SetState(std::move(state));
  MutexLock lock(&mu_);
  MarkFiles();
}

EnforcerStatus LinuxEnforcer::status() const {
  EnforcerStatus out;
  out.decided = shared_.decided;
  out.blocked = shared_.blocked;
  MutexLock lock(&mu_);
  if (gate_ == nullptr) {
    out.mode = armed_ ? v1::StatusReport::REPORT_ONLY : v1::StatusReport::DISARMED;
    if (!open_error_.empty()) out.cannot_enforce.push_back(open_error_);
    return out;
  }
  out.marked = marked_;
  out.cannot_enforce = failed_;
  for (const char* text : kAlwaysUncovered) out.cannot_enforce.push_back(text);
  if (!armed_) {
    out.mode = v1::StatusReport::DISARMED;
  } else if (options_.monitor) {
    out.mode = v1::StatusReport::MONITORING;
  } else {
    out.mode = marked_.empty() ? v1::StatusReport::REPORT_ONLY : v1::StatusReport::ENFORCING;
  }
  return out;
}

std::vector<ExecRecord> LinuxEnforcer::TakeRecords(uint32_t* dropped) {
  return shared_.TakeRecords(dropped);
}

std::vector<v1::Canary> LinuxEnforcer::Prove() { return {}; }

void LinuxEnforcer::KillDisallowed() {
  if (!enforcing_) return;
  MutexLock lock(&kill_mu_);
  const GateState::View view = shared_.view();
  if (view.state.policy == nullptr || view.state.candidates == nullptr) return;
  const int self = getpid();
  ForEachProcess([&](int pid) {
    if (pid != self) KillOne(view, pid);
  });
}

void LinuxEnforcer::KillOne(const GateState::View& view, int pid) {
  const std::optional<FileStamp> exe = StampOfExe(pid);
  if (!exe || view.state.candidates->Spared(exe->key)) return;
  std::optional<AppIndex> app = view.state.candidates->FindFile(*exe);
  if (!app) {
    const std::optional<std::string> sha256 = shared_.hashes().Find(*exe);
    if (sha256) app = view.state.candidates->FindHash(exe->size, *sha256, PathOfExe(pid));
  }
  if (!app) return;
  const ProcessPerson who = ReadPerson(pid);
  const Decision decision = view.state.policy->Decide(*app, who.person, shared_.clock().Now());
  if (!decision.deny) return;
  const std::string path = PathOfExe(pid);
  if (!enforcing_ || !KillIfStill(pid, *exe)) return;
  shared_.blocked.fetch_add(1);
  shared_.Record({view.state.policy, *app, who, decision, path, true});
}

}  // namespace muster::agent
