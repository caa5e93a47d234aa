#include "agent/adapters/linux/gate_state.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "agent/adapters/files/elf_file.h"
#include "agent/adapters/files/local_machine.h"
#include "agent/domain/text.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxFoundSizes = 4'096;

}  // namespace

GateState::GateState(const Clock* clock, Machine* machine, std::function<void()> on_record)
    : clock_(clock),
      machine_(machine),
      on_record_(std::move(on_record)),
      hashes_(limits::kMaxCachedHashes),
      build_ids_(limits::kMaxCachedHashes),
      companions_(machine) {
  view_.remote_devices = view_.found_sizes =
      std::make_shared<const absl::flat_hash_set<uint64_t>>();
}

GateState::View GateState::view() const {
  MutexLock lock(&mu_);
  return view_;
}

void GateState::SetState(EnforcementState state) {
  MutexLock lock(&mu_);
  std::swap(view_.state, state);
  epoch_ = ++view_.epoch;
}

void GateState::SetRemoteDevices(absl::flat_hash_set<uint64_t> devices) {
  auto next = std::make_shared<const absl::flat_hash_set<uint64_t>>(std::move(devices));
  MutexLock lock(&mu_);
  view_.remote_devices = std::move(next);
}

void GateState::NoteSize(uint64_t size) {
  MutexLock lock(&mu_);
  if (view_.found_sizes->contains(size) || view_.found_sizes->size() >= kMaxFoundSizes) return;
  auto next = std::make_shared<absl::flat_hash_set<uint64_t>>(*view_.found_sizes);
  next->insert(size);
  view_.found_sizes = std::move(next);
}

bool GateState::IsAgent(int pid) const { return pid == getpid() || pid == worker_pid_; }

void GateState::SetProbe(std::optional<Probe> probe) {
  MutexLock lock(&mu_);
  probe_ = probe;
  probe_pid_ = probe ? probe->pid : 0;
}

bool GateState::IsProbe(int pid, const FileKey& file) const {
  if (probe_pid_ != pid) return false;
  MutexLock lock(&mu_);
  return probe_ && probe_->pid == pid && probe_->file == file;
}

Decision GateState::Decide(const View& view, AppIndex app, const ProcessPerson& who) const {
  const PolicyIndex& policy = *view.state.policy;
  const absl::Time now = std::max(clock_->Now(), policy.time_floor());
  Decision decision = policy.Decide(app, who.person, now);
  // An emergency is never only watched.
  if (policy.OnlyMonitors(app, view.state.monitor_until, now)) decision.deny = false;
  return decision;
}

void GateState::Record(Decided d) {
  ExecRecord r;
  r.app_id = d.policy->rule(d.app).id;
  r.uid = d.who.real_uid;
  r.verdict = d.verdict;
  r.at = clock_->Now();
  r.reason = d.policy->Reason(d.app, d.who.person, r.at);
  // Anybody names files as he likes; a record is read by people and goes through messages.
  r.path = CleanText(d.path, limits::kMaxPathBytes);
  r.denied = d.denied;
  r.killed = d.killed;
  r.terminal = std::move(d.terminal);
  bool first = false;
  {
    MutexLock lock(&mu_);
    first = records_.size() == 0;
    records_.Add(std::move(r));
  }
  if (first) on_record_();
}

std::vector<ExecRecord> GateState::TakeRecords(uint32_t* dropped) {
  MutexLock lock(&mu_);
  return records_.Take(dropped);
}

void GateState::NoteLost(uint32_t count) {
  MutexLock lock(&mu_);
  records_.AddLost(count);
}

GateState::AtHand GateState::ContentsAtHand(int fd, const FileStamp& stamp) {
  AtHand out;
  out.sha256 = hashes_.Find(stamp);
  out.build_id = build_ids_.Find(stamp);
  if (!out.build_id) {
    out.build_id = BuildIdAtHand(fd);
    if (out.build_id) build_ids_.Put(stamp, *out.build_id);
  }
  return out;
}

std::optional<AppIndex> GateState::AppByContents(const View& view, int fd, const FileFacts& facts,
                                                 const std::string& path) {
  const CandidateIndex& candidates = *view.state.candidates;
  const FileStamp& stamp = facts.stamp;
  FileContents contents{stamp.size, "", ""};
  const bool roots = OnlyRootChanges(AllowFactsOf(view, facts));
  if (candidates.has_build_ids()) {
    std::optional<std::string> id = roots ? build_ids_.Find(stamp) : std::nullopt;
    if (!id) {
      id = BuildIdOfFd(fd);
      build_ids_.Put(stamp, *id);
    }
    contents.build_id = *id;
  }
  const bool likely = candidates.Look(stamp, path).known == CandidateIndex::Known::kNeedsHash ||
                      (candidates.has_unsized_hash() && view.found_sizes->contains(stamp.size)) ||
                      !candidates.MatchContents(contents, path).empty();
  if (!likely || roots) {
    contents.sha256 = hashes_.Find(stamp).value_or("");
  }
  if (contents.sha256.empty() && (likely || candidates.has_unsized_hash())) {
    const std::optional<std::string> sha256 = HashFd(fd, stamp.size);
    if (!sha256) return std::nullopt;
    // The bytes decide also where somebody keeps touching the file; they are only not kept then.
    const std::optional<FileStamp> after = StampOfFd(fd);
    if (after && *after == stamp) hashes_.Put(stamp, *sha256);
    contents.sha256 = *sha256;
  }
  const auto app_at = [&](const std::string& where) {
    return AppOfContents(*view.state.policy, candidates, contents, where, companions_, *machine_);
  };
  std::optional<AppIndex> app = app_at(path);
  if (!app && likely) {
    // A path only speaks for the file that is there for this process: in a mount namespace of one's
    // own any file can have the name of an innocent package's.
    const std::optional<FileStamp> there = StampOfPath(path);
    if (!there || !(there->key == stamp.key)) app = app_at("");
  }
  // From now on a copy is hashed before it runs, not after.
  if (app && candidates.has_unsized_hash()) NoteSize(stamp.size);
  return app;
}

AllowFacts AllowFactsOf(const GateState::View& view, const FileFacts& facts) {
  AllowFacts out;
  out.remote = view.remote_devices->contains(facts.stamp.key.dev);
  out.owner = facts.owner;
  out.mode = facts.mode;
  return out;
}

}  // namespace muster::agent
