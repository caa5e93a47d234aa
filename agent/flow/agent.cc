#include "agent/flow/agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/archivist.h"
#include "agent/flow/log.h"
#include "common/agent_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/version.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kIdleTick = absl::Minutes(1);

Outbox::NextReport ReportsFrom(ReportLog* log) {
  return [log](uint64_t after) -> std::optional<Outbox::Numbered> {
    absl::StatusOr<std::optional<ReportLog::Waiting>> next = log->Next(after);
    if (!next.ok()) {
      Log(Severity::kError, next.status().message());
      return std::nullopt;
    }
    if (!next->has_value()) return std::nullopt;
    Outbox::Numbered out;
    out.seq = (*next)->seq;
    *out.message.mutable_report() = std::move((*next)->doc);
    return out;
  };
}

PolicyParts PartsOf(const AcceptedPolicy& accepted, std::map<std::string, uint32_t> uid_of,
                    const Archivist* archivist) {
  PolicyParts out;
  out.content = accepted.content;
  out.how_to_ask = accepted.cohort->how_to_ask();
  out.cohort_not_after = FromProto(accepted.cohort->header().not_after());
  if (accepted.assignment) out.assignment = &*accepted.assignment;
  if (accepted.emergency_deny) out.emergency_deny = &*accepted.emergency_deny;
  if (archivist != nullptr) out.windows = archivist->Windows(uid_of);
  out.uid_of = std::move(uid_of);
  out.time_floor = accepted.highest_issued_at;
  return out;
}

// True when only the Beacon is another, and its date does not move the time: every 15 minutes.
bool EnforcesTheSame(const AcceptedPolicy& a, const AcceptedPolicy& b, absl::Time now) {
  return b.highest_issued_at <= now &&
         std::equal(a.in_force.begin(), a.in_force.end(), b.in_force.begin(), b.in_force.end(),
                    [](const v1::PolicyReport::InForce& x, const v1::PolicyReport::InForce& y) {
                      return x.sha256() == y.sha256();
                    });
}

}  // namespace

Agent::Agent(Parts parts)
    : parts_(std::move(parts)),
      outbox_(ReportsFrom(parts_.reports), parts_.clock),
      acceptor_(parts_.identity, parts_.store, parts_.clock,
                [this](std::shared_ptr<const AcceptedPolicy> policy) { Apply(std::move(policy)); }),
      notifier_(parts_.notices),
      inventory_(parts_.machine, parts_.store, parts_.clock) {}

absl::Status Agent::Start() {
  std::optional<v1::DisarmState> disarm = LoadDisarm(*parts_.store);
  const bool disarmed = IsDisarmed(disarm, parts_.clock->Now());
  {
    MutexLock lock(&mu_);
    disarm_ = disarm;
  }
  if (disarmed) {
    parts_.enforcer->SetArmed(false);
    Log(Severity::kWarning, "disarmed until ", TimeText(FromProto(disarm->disarm().until())), ": ",
        disarm->disarm().reason());
  }
  {
    MutexLock lock(&apply_mu_);
    absl::StatusOr<std::optional<std::string>> learned = parts_.store->Read(kLearnedFile);
    if (learned.ok() && learned->has_value() && !learned_.ParseFromString(**learned)) {
      Log(Severity::kError, "learned.pb is damaged; program files are learned again");
      learned_.Clear();
    }
    inventory_.Load();
    inventory_.Read(kAllSources);
    next_full_inventory_ = parts_.clock->Now() + limits::kFullInventoryInterval;
  }
  if (parts_.archivist != nullptr) {
    MUSTER_RETURN_IF_ERROR(
        parts_.archivist->Start([this](v1::Report body) { return QueueReport(std::move(body)); }));
  }
  MUSTER_RETURN_IF_ERROR(acceptor_.Load());
  // It stands until an epoch begins anew; that one did is not an alarm for ever.
  const v1::SeenLog& seen = acceptor_.seen_log();
  if (seen.refused_code() != kBeganAnew && !seen.refused_code().empty()) {
    RaiseAlarm(RefusedText(seen));
  }
  if (disarm && !disarm->reported()) {
    v1::Report body;
    *body.mutable_disarm() = disarm->disarm();
    // A full disk keeps no agent from starting; then it is told twice.
    if (QueueEvent(std::move(body))) {
      SaveDisarm(*parts_.store, disarm->disarm(), true).IgnoreError();
    }
  }
  {
    MutexLock lock(&mu_);
    hourly_proof_at_ = NextHourlyProof(parts_.clock->Now());
  }
  {
    MutexLock lock(&apply_mu_);
    LabelInventory();
  }
  ReportStatusIfChanged();
  ReportInventory();
  OweProof();
  return absl::OkStatus();
}

std::vector<std::string> Agent::WantedAccounts() const {
  std::vector<std::string> out;
  if (accepted_ != nullptr && accepted_->assignment) {
    for (const v1::AssignedPerson& p : accepted_->assignment->persons()) {
      out.push_back(p.account_name());
    }
  }
  return out;
}

void Agent::Apply(std::shared_ptr<const AcceptedPolicy> policy) {
  MutexLock lock(&apply_mu_);
  const std::shared_ptr<const AcceptedPolicy> before = std::exchange(accepted_, std::move(policy));
  if (before != nullptr && EnforcesTheSame(*before, *accepted_, parts_.clock->Now())) {
    MutexLock status_lock(&mu_);
    in_force_ = accepted_;
    return;
  }
  accounts_ = parts_.machine->Accounts(WantedAccounts());
  Rebuild(false);
  parts_.enforcer->KillDisallowed();
  UpdateWebClients();
  MutexLock status_lock(&mu_);
  in_force_ = accepted_;
}

// Builds and swaps. The candidates belong to one cohort document and emergency deny; an
// assignment alone changes only who may.
void Agent::Rebuild(bool candidates_too, std::optional<Candidates> found) {
  const std::vector<std::string> wanted = WantedAccounts();
  const ResolvedAccounts resolved = ResolveAccounts(wanted, accounts_);
  std::shared_ptr<const PolicyIndex> index;
  std::vector<std::string> notes;
  if (accepted_ != nullptr && accepted_->cohort) {
    index = PolicyIndex::Build(PartsOf(*accepted_, resolved.uid_of, parts_.archivist));
    const std::string fits =
        absl::StrCat(accepted_->HashOf(OwnCohort()), " ", accepted_->HashOf(kEmergencyDenyName));
    candidates_too = candidates_too || fits != candidates_for_;
    if (candidates_too) {
      if (!found) found = FindCandidates(*index, inventory_.items(), learned_, *parts_.machine);
      candidates_ = std::make_shared<const CandidateIndex>(std::move(found->parts));
      candidates_for_ = fits;
      to_learn_ = std::move(found->to_learn);
      notes = std::move(found->notes);
    }
  }
  EnforcementState state{index, candidates_};
  std::string monitor_reason;
  if (index != nullptr) {
    const v1::CohortPolicy& cohort = *accepted_->cohort;
    state.policy_version =
        absl::StrCat(cohort.header().name(), " version ", cohort.header().version());
    if (cohort.has_monitor_until()) {
      // What the document asks for ends with the document.
      state.monitor_until =
          std::min(FromProto(cohort.monitor_until()), FromProto(cohort.header().not_after()));
      monitor_reason = cohort.monitor_reason();
    }
  }
  const absl::Time monitor_until = state.monitor_until;
  parts_.enforcer->Swap(std::move(state));
  if (parts_.archivist != nullptr) parts_.archivist->SetPolicy(index);
  {
    MutexLock lock(&mu_);
    policy_ = index;
    monitor_until_ = monitor_until;
    monitor_reason_ = std::move(monitor_reason);
    if (candidates_too) notes_ = std::move(notes);
    warnings_ = resolved.problems;
    name_of_.clear();
    for (const Account& a : accounts_) name_of_.emplace(a.uid, a.name);
    local_accounts_ = LocalAccounts(accounts_, limits::kMaxLocalAccounts);
    for (const auto& [name, uid] : resolved.uid_of) {
      if (std::find(local_accounts_.begin(), local_accounts_.end(), name) ==
              local_accounts_.end() &&
          local_accounts_.size() < limits::kMaxLocalAccounts) {
        local_accounts_.push_back(name);
      }
    }
  }
  next_expiry_ = NextChange(parts_.clock->Now());
  if (candidates_too) {
    LabelInventory();
    parts_.wake();
  }
}

void Agent::OnAccountsChanged() {
  {
    MutexLock lock(&apply_mu_);
    accounts_ = parts_.machine->Accounts(WantedAccounts());
    Rebuild(false);
    UpdateWebClients();
  }
  parts_.enforcer->KillDisallowed();
  ReportStatusIfChanged();
}

// Hashes one file after the other without the lock: a large program must not hold up a policy.
void Agent::Work() {
  ReportInventory();
  LearnPrograms();
}

void Agent::LearnPrograms() {
  std::vector<ProgramFile> todo;
  std::shared_ptr<const PolicyIndex> index = policy();
  {
    MutexLock lock(&apply_mu_);
    for (const ProgramFile& file : to_learn_) {
      const auto it = hashed_.find(file.path);
      if (it == hashed_.end() || !it->second.SameContents(file.stamp)) todo.push_back(file);
    }
    to_learn_.clear();
  }
  if (index == nullptr || todo.empty()) return;
  bool changed = false;
  std::vector<std::string> notes;
  Companions companions(parts_.machine);
  for (const ProgramFile& file : todo) {
    ProveIfDue();  // a policy that came meanwhile does not wait for large files
    absl::StatusOr<HashedFile> hashed = parts_.machine->Hash(file.path);
    if (!hashed.ok()) continue;
    const Runtime runtime = companions.RuntimeOf(file.path);
    MutexLock lock(&apply_mu_);
    if (hashed_.size() >= 2 * limits::kMaxLearnedHashes) hashed_.clear();
    hashed_[file.path] = hashed->stamp;
    // The policy may have changed meanwhile, and app numbers belong to one policy.
    const std::shared_ptr<const PolicyIndex> current = policy();
    const std::optional<AppIndex> app = current->FindApp(index->rule(file.app).id);
    if (!app) continue;
    changed |= Learn(*current, {file.stamp, *app, file.path}, *hashed, runtime, parts_.clock->Now(),
                     *parts_.machine, learned_, notes);
  }
  if (!notes.empty()) {
    MutexLock lock(&mu_);
    for (std::string& note : notes) {
      if (std::find(learn_notes_.begin(), learn_notes_.end(), note) == learn_notes_.end() &&
          learn_notes_.size() < limits::kMaxLearnedHashes) {
        learn_notes_.push_back(std::move(note));
      }
    }
  }
  if (changed) {
    MutexLock lock(&apply_mu_);
    const absl::Status saved = parts_.store->Write(kLearnedFile, learned_.SerializeAsString());
    if (!saved.ok()) Log(Severity::kError, "cannot save learned.pb: ", saved.message());
    Rebuild(true);
  }
  ReportStatusIfChanged();
}

absl::Time Agent::Tick() {
  const absl::Time now = parts_.clock->Now();
  absl::Time next = now + kIdleTick;
  bool over = false;
  {
    MutexLock lock(&mu_);
    if (disarm_ && !disarm_->disarm().rearmed()) {
      const absl::Time until = FromProto(disarm_->disarm().until());
      over = now >= until;
      if (!over) next = std::min(next, until);
    }
  }
  if (over) {
    v1::DisarmReport report;
    report.set_reason("the time asked for is over");
    report.set_rearmed(true);
    *report.mutable_until() = ToProto(now);
    const absl::Status status = SetDisarmed(report);
    if (!status.ok()) Log(Severity::kError, status.message());
  }
  bool expired = false;
  {
    MutexLock lock(&apply_mu_);
    expired = now >= next_expiry_;
    if (expired) next_expiry_ = NextChange(now);
    next = std::min(next, next_expiry_);
    UpdateWebClients();
  }
  if (expired) parts_.enforcer->KillDisallowed();
  RetryEvents();
  next = std::min(next, TickInventory(now));
  ReportInventory();
  ReportStatusIfChanged();
  MutexLock lock(&mu_);
  return std::min({next, proof_at_, hourly_proof_at_});
}

absl::Time Agent::NextChange(absl::Time now) {
  const std::shared_ptr<const PolicyIndex> index = policy();
  if (index == nullptr) return absl::InfiniteFuture();
  MutexLock lock(&mu_);
  const absl::Time end = monitor_until_ > now ? monitor_until_ : absl::InfiniteFuture();
  return std::min(index->NextExpiry(now), end);
}

std::shared_ptr<const PolicyIndex> Agent::policy() const {
  MutexLock lock(&mu_);
  return policy_;
}

}  // namespace muster::agent
