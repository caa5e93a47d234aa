#include "controller/flow/sync.h"

#include <utility>

#include "common/time_proto.h"
#include "controller/flow/lookup.h"
#include "controller/flow/sync_runs.h"
#include "controller/flow/sync_writes.h"

namespace muster {
namespace {

constexpr int kAttempts = 8;  // as RetryAborted()

absl::Status ContradictedError(const SyncPlan::Doubt& doubt, const absl::Status& error) {
  return absl::DataLossError(absl::StrCat(
      "this read contradicts the directory: it lacks ",
      doubt.upn.empty() ? doubt.member.person_id : doubt.upn,
      doubt.app_id.empty() ? std::string() : absl::StrCat(" as a member for ", doubt.app_id),
      ", but asked again the directory says otherwise (", error.message(),
      "); nothing was changed, and the next read starts anew"));
}

absl::Status UnconfirmedError(const SyncPlan::Doubt& doubt, const absl::Status& error) {
  return absl::Status(
      error.code(),
      absl::StrCat("cannot confirm that ", doubt.upn.empty() ? doubt.member.person_id : doubt.upn,
                   " is gone: ", error.message()));
}

std::map<std::string, std::string> GroupsToRead(const Settings& settings) {
  std::map<std::string, std::string> out = settings.groups;
  for (const auto& [role, group] : settings.role_groups) {
    out[absl::StrCat(kRoleGroupPrefix, role)] = group;
  }
  return out;
}

}  // namespace

absl::StatusOr<v1::SyncRun> DirectorySync::Run(const Actor& actor, ReadDepth depth, bool dry_run) {
  v1::SyncRun run;
  run.set_state(v1::SyncRun::READING);
  *run.mutable_started_at() = ToProto(services_.clock.Now());
  run.set_source(directory_.source());
  absl::StatusOr<DirectorySnapshotPtr> read =
      directory_.Read(GroupsToRead(services_.settings), depth);
  absl::Status error = read.status();
  if (read.ok()) {
    absl::StatusOr<bool> nothing_new = false;
    if (depth == ReadDepth::kChanges && !dry_run) nothing_new = NothingNew(*read);
    if (nothing_new.ok() && *nothing_new) {
      v1::SyncRun same = memo_.run;
      *same.mutable_started_at() = run.started_at();
      MUSTER_RETURN_IF_ERROR(Record(same));
      return same;
    }
    auto applied = Apply(actor, *std::move(read), run, dry_run);
    if (applied.ok()) return applied;
    error = applied.status();
  }
  if (dry_run) return error;
  memo_ = Memo();
  MUSTER_RETURN_IF_ERROR(StoreFailedRun(services_, actor, run, error));
  return error;
}

absl::StatusOr<v1::SyncRun> DirectorySync::Apply(const Actor& actor, DirectorySnapshotPtr read,
                                                 v1::SyncRun run, bool dry_run) {
  std::set<std::string> confirmed;
  for (int attempt = 1;; ++attempt) {
    auto applied = TryApply(actor, read, run, dry_run, confirmed);
    if (applied.ok() || !absl::IsAborted(applied.status()) || attempt == kAttempts) return applied;
  }
}

absl::StatusOr<v1::SyncRun> DirectorySync::TryApply(const Actor& actor,
                                                    const DirectorySnapshotPtr& read,
                                                    v1::SyncRun run, bool dry_run,
                                                    std::set<std::string>& confirmed) {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto released, ReleasedRun(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const SyncPlan plan,
                          PlanSync(services_, *snapshot, *read,
                                   released ? ReleasedRemovals(released->value) : PersonsByApp()));
  MUSTER_RETURN_IF_ERROR(DescribePlan(plan, *snapshot, *read, run));
  *run.mutable_ended_at() = ToProto(services_.clock.Now());
  if (dry_run) return run;
  MUSTER_RETURN_IF_ERROR(Confirm(plan, confirmed));
  const bool held = plan.decision.hold;
  const absl::Time next_expiry = plan.members.next_expiry;
  MUSTER_ASSIGN_OR_RETURN(WrittenSync written,
                          WriteSync(services_, actor, *snapshot, *read, plan, std::move(run)));
  if (written.stored) {
    recorded_at_ = services_.clock.Now();
  } else {
    MUSTER_RETURN_IF_ERROR(Record(written.run));
  }
  memo_ = held ? Memo() : Memo{read, written.membership_revision, next_expiry, Brief(written.run)};
  return std::move(written.run);
}

absl::Status DirectorySync::Confirm(const SyncPlan& plan, std::set<std::string>& confirmed) {
  for (const SyncPlan::Doubt& doubt : plan.doubts) {
    const std::string key = absl::StrCat(doubt.app_id, "/", doubt.member.person_id);
    if (confirmed.contains(key)) continue;
    const absl::Status gone = directory_.ConfirmGone(doubt.member);
    if (absl::IsAborted(gone)) return ContradictedError(doubt, gone);
    if (!gone.ok()) return UnconfirmedError(doubt, gone);
    confirmed.insert(key);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> DirectorySync::NothingNew(const DirectorySnapshotPtr& read) {
  if (memo_.read.lock() != read) return false;
  if (services_.clock.Now() >= memo_.next_expiry) return false;
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto mark, snapshot->Get(kMembershipKey));
  return (mark ? mark->revision : 0) == memo_.membership_revision;
}

absl::Status DirectorySync::Record(v1::SyncRun& run) {
  const absl::Time now = services_.clock.Now();
  *run.mutable_ended_at() = ToProto(now);
  if (now - recorded_at_ < limits::kReadRecordInterval) return absl::OkStatus();
  Mutation mutation;
  Put(mutation, kLastAppliedRunKey, Brief(run));
  MUSTER_RETURN_IF_ERROR(services_.store.Commit(std::move(mutation)).status());
  recorded_at_ = now;
  return absl::OkStatus();
}

}  // namespace muster
