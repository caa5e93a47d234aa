// The agent's inventory: what changed, what of it is reported, and when programs are hashed.
#include <algorithm>
#include <utility>

#include "agent/flow/agent.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kInventoryRetry = absl::Minutes(1);

}  // namespace

// Gives everything installed the app it is, and keeps the catalogued ones for `status`.
void Agent::LabelInventory() {
  const std::shared_ptr<const PolicyIndex> index = policy();
  inventory_.Label(index.get(), learned_);
  MutexLock lock(&mu_);
  catalogued_ = inventory_.Catalogued();
  inventory_notes_ = inventory_.notes();
}

// What the controller was told against what is installed and known now: also an app that only a
// newer catalogue recognises.
void Agent::ReportInventory() {
  v1::Report body;
  {
    MutexLock lock(&apply_mu_);
    if (parts_.clock->Now() < inventory_retry_at_) return;
    std::optional<v1::InventoryReport> report = inventory_.TakeReport();
    if (!report) return;
    *body.mutable_inventory() = *std::move(report);
    inventory_retry_at_ = absl::InfinitePast();
  }
  if (QueueReport(std::move(body))) return;
  // Told whole, but not at every wake-up: a full disk stays full for a while.
  MutexLock lock(&apply_mu_);
  inventory_.ReportInFull();
  inventory_retry_at_ = parts_.clock->Now() + kInventoryRetry;
}

// An installation touches hundreds of files of dpkg's and hardly ever a program of a catalogued
// app: what is in force is changed only when one is.
bool Agent::RebuildIfCandidatesChanged() {
  const std::shared_ptr<const PolicyIndex> index = policy();
  if (index == nullptr || candidates_ == nullptr) {
    Rebuild(true);
    return true;
  }
  Candidates found = FindCandidates(*index, inventory_.items(), learned_, *parts_.machine);
  {
    MutexLock lock(&mu_);
    if (found.parts == candidates_->parts() && found.notes == notes_) {
      to_learn_ = std::move(found.to_learn);
      return false;
    }
  }
  Rebuild(true, std::move(found));
  return true;
}

void Agent::OnInventoryChanged(unsigned sources) {
  {
    MutexLock lock(&apply_mu_);
    inventory_.Read(sources);
    LabelInventory();
  }
  // The report does not wait for the search for program files, nor a block for the report.
  ReportInventory();
  bool rebuilt = false, to_hash = false;
  {
    MutexLock lock(&apply_mu_);
    rebuilt = RebuildIfCandidatesChanged();
    to_hash = !to_learn_.empty() || inventory_.NextToHash().has_value();
  }
  if (rebuilt) parts_.enforcer->KillDisallowed();
  if (to_hash) parts_.wake();
  ReportStatusIfChanged();
}

absl::Time Agent::TickInventory(absl::Time now) {
  bool due = false;
  absl::Time next;
  {
    MutexLock lock(&apply_mu_);
    due = now >= next_full_inventory_;
    if (due) {
      next_full_inventory_ = now + limits::kFullInventoryInterval;
      inventory_.ReportInFull();
    }
    next = next_full_inventory_;
  }
  if (due) OnInventoryChanged(kAllSources);
  next = std::min(next, HashNext(now));
  MutexLock lock(&apply_mu_);
  inventory_.SaveIfDue();
  return next;
}

// One program at a time, and then a pause that keeps the agent's share of the machine small.
absl::Time Agent::HashNext(absl::Time now) {
  std::optional<std::pair<std::string, FileStamp>> todo;
  {
    MutexLock lock(&apply_mu_);
    if (now < next_hash_) return next_hash_;
    todo = inventory_.NextToHash();
    if (!todo) return absl::InfiniteFuture();
  }
  const absl::StatusOr<HashedFile> hashed = parts_.machine->HashExactly(todo->first, todo->second);
  {
    MutexLock lock(&apply_mu_);
    inventory_.SetHash(todo->first, todo->second, hashed);
    LabelInventory();
    const absl::Time after = parts_.clock->Now();
    next_hash_ = after + limits::kScanShare * (after - now);
  }
  ReportInventory();
  MutexLock lock(&apply_mu_);
  return next_hash_;
}

}  // namespace muster::agent
