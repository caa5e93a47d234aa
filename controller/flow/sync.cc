#include "controller/flow/sync.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/time_proto.h"
#include "controller/flow/audit.h"
#include "controller/flow/lookup.h"
#include "controller/flow/membership_writes.h"

namespace muster {
namespace {

constexpr char kMembershipKey[] = "membership_set";  // guards the memberships as one thing

using PersonSet = std::map<std::string, Versioned<v1::Person>>;

absl::StatusOr<KnownMembership> LoadKnown(const Snapshot& snapshot) {
  KnownMembership known;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Membership>(
      snapshot, "member/", [&](const std::string&, const Versioned<v1::Membership>& m) {
        known.members[m.value.app_id()].insert(m.value.person_id());
        return absl::OkStatus();
      }));
  MUSTER_ASSIGN_OR_RETURN(const auto removals, KeyTails(snapshot, "removal/"));
  for (const std::string& tail : removals) {
    const size_t slash = tail.find('/');
    if (slash == std::string::npos) continue;
    known.expected_removals[tail.substr(0, slash)].insert(tail.substr(slash + 1));
  }
  return known;
}

absl::StatusOr<PersonSet> LoadPersons(const Snapshot& snapshot) {
  PersonSet out;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Person>(
      snapshot, "person/", [&](const std::string&, Versioned<v1::Person>& person) {
        const std::string id = person.value.person_id();
        out.emplace(id, std::move(person));
        return absl::OkStatus();
      }));
  return out;
}

// Index entries of persons whose name changed. Old names are dropped first, so that a name that
// moved from one person to another ends with its new owner.
void WriteNameIndex(const PersonSet& before, const std::vector<const v1::Person*>& changed,
                    Mutation& mutation) {
  std::map<std::string, std::string> puts;
  std::set<std::string> deletes;
  for (const v1::Person* person : changed) {
    if (const auto old = before.find(person->person_id()); old != before.end()) {
      deletes.insert(UpnKey(old->second.value.upn()));
      deletes.insert(AccountKey(old->second.value.account_name()));
    }
    if (person->deleted()) continue;
    if (!person->upn().empty()) puts[UpnKey(person->upn())] = person->person_id();
    if (!person->account_name().empty()) {
      puts[AccountKey(person->account_name())] = person->person_id();
    }
  }
  for (const auto& [key, id] : puts) {
    mutation.puts.push_back({key, id});
    deletes.erase(key);
  }
  mutation.deletes.insert(mutation.deletes.end(), deletes.begin(), deletes.end());
}

// Persons as read, but for those whose removal is held: they stay as they were.
std::vector<v1::Person> ChangedPersons(const PersonSet& before, const DirectorySnapshot& read,
                                       const std::set<std::string>& held) {
  std::vector<v1::Person> changed;
  for (const auto& [id, person] : read.persons) {
    if (held.contains(id)) continue;
    const auto old = before.find(id);
    if (old == before.end() ||
        old->second.value.SerializeAsString() != person.SerializeAsString()) {
      changed.push_back(person);
    }
  }
  for (const auto& [id, old] : before) {
    if (read.persons.contains(id) || held.contains(id) || old.value.deleted()) continue;
    v1::Person gone = old.value;
    gone.set_deleted(true);
    gone.set_enabled(false);
    changed.push_back(std::move(gone));
  }
  return changed;
}

std::string UpnOf(const PersonSet& before, const DirectorySnapshot& read,
                  const std::string& person_id) {
  if (const auto it = read.persons.find(person_id); it != read.persons.end()) {
    return it->second.upn();
  }
  const auto it = before.find(person_id);
  return it == before.end() ? "" : it->second.value.upn();
}

void ListChanges(const std::vector<SyncDecision::Change>& changes, const PersonSet& before,
                 const DirectorySnapshot& read, size_t most,
                 google::protobuf::RepeatedPtrField<v1::SyncRun::Change>* out) {
  for (const SyncDecision::Change& change : changes) {
    if (static_cast<size_t>(out->size()) >= most) break;
    v1::SyncRun::Change* c = out->Add();
    c->set_app_id(change.app_id);
    c->set_person_id(change.person_id);
    c->set_upn(UpnOf(before, read, change.person_id));
    c->set_why(change.why);
  }
}

// The run that is HELD now, if any: at most one.
absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> HeldRun(const Snapshot& snapshot) {
  std::optional<Versioned<v1::SyncRun>> held;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::SyncRun>(
      snapshot, "run/", [&](const std::string&, const Versioned<v1::SyncRun>& run) {
        if (run.value.state() == v1::SyncRun::HELD) held = run;
        return absl::OkStatus();
      }));
  return held;
}

bool SameRemovals(const v1::SyncRun& a, const v1::SyncRun& b) {
  return std::equal(a.removed().begin(), a.removed().end(), b.removed().begin(), b.removed().end(),
                    [](const auto& x, const auto& y) {
                      return x.app_id() == y.app_id() && x.person_id() == y.person_id();
                    });
}

void AuditRun(const Services& services, const Actor& actor, const v1::SyncRun& run,
              absl::string_view verb, Mutation& mutation) {
  v1::SyncRun brief = run;  // Each change has its own entry; the run tells only how many.
  brief.clear_added();
  if (run.state() != v1::SyncRun::HELD) brief.clear_removed();
  mutation.audit.push_back(MakeAuditEntry(services, actor,
                                          {.verb = std::string(verb),
                                           .object = absl::StrCat("run/", run.run_id()),
                                           .after = &brief,
                                           .reason = run.detail()}));
}

absl::Status StoreFailedRun(const Services& services, const Actor& actor, v1::SyncRun run,
                            const absl::Status& error) {
  return RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    Mutation mutation;
    MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(*snapshot, "RUN", mutation));
    run.set_run_id(id);
    run.set_state(v1::SyncRun::DISCARDED);
    run.set_detail(absl::StrCat("PARTIAL: ", error.message()));
    *run.mutable_ended_at() = ToProto(services.clock.Now());
    Put(mutation, RunKey(id), run);
    AuditRun(services, actor, run, "directory.sync-failed", mutation);
    return services.store.Commit(std::move(mutation)).status();
  });
}

// Everything one complete read changes, as one mutation.
class SyncWriter {
 public:
  SyncWriter(const Services& services, const Actor& actor, const Snapshot& snapshot,
             const DirectorySnapshot& read)
      : services_(services), actor_(actor), snapshot_(snapshot), read_(read) {}

  absl::StatusOr<v1::SyncRun> Plan(v1::SyncRun run) {
    MUSTER_ASSIGN_OR_RETURN(before_, LoadPersons(snapshot_));
    MUSTER_ASSIGN_OR_RETURN(const KnownMembership known, LoadKnown(snapshot_));
    MUSTER_ASSIGN_OR_RETURN(effective_, ComputeEffectiveMembers(read_, services_.clock.Now()));
    const SyncDecision decision = DecideSync(known, effective_, read_);
    run.set_persons_read(static_cast<uint32_t>(read_.persons.size()));
    for (const auto& [app, members] : effective_) {
      run.set_members_read(run.members_read() + static_cast<uint32_t>(members.size()));
    }
    ListChanges(decision.added, before_, read_, limits::kMaxListedAdds, run.mutable_added());
    ListChanges(decision.removed, before_, read_, limits::kMaxListedRemovals,
                run.mutable_removed());
    run.set_state(decision.hold_removals ? v1::SyncRun::HELD : v1::SyncRun::APPLIED);
    run.set_detail(decision.held_because);
    MUSTER_RETURN_IF_ERROR(Write(decision));
    return run;
  }

  // True when the read changes anything but the time of the last sync.
  bool changes() const { return !mutation_.audit.empty() || !touched_.empty(); }
  Mutation& mutation() { return mutation_; }
  const std::set<std::string>& touched() const { return touched_; }

 private:
  absl::Status Write(const SyncDecision& decision) {
    const auto mark = snapshot_.Get(kMembershipKey);
    MUSTER_RETURN_IF_ERROR(mark.status());
    mutation_.expects.push_back({kMembershipKey, *mark ? (*mark)->revision : 0});
    PutMark(mutation_, kMembershipKey);
    std::set<std::string> held;
    if (decision.hold_removals) {
      for (const auto& change : decision.removed) held.insert(change.person_id);
    }
    const std::vector<v1::Person> changed = ChangedPersons(before_, read_, held);
    std::vector<const v1::Person*> pointers;
    for (const v1::Person& person : changed) {
      Put(mutation_, PersonKey(person.person_id()), person);
      pointers.push_back(&person);
      touched_.insert(person.person_id());
    }
    WriteNameIndex(before_, pointers, mutation_);
    MUSTER_RETURN_IF_ERROR(WriteMembers());
    if (decision.hold_removals) return absl::OkStatus();
    for (const auto& change : decision.removed) {
      MUSTER_RETURN_IF_ERROR(WriteGoneMember(services_, actor_, snapshot_, change.app_id,
                                             change.person_id, change.why, mutation_));
      touched_.insert(change.person_id);
    }
    return WriteFinishedRemovals();
  }

  // A removal that Muster journalled and that the read confirms although the membership was
  // already taken out of the store.
  absl::Status WriteFinishedRemovals() {
    MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot_, "removal/"));
    for (const std::string& tail : tails) {
      const size_t slash = tail.find('/');
      const std::string app = tail.substr(0, slash), person = tail.substr(slash + 1);
      const auto members = effective_.find(app);
      if (members != effective_.end() && members->second.contains(person)) continue;
      MUSTER_ASSIGN_OR_RETURN(const bool known, IsMember(snapshot_, app, person));
      if (known) continue;  // Handled as a removal.
      MUSTER_RETURN_IF_ERROR(WriteGoneMember(services_, actor_, snapshot_, app, person,
                                             "removed by Muster", mutation_));
    }
    return absl::OkStatus();
  }

  absl::Status WriteMembers() {
    for (const auto& [app, members] : effective_) {
      for (const auto& [person_id, via] : members) {
        const v1::Person& person = read_.persons.at(person_id);
        const size_t before = mutation_.audit.size();
        MUSTER_RETURN_IF_ERROR(WriteSeenMember(
            services_, actor_, snapshot_,
            {.person = person, .app_id = app, .via = via, .written_by_muster = false}, mutation_));
        if (mutation_.audit.size() != before) touched_.insert(person_id);
      }
    }
    return absl::OkStatus();
  }

  const Services& services_;
  const Actor& actor_;
  const Snapshot& snapshot_;
  const DirectorySnapshot& read_;
  PersonSet before_;
  EffectiveMembers effective_;
  Mutation mutation_;
  std::set<std::string> touched_;
};

// Stores the run: a HELD one only when it is not the one that is HELD already.
absl::Status WriteRun(const Services& services, const Actor& actor, const Snapshot& snapshot,
                      v1::SyncRun& run, bool changes, Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(auto held, HeldRun(snapshot));
  if (held && run.state() == v1::SyncRun::HELD && SameRemovals(held->value, run)) {
    run.set_run_id(held->value.run_id());
    *run.mutable_released_by() = held->value.released_by();
    Put(mutation, kLastAppliedRunKey, run);
    return absl::OkStatus();
  }
  if (held) {
    held->value.set_state(v1::SyncRun::SUPERSEDED);
    mutation.expects.push_back({RunKey(held->value.run_id()), held->revision});
    Put(mutation, RunKey(held->value.run_id()), held->value);
    AuditRun(services, actor, held->value, "directory.run-superseded", mutation);
  }
  if (changes || held || run.state() == v1::SyncRun::HELD) {
    MUSTER_ASSIGN_OR_RETURN(const std::string id, NextId(snapshot, "RUN", mutation));
    run.set_run_id(id);
    Put(mutation, RunKey(id), run);
    AuditRun(services, actor, run,
             run.state() == v1::SyncRun::HELD ? "directory.sync-held" : "directory.sync", mutation);
  }
  Put(mutation, kLastAppliedRunKey, run);
  return absl::OkStatus();
}

absl::StatusOr<v1::SyncRun> ApplyRead(const Services& services, const Actor& actor,
                                      const DirectorySnapshot& read, v1::SyncRun run,
                                      bool dry_run) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  SyncWriter writer(services, actor, *snapshot, read);
  MUSTER_ASSIGN_OR_RETURN(run, writer.Plan(std::move(run)));
  *run.mutable_ended_at() = ToProto(services.clock.Now());
  if (dry_run) return run;
  MUSTER_RETURN_IF_ERROR(
      WriteRun(services, actor, *snapshot, run, writer.changes(), writer.mutation()));
  MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(writer.mutation())).status());
  for (const std::string& person : writer.touched()) services.work.WakePerson(person);
  return run;
}

}  // namespace

absl::StatusOr<v1::SyncRun> SyncDirectory(const Services& services, const Actor& actor,
                                          Directory& directory, bool dry_run) {
  v1::SyncRun run;
  run.set_state(v1::SyncRun::READING);
  *run.mutable_started_at() = ToProto(services.clock.Now());
  run.set_source(directory.source());
  const absl::StatusOr<DirectorySnapshotPtr> read =
      directory.Read(services.settings.groups, ReadDepth::kFull);
  absl::Status error = read.status();
  if (read.ok()) {
    auto applied = RetryAborted([&] { return ApplyRead(services, actor, **read, run, dry_run); });
    if (applied.ok()) return applied;
    error = applied.status();
  }
  if (!dry_run) MUSTER_RETURN_IF_ERROR(StoreFailedRun(services, actor, run, error));
  return error;
}

absl::StatusOr<v1::SyncRun> ReleaseRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  return RetryAborted([&]() -> absl::StatusOr<v1::SyncRun> {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(
        Versioned<v1::SyncRun> run,
        Load<v1::SyncRun>(*snapshot, RunKey(run_id), absl::StrCat("no run '", run_id, "'")));
    if (run.value.state() != v1::SyncRun::HELD) {
      return absl::FailedPreconditionError(absl::StrCat(run_id, " is ",
                                                        v1::SyncRun::State_Name(run.value.state()),
                                                        "; only a HELD run can be released"));
    }
    const std::string me =
        actor.who.person_id.empty() ? absl::AsciiStrToLower(actor.who.upn) : actor.who.person_id;
    for (const std::string& other : run.value.released_by()) {
      if (other == me) {
        return absl::AlreadyExistsError(absl::StrCat(actor.who.upn, " has released ", run_id,
                                                     " already; another person must do so too"));
      }
    }
    run.value.add_released_by(me);
    Mutation mutation;
    std::set<std::string> persons;
    if (run.value.released_by_size() >= 2) {
      run.value.set_state(v1::SyncRun::RELEASED);
      for (const v1::SyncRun::Change& change : run.value.removed()) {
        MUSTER_RETURN_IF_ERROR(WriteGoneMember(services, actor, *snapshot, change.app_id(),
                                               change.person_id(), change.why(), mutation));
        persons.insert(change.person_id());
      }
    }
    mutation.expects.push_back({RunKey(run_id), run.revision});
    Put(mutation, RunKey(run_id), run.value);
    AuditRun(services, actor, run.value, "directory.release", mutation);
    if (dry_run) return run.value;
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    for (const std::string& person : persons) services.work.WakePerson(person);
    return run.value;
  });
}

absl::StatusOr<v1::SyncRun> DiscardRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run) {
  return RetryAborted([&]() -> absl::StatusOr<v1::SyncRun> {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(
        Versioned<v1::SyncRun> run,
        Load<v1::SyncRun>(*snapshot, RunKey(run_id), absl::StrCat("no run '", run_id, "'")));
    if (run.value.state() != v1::SyncRun::HELD) {
      return absl::FailedPreconditionError(absl::StrCat(run_id, " is ",
                                                        v1::SyncRun::State_Name(run.value.state()),
                                                        "; only a HELD run can be discarded"));
    }
    run.value.set_state(v1::SyncRun::DISCARDED);
    if (dry_run) return run.value;
    Mutation mutation;
    mutation.expects.push_back({RunKey(run_id), run.revision});
    Put(mutation, RunKey(run_id), run.value);
    AuditRun(services, actor, run.value, "directory.discard", mutation);
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    return run.value;
  });
}

}  // namespace muster
