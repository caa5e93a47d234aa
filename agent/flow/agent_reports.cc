// What the agent puts into the spool: decisions, events, and the proof that a block is a block.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/agent.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/crypto.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kRetry = absl::Minutes(1);

uint32_t Saturated(uint64_t n) {
  return static_cast<uint32_t>(std::min<uint64_t>(n, std::numeric_limits<uint32_t>::max()));
}

// Equal for equal results, whenever they were seen.
std::string ResultsOf(const std::vector<v1::Canary>& canaries) {
  std::string out;
  for (const v1::Canary& c : canaries) {
    absl::StrAppend(&out, c.filesystem(), "\n", c.result(), "\n", c.detail(), "\n");
  }
  return out;
}

// As people read it; empty: no document of that name is in force.
std::string VersionOf(const AcceptedPolicy* accepted, const std::string& name) {
  if (accepted == nullptr) return "";
  for (const v1::PolicyReport::InForce& f : accepted->in_force) {
    if (f.name() == name) return absl::StrCat(name, " version ", f.version());
  }
  return "";
}

}  // namespace

bool Agent::QueueReport(v1::Report body) {
  absl::StatusOr<uint64_t> seq = parts_.reports->Append(std::move(body));
  if (!seq.ok()) {
    Log(Severity::kError, "a report could not be saved: ", seq.status().message());
    // What no retry can mend must not hold up the others; the chain tells that it is missing.
    return absl::IsInvalidArgument(seq.status());
  }
  outbox_.Wake();
  return true;
}

bool Agent::QueueEvent(v1::Report body) {
  RetryEvents();
  bool first = false;
  {
    MutexLock lock(&mu_);
    first = unsaved_.empty();
  }
  // In the order in which they happened.
  if (first && QueueReport(body)) return true;
  MutexLock lock(&mu_);
  if (unsaved_.size() >= limits::kMaxUnsavedReports) {
    unsaved_.erase(unsaved_.begin());
    parts_.reports->CountLost();
  }
  unsaved_.push_back(std::move(body));
  return false;
}

void Agent::RetryEvents() {
  std::vector<v1::Report> waiting;
  std::optional<v1::DisarmState> disarm;
  {
    MutexLock lock(&mu_);
    if (unsaved_.empty()) return;
    waiting = std::exchange(unsaved_, {});
    disarm = disarm_;
  }
  auto next = waiting.begin();
  while (next != waiting.end() && QueueReport(*next)) ++next;
  if (next == waiting.end()) {
    if (!disarm) return;
    const absl::Status saved = SaveDisarm(*parts_.store, disarm->disarm(), true);
    if (!saved.ok()) Log(Severity::kError, "disarm.pb could not be saved: ", saved.message());
    return;
  }
  MutexLock lock(&mu_);
  unsaved_.insert(unsaved_.begin(), std::make_move_iterator(next),
                  std::make_move_iterator(waiting.end()));
  for (; unsaved_.size() > limits::kMaxUnsavedReports; unsaved_.erase(unsaved_.begin())) {
    parts_.reports->CountLost();
  }
}

void Agent::FlushExecs() {
  uint32_t dropped = 0;
  std::vector<ExecRecord> others = parts_.enforcer->TakeRecords(&dropped);
  uint64_t lost = dropped;
  std::map<uint32_t, std::string> names;
  std::shared_ptr<const PolicyIndex> index;
  NoticeVersions versions;
  {
    MutexLock lock(&mu_);
    names = name_of_;
    lost += std::exchange(lost_decisions_, 0);
    index = policy_;
    versions.cohort = VersionOf(in_force_.get(), OwnCohort());
    versions.emergency_deny = VersionOf(in_force_.get(), kEmergencyDenyName);
  }
  notifier_.Notify(others, index.get(), versions, parts_.clock->Now());
  const auto first_allow = std::stable_partition(others.begin(), others.end(),
                                                 [](const ExecRecord& r) { return !IsAllow(r); });
  const std::vector<ExecRecord> allows(std::make_move_iterator(first_allow),
                                       std::make_move_iterator(others.end()));
  others.erase(first_allow, others.end());
  // Apart, so that a full spool can give up the ones and keep the others; the loss is told in
  // those that are kept longer.
  if (!others.empty() || lost > 0) QueueExecs(AggregateExecs(others, Saturated(lost), names));
  if (!allows.empty()) QueueExecs(AggregateExecs(allows, 0, names));
}

void Agent::QueueExecs(v1::ExecReport execs) {
  uint64_t decisions = execs.dropped();
  for (const v1::ExecReport::Item& item : execs.items()) decisions += item.count();
  v1::Report body;
  *body.mutable_exec() = std::move(execs);
  if (QueueReport(std::move(body))) return;
  MutexLock lock(&mu_);
  lost_decisions_ += decisions;
}

void Agent::OweProof() {
  {
    MutexLock lock(&mu_);
    proof_owed_ = true;
    proof_at_ = std::min(proof_at_, parts_.clock->Now());
  }
  parts_.wake();
}

void Agent::OnMountsChanged() {
  const std::vector<std::string> marked = parts_.enforcer->status().marked;
  {
    MutexLock lock(&mu_);
    const std::vector<std::string> proven = proven_marks_;
    const bool more = std::any_of(marked.begin(), marked.end(), [&](const std::string& path) {
      return std::find(proven.begin(), proven.end(), path) == proven.end();
    });
    const absl::Time now = parts_.clock->Now();
    if (more) {
      proof_at_ = std::min(proof_at_, std::max(now, last_proof_at_ + limits::kMinProofGap));
    }
  }
  ReportStatusIfChanged();
}

absl::Time Agent::NextHourlyProof(absl::Time now) const {
  uint64_t hash = 0;
  for (const char c : Sha256(parts_.identity.device_id).substr(0, 4)) {
    hash = hash << 8 | static_cast<unsigned char>(c);
  }
  const absl::Duration offset = limits::kCanaryInterval * (static_cast<double>(hash) / 4294967296.);
  const absl::Duration since = now - absl::UnixEpoch() - offset;
  return absl::UnixEpoch() + offset + absl::Floor(since, limits::kCanaryInterval) +
         limits::kCanaryInterval;
}

void Agent::ProveIfDue() {
  const absl::Time now = parts_.clock->Now();
  bool owed = false;
  std::shared_ptr<const AcceptedPolicy> in_force;
  {
    MutexLock lock(&mu_);
    // A clock that was turned back must not put the next proof off.
    hourly_proof_at_ = std::min(hourly_proof_at_, now + limits::kCanaryInterval);
    const bool hourly = now >= hourly_proof_at_;
    if ((!hourly && now < proof_at_) || in_force_ == nullptr) return;
    if (hourly) hourly_proof_at_ = NextHourlyProof(now);
    owed = std::exchange(proof_owed_, false) || (hourly && connected_);
    proof_at_ = absl::InfiniteFuture();
    last_proof_at_ = now;
    // A policy that comes while the probes run is not what they prove; it owes its own.
    in_force = in_force_;
  }
  const EnforcerStatus enforcer = parts_.enforcer->status();
  bool enforces = false;
  {
    MutexLock lock(&mu_);
    proven_marks_ = enforcer.marked;
    enforces = ModeNow(enforcer) == v1::StatusReport::ENFORCING;
  }
  std::vector<v1::Canary> canaries;
  if (enforces) canaries = parts_.enforcer->Prove();
  if (canaries.size() > limits::kMaxCanaries) canaries.resize(limits::kMaxCanaries);
  ReportProof(*in_force, std::move(canaries), owed);
}

void Agent::ReportProof(const AcceptedPolicy& in_force, std::vector<v1::Canary> canaries,
                        bool owed) {
  for (const v1::Canary& c : canaries) {
    if (c.result() == v1::Canary::RAN) {
      Log(Severity::kError, "NOT ENFORCED: the probe ran on ", c.filesystem(), " ", c.detail());
    }
  }
  v1::Report body;
  for (const v1::PolicyReport::InForce& f : in_force.in_force) {
    *body.mutable_policy()->add_documents() = f;
  }
  body.mutable_policy()->mutable_canaries()->Assign(canaries.begin(), canaries.end());
  std::string results = ResultsOf(canaries);
  const bool ran = std::any_of(canaries.begin(), canaries.end(),
                               [](const v1::Canary& c) { return c.result() == v1::Canary::RAN; });
  {
    MutexLock lock(&mu_);
    // An hour would be long to stand as not enforced for a machine that had no time for a moment.
    if (ran) proof_at_ = std::min(proof_at_, parts_.clock->Now() + kRetry);
    canaries_ = std::move(canaries);
    if (!owed && results == proven_) return;
  }
  const bool queued = QueueReport(std::move(body));
  MutexLock lock(&mu_);
  if (queued) {
    proven_ = std::move(results);
    return;
  }
  proof_owed_ = true;
  proof_at_ = std::min(proof_at_, parts_.clock->Now() + kRetry);
}

}  // namespace muster::agent
