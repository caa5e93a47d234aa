#include "agent/adapters/linux/linux_enforcer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/adapters/linux/canary.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

// New processes of what is being ended can start meanwhile.
constexpr int kKillPasses = 3;

}  // namespace

LinuxEnforcer::LinuxEnforcer(EnforcerOptions options, const Clock* clock, Machine* machine,
                             std::function<void()> on_event)
    : options_(std::move(options)),
      on_event_(on_event),
      shared_(clock, machine, std::move(on_event)),
      marks_(options_.scope),
      judge_(&shared_, &marks_) {}

LinuxEnforcer::~LinuxEnforcer() {
  lookout_.reset();
  std::vector<std::thread> retired;
  {
    MutexLock lock(&mu_);
    RetireGate();
    std::swap(retired, retired_);
  }
  for (std::thread& t : retired) t.join();
}

void LinuxEnforcer::Start(std::optional<GateGroups> groups) {
  {
    MutexLock lock(&mu_);
    if (gate_ != nullptr) return;
    OpenGate(std::move(groups));
    if (gate_ == nullptr) return;
  }
  Lookout::Parts parts;
  parts.marks = &marks_;
  parts.judge = &judge_;
  parts.with_group = [this](const auto& use) { WithGroup(use); };
  parts.enforcing = [this] { return enforcing_.load(); };
  parts.marks_changed = [this] {
    shared_.SetRemoteDevices(marks_.remote_devices());
    on_event_();
  };
  lookout_ = std::make_unique<Lookout>(std::move(parts));
}

std::optional<GateGroups> LinuxEnforcer::HandOver() {
  MutexLock lock(&mu_);
  // A user's file that never answers may hold up the lanes of both: nobody waits for them here.
  if (lookout_ != nullptr) {
    retired_.emplace_back([lookout = lookout_.release()] { delete lookout; });
  }
  if (gate_ == nullptr || !enforcing_) return std::nullopt;
  std::optional<GateGroups> groups = gate_->HandOver();
  // Its slow lanes may be reading from a filesystem that hangs, and programs wait already.
  retired_.emplace_back([gate = gate_.release()] { delete gate; });
  return groups;
}

void LinuxEnforcer::WithGroup(const std::function<void(const FanotifyGroup&)>& use) {
  MutexLock lock(&mu_);
  if (gate_ != nullptr) use(gate_->execs());
}

void LinuxEnforcer::OpenGate(std::optional<GateGroups> groups) {
  const bool enforce = armed_ && !options_.monitor;
  if (!groups) {
    absl::StatusOr<GateGroups> opened = GateGroups::Open(enforce);
    if (!opened.ok()) {
      if (open_error_.empty()) Log(Severity::kError, opened.status().message());
      open_error_ = std::string(opened.status().message());
      return;
    }
    groups.emplace(*std::move(opened));
  }
  open_error_.clear();
  gate_ = std::make_unique<Gate>(
      *std::move(groups), &shared_, [this] { KillDisallowed(); }, options_.hooks);
  enforcing_ = enforce;
  marks_.MarkOwn(gate_->execs());
  shared_.SetRemoteDevices(marks_.remote_devices());
  MarkFiles();
}

void LinuxEnforcer::RetireGate() {
  enforcing_ = false;
  marked_files_.clear();
  canaries_.clear();
  marks_.Clear();
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
  if (was_up) OpenGate(std::nullopt);
}

// Additions come first: at no moment is a file unmarked that should be marked.
void LinuxEnforcer::MarkFiles() {
  if (gate_ == nullptr || gate_->opens() == nullptr) return;
  const EnforcementState state = shared_.view().state;
  std::set<std::string> wanted;
  if (state.policy != nullptr && state.candidates != nullptr) {
    for (const ProgramFile& file : state.candidates->files()) {
      if (!state.policy->CouldDeny(file.app)) continue;
      if (gate_->opens()->MarkFile(file.path).ok()) wanted.insert(file.path);
    }
  }
  for (const std::string& path : marked_files_) {
    if (!wanted.contains(path)) gate_->opens()->UnmarkFile(path);
  }
  marked_files_ = std::move(wanted);
}

// What the kernel remembers goes after the new state is in force: whatever was remembered
// between the two is taken back by whoever told the kernel (Gate::Remember).
void LinuxEnforcer::Swap(EnforcementState state) {
  shared_.SetState(std::move(state));
  MutexLock lock(&mu_);
  if (gate_ == nullptr) return;
  gate_->Forget();
  MarkFiles();
}

void LinuxEnforcer::ForgetAllowed() {
  MutexLock lock(&mu_);
  if (gate_ != nullptr) gate_->Forget();
}

bool LinuxEnforcer::Healthy() const {
  MutexLock lock(&mu_);
  return gate_ == nullptr || !gate_->Late();
}

std::vector<std::string> LinuxEnforcer::CannotEnforce() const {
  std::vector<std::string> out = marks_.failed();
  const bool told = lookout_ != nullptr && lookout_->connector_error().empty();
  out.push_back(
      told ? "programs that run from memory only (memfd) are ended after they started, when their "
             "contents are those of a blocked app"
           : absl::StrCat("programs that run from memory only (memfd) or from a filesystem that "
                          "was mounted elsewhere are noticed within seconds only (",
                          lookout_ == nullptr ? "not looked for" : lookout_->connector_error(),
                          ")"));
  out.push_back(
      "a program of an account's own making that speaks the protocol of a blocked app is not "
      "known by its contents");
  return out;
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
  for (const MountMarks::Marked& m : marks_.marked()) out.marked.push_back(m.name);
  out.cannot_enforce = CannotEnforce();
  out.canaries = canaries_;
  out.capabilities = {
      absl::StrCat("the kernel remembers allows: ",
                   gate_->remembers() ? "yes" : "no, it takes Linux 5.19"),
      absl::StrCat("the kernel tells what started: ",
                   lookout_ != nullptr && lookout_->connector_error().empty() ? "yes" : "no")};
  if (!armed_) {
    out.mode = v1::StatusReport::DISARMED;
  } else if (options_.monitor || shared_.clock().Now() < shared_.view().state.monitor_until) {
    out.mode = v1::StatusReport::MONITORING;
  } else {
    out.mode = marks_.empty() ? v1::StatusReport::REPORT_ONLY : v1::StatusReport::ENFORCING;
  }
  return out;
}

std::vector<ExecRecord> LinuxEnforcer::TakeRecords(uint32_t* dropped) {
  return shared_.TakeRecords(dropped);
}

void LinuxEnforcer::KillDisallowed() {
  if (!enforcing_) return;
  MutexLock lock(&kill_mu_);
  // What is at its place goes at once; then whatever has to be read to be known.
  using Depth = ProcessJudge::Depth;
  const auto pass = [this](Depth depth) {
    bool ended = false;
    ForEachProcess([&](int pid) { ended |= enforcing_ && judge_.EndIfDisallowed(pid, depth); });
    return ended;
  };
  for (int i = 0; i < kKillPasses && pass(Depth::kByStamp); ++i) {
  }
  for (int i = 0; i < kKillPasses && pass(Depth::kByContents); ++i) {
  }
}

std::vector<v1::Canary> LinuxEnforcer::Prove() {
  if (!enforcing_) return {};
  MutexLock lock(&prove_mu_);
  std::vector<v1::Canary> out;
  const absl::Time end = MonotonicClock().Now() + limits::kProofTime;
  for (const MountMarks::Marked& where : marks_.marked()) {
    if (MonotonicClock().Now() < end) {
      out.push_back(TryCanary(where, shared_));
      continue;
    }
    v1::Canary& late = out.emplace_back();
    late.set_filesystem(where.name);
    late.set_result(v1::Canary::NOT_TRIED);
    late.set_detail("other filesystems took too long");
    *late.mutable_at() = ToProto(shared_.clock().Now());
  }
  MutexLock keep(&mu_);
  canaries_ = out;
  return out;
}

}  // namespace muster::agent
