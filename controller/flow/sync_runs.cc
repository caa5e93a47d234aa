#include "controller/flow/sync_runs.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

constexpr char kRunKind[] = "RUN";

absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> RunNamedBy(const Snapshot& snapshot,
                                                                 const char* key) {
  MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(key));
  if (!id) return std::nullopt;
  return Find<v1::SyncRun>(snapshot, RunKey(id->bytes));
}

void AuditRun(const Services& services, const Actor& actor, const v1::SyncRun& run,
              absl::string_view verb, Mutation& mutation) {
  const v1::SyncRun brief = Brief(run);  // Each change has its own entry.
  Audited what = {.verb = std::string(verb),
                  .object = absl::StrCat("run/", run.run_id()),
                  .after = &brief,
                  .reason = run.detail()};
  if (run.state() == v1::SyncRun::HELD && run.released_by().empty()) {
    what.reason_code = v1::DirectoryAlarm::Code_Name(v1::DirectoryAlarm::REMOVALS_HELD);
  }
  mutation.audit.push_back(MakeAuditEntry(services, actor, what));
}

// The ids are dense, so each new run makes one too many. One that is still HELD stays.
absl::Status Prune(const Snapshot& snapshot, const std::string& new_id, Mutation& mutation) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(new_id.substr(sizeof(kRunKind)), &number)) return absl::OkStatus();
  if (number <= limits::kMaxStoredRuns) return absl::OkStatus();
  const std::string old = absl::StrFormat("%s-%06d", kRunKind, number - limits::kMaxStoredRuns);
  for (const char* key : {kHeldRunKey, kReleasedRunKey}) {
    MUSTER_ASSIGN_OR_RETURN(const auto id, snapshot.Get(key));
    if (id && id->bytes == old) return absl::OkStatus();
  }
  mutation.deletes.push_back(RunKey(old));
  return absl::OkStatus();
}

absl::StatusOr<Versioned<v1::SyncRun>> LoadHeld(const Snapshot& snapshot, const std::string& run_id,
                                                absl::string_view to_be) {
  MUSTER_ASSIGN_OR_RETURN(Versioned<v1::SyncRun> run, LoadRun(snapshot, run_id));
  if (run.value.state() == v1::SyncRun::HELD) return run;
  return absl::FailedPreconditionError(
      absl::StrCat(run_id, " is ", v1::SyncRun::State_Name(run.value.state()),
                   "; only a HELD run can be ", to_be, ", see `musterctl directory runs`"));
}

absl::Status Supersede(const Services& services, const Actor& actor, Versioned<v1::SyncRun> held,
                       Mutation& mutation) {
  held.value.set_state(v1::SyncRun::SUPERSEDED);
  mutation.expects.push_back({RunKey(held.value.run_id()), held.revision});
  Put(mutation, RunKey(held.value.run_id()), held.value);
  AuditRun(services, actor, held.value, "directory.run-superseded", mutation);
  return absl::OkStatus();
}

absl::Status TryStoreFailed(const Services& services, const Actor& actor, v1::SyncRun run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(const auto failing, Find<v1::SyncRun>(*snapshot, kFailingRunKey));
  if (failing && failing->value.detail() == run.detail() &&
      now - FromProto(failing->value.ended_at()) < limits::kFailedRunInterval) {
    return absl::OkStatus();
  }
  Mutation mutation;
  MUSTER_RETURN_IF_ERROR(NameRun(*snapshot, run, mutation));
  Put(mutation, RunKey(run.run_id()), run);
  AuditRun(services, actor, run, "directory.sync-failed", mutation);
  mutation.audit.back().set_reason_code(
      v1::DirectoryAlarm::Code_Name(v1::DirectoryAlarm::DIRECTORY_UNREADABLE));
  if (failing) *run.mutable_started_at() = failing->value.started_at();  // since then
  Put(mutation, kFailingRunKey, Brief(run));
  return services.store.Commit(std::move(mutation)).status();
}

absl::StatusOr<v1::SyncRun> TryRelease(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(auto run, LoadHeld(*snapshot, run_id, "released"));
  const std::string me =
      actor.who.person_id.empty() ? absl::AsciiStrToLower(actor.who.upn) : actor.who.person_id;
  for (const std::string& other : run.value.released_by()) {
    if (other == me || SamePerson(actor.who, other, other)) {
      return absl::AlreadyExistsError(absl::StrCat(actor.who.upn, " has released ", run_id,
                                                   " already; another person must do so too"));
    }
  }
  run.value.add_released_by(me);
  Mutation mutation;
  if (run.value.released_by_size() >= 2) {
    run.value.set_state(v1::SyncRun::RELEASED);
    mutation.deletes.push_back(kHeldRunKey);
    mutation.puts.push_back({kReleasedRunKey, run_id});
  }
  mutation.expects.push_back({RunKey(run_id), run.revision});
  Put(mutation, RunKey(run_id), run.value);
  AuditRun(services, actor, run.value, "directory.release", mutation);
  if (dry_run) return run.value;
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return run.value;
}

absl::StatusOr<v1::SyncRun> TryDiscard(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(auto run, LoadHeld(*snapshot, run_id, "discarded"));
  run.value.set_state(v1::SyncRun::DISCARDED);
  if (dry_run) return run.value;
  Mutation mutation;
  mutation.expects.push_back({RunKey(run_id), run.revision});
  mutation.deletes.push_back(kHeldRunKey);
  Put(mutation, RunKey(run_id), run.value);
  AuditRun(services, actor, run.value, "directory.discard", mutation);
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
  return run.value;
}

}  // namespace

absl::StatusOr<Versioned<v1::SyncRun>> LoadRun(const Snapshot& snapshot,
                                               const std::string& run_id) {
  return Load<v1::SyncRun>(snapshot, RunKey(run_id),
                           absl::StrCat("no run '", run_id, "'; see `musterctl directory runs`"));
}

absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> HeldRun(const Snapshot& snapshot) {
  return RunNamedBy(snapshot, kHeldRunKey);
}

absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> ReleasedRun(const Snapshot& snapshot) {
  return RunNamedBy(snapshot, kReleasedRunKey);
}

PersonsByApp ReleasedRemovals(const v1::SyncRun& run) {
  PersonsByApp out;
  for (const auto* changes : {&run.removed(), &run.missing()}) {
    for (const v1::SyncRun::Change& change : *changes) {
      out[change.app_id()].insert(change.person_id());
    }
  }
  return out;
}

v1::SyncRun Brief(const v1::SyncRun& run) {
  v1::SyncRun out;
  out.set_run_id(run.run_id());
  out.set_state(run.state());
  *out.mutable_started_at() = run.started_at();
  *out.mutable_ended_at() = run.ended_at();
  out.set_source(run.source());
  out.set_persons_read(run.persons_read());
  out.set_members_read(run.members_read());
  out.set_detail(run.detail());
  *out.mutable_released_by() = run.released_by();
  out.set_added_count(run.added_count());
  out.set_removed_count(run.removed_count());
  out.set_missing_count(run.missing_count());
  out.set_removals_sha256(run.removals_sha256());
  out.set_applied_by(run.applied_by());
  return out;
}

absl::Status NameRun(const Snapshot& snapshot, v1::SyncRun& run, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, kRunKind, mutation));
  run.set_run_id(id);
  return Prune(snapshot, id, mutation);
}

absl::StatusOr<bool> WriteRun(const Services& services, const Actor& actor,
                              const Snapshot& snapshot, v1::SyncRun& run, bool changes,
                              Mutation& mutation) {
  const bool holds = run.state() == v1::SyncRun::HELD;
  MUSTER_ASSIGN_OR_RETURN(const auto held, HeldRun(snapshot));
  MUSTER_ASSIGN_OR_RETURN(auto released, ReleasedRun(snapshot));
  const bool same = held && holds && held->value.removals_sha256() == run.removals_sha256();
  if (same && !released && !changes) {
    run.set_run_id(held->value.run_id());
    *run.mutable_released_by() = held->value.released_by();
    return false;
  }
  if (!same && !held && !holds && !changes && !released) return false;
  if (run.run_id().empty()) MUSTER_RETURN_IF_ERROR(NameRun(snapshot, run, mutation));
  if (same) {
    // What was added meanwhile makes a run of its own; the held one goes on being held.
    v1::SyncRun applied = run;
    applied.set_state(v1::SyncRun::APPLIED);
    applied.set_detail(absl::StrCat("removals still held by ", held->value.run_id()));
    applied.clear_removed();
    applied.clear_missing();
    applied.clear_removals_sha256();
    applied.set_removed_count(0);
    applied.set_missing_count(0);
    Put(mutation, RunKey(applied.run_id()), applied);
    AuditRun(services, actor, applied, "directory.sync", mutation);
    run.set_run_id(held->value.run_id());
    *run.mutable_released_by() = held->value.released_by();
    return true;
  }
  if (held) {
    MUSTER_RETURN_IF_ERROR(Supersede(services, actor, *held, mutation));
    if (!holds) mutation.deletes.push_back(kHeldRunKey);
  }
  if (holds) mutation.puts.push_back({kHeldRunKey, run.run_id()});
  if (released) {
    released->value.set_applied_by(run.run_id());
    mutation.expects.push_back({RunKey(released->value.run_id()), released->revision});
    Put(mutation, RunKey(released->value.run_id()), released->value);
    mutation.deletes.push_back(kReleasedRunKey);
  }
  Put(mutation, RunKey(run.run_id()), run);
  AuditRun(services, actor, run, holds ? "directory.sync-held" : "directory.sync", mutation);
  return true;
}

absl::Status StoreFailedRun(const Services& services, const Actor& actor, v1::SyncRun run,
                            const absl::Status& error) {
  run.set_state(v1::SyncRun::DISCARDED);
  run.set_detail(absl::StrCat("PARTIAL: ", error.message()));
  *run.mutable_ended_at() = ToProto(services.clock.Now());
  return RetryAborted([&] { return TryStoreFailed(services, actor, run); });
}

absl::StatusOr<v1::SyncRun> ReleaseRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  return RetryAborted([&] { return TryRelease(services, actor, run_id, dry_run); });
}

absl::StatusOr<v1::SyncRun> DiscardRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  return RetryAborted([&] { return TryDiscard(services, actor, run_id, dry_run); });
}

}  // namespace muster
