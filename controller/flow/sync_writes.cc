#include "controller/flow/sync_writes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "common/time_proto.h"
#include "controller/flow/lookup.h"
#include "controller/flow/membership_writes.h"
#include "controller/flow/roles.h"
#include "controller/flow/sync_runs.h"

namespace muster {
namespace {

bool Contains(const PersonsByApp& persons, const std::string& app_id,
              const std::string& person_id) {
  const auto it = persons.find(app_id);
  return it != persons.end() && it->second.contains(person_id);
}

template <typename ByApp>
const typename ByApp::mapped_type& OfApp(const ByApp& by_app, const std::string& app_id) {
  static const auto& kNone = *new typename ByApp::mapped_type();
  const auto it = by_app.find(app_id);
  return it == by_app.end() ? kNone : it->second;
}

bool SameVia(const v1::Membership& membership, const std::vector<std::string>& via) {
  return std::equal(membership.via().begin(), membership.via().end(), via.begin(), via.end());
}

class Writer {
 public:
  Writer(const Services& services, const Actor& actor, const Snapshot& snapshot,
         const DirectorySnapshot& read, const SyncPlan& plan)
      : services_(services), actor_(actor), snapshot_(&snapshot), read_(read), plan_(plan) {}

  absl::StatusOr<WrittenSync> Write(v1::SyncRun run) {
    MUSTER_RETURN_IF_ERROR(WritePersons());
    MUSTER_RETURN_IF_ERROR(WriteRoleHolders(services_, actor_, *snapshot_, read_, plan_.roles,
                                            plan_.decision.too_many_missing, mutation_));
    MUSTER_RETURN_IF_ERROR(WriteMembers());
    MUSTER_RETURN_IF_ERROR(WriteInactive());
    if (!plan_.decision.removed.empty()) {
      MUSTER_RETURN_IF_ERROR(NameRun(*snapshot_, run, mutation_));
    }
    MUSTER_RETURN_IF_ERROR(WriteRemovals(run.run_id()));
    const bool changes = batched_ || !mutation_.puts.empty() || !mutation_.deletes.empty();
    MUSTER_RETURN_IF_ERROR(
        WriteRun(services_, actor_, *snapshot_, run, changes, mutation_).status());
    MUSTER_ASSIGN_OR_RETURN(const auto failing, snapshot_->Get(kFailingRunKey));
    if (failing) mutation_.deletes.push_back(kFailingRunKey);
    return Commit(std::move(run));
  }

 private:
  absl::StatusOr<WrittenSync> Commit(v1::SyncRun run) {
    WrittenSync out{std::move(run), plan_.stored.revision, false};
    if (mutation_.puts.empty() && mutation_.deletes.empty()) return out;
    mutation_.expects.push_back({kMembershipKey, plan_.stored.revision});
    PutMark(mutation_, kMembershipKey);
    Put(mutation_, kLastAppliedRunKey, Brief(out.run));
    MUSTER_ASSIGN_OR_RETURN(out.membership_revision, services_.store.Commit(std::move(mutation_)));
    out.stored = true;
    for (const std::string& person : touched_) services_.work.WakePerson(person);
    return out;
  }

  // So many persons that one commit would hold them three times over are committed ahead.
  absl::Status WritePersons() {
    const std::set<std::string> gone(plan_.gone_persons.begin(), plan_.gone_persons.end());
    std::vector<const PersonChange*> changes;
    for (const PersonChange& change : plan_.persons.changed) {
      const std::string& id =
          change.now == nullptr ? change.before->person_id() : change.now->person_id();
      if (plan_.kept_persons.contains(id)) continue;
      changes.push_back(&change);
      if (!plan_.persons.first_read) touched_.insert(id);
    }
    size_t at = 0;
    while (changes.size() - at > limits::kPersonsPerCommit) {
      Mutation batch;
      MUSTER_RETURN_IF_ERROR(WriteSome(changes, at, at + limits::kPersonsPerCommit, batch));
      MUSTER_RETURN_IF_ERROR(services_.store.Commit(std::move(batch)).status());
      at += limits::kPersonsPerCommit;
      batched_ = true;
    }
    return WriteSome(changes, at, changes.size(), mutation_);
  }

  absl::Status WriteSome(const std::vector<const PersonChange*>& changes, size_t from, size_t until,
                         Mutation& mutation) {
    PersonWriter writer(services_, actor_, *snapshot_, plan_.persons.first_read, mutation);
    for (size_t i = from; i < until; ++i) MUSTER_RETURN_IF_ERROR(writer.Write(*changes[i]));
    return writer.Finish();
  }

  // Only who is new, came by another path or has a request that may wait for this is looked up.
  absl::Status WriteMembers() {
    for (const auto& [app, members] : plan_.members.effective) {
      const StoredMemberships::ByPerson& stored = OfApp(plan_.stored.active, app);
      for (const auto& [person_id, via] : members) {
        const auto known = stored.find(person_id);
        if (known != stored.end() && SameVia(known->second, via) &&
            !Contains(plan_.stored.requests, app, person_id)) {
          continue;
        }
        const size_t before = mutation_.audit.size();
        const SeenMember member = {
            .person = read_.persons.at(person_id), .app_id = app, .via = via};
        MUSTER_ASSIGN_OR_RETURN(const bool unknown, IsUnknown(app, person_id));
        MUSTER_RETURN_IF_ERROR(
            unknown ? WriteNewcomer(services_, actor_, *snapshot_, member, mutation_)
                    : WriteSeenMember(services_, actor_, *snapshot_, member, mutation_));
        if (mutation_.audit.size() != before) touched_.insert(person_id);
        MUSTER_RETURN_IF_ERROR(CommitAdds());
      }
    }
    return absl::OkStatus();
  }

  // Whether the store holds nothing of this person that a membership could concern.
  absl::StatusOr<bool> IsUnknown(const std::string& app, const std::string& person_id) {
    if (!past_) {
      past_.emplace();
      for (const char* prefix : {"grant_by_person/", "write/"}) {
        MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(*snapshot_, prefix));
        for (const std::string& tail : tails) {
          const size_t slash = tail.find('/');
          // "grant_by_person/PERSON/GRANT", "write/APP/PERSON".
          past_->insert(prefix[0] == 'g' ? tail.substr(0, slash) : tail.substr(slash + 1));
        }
      }
    }
    return !past_->contains(person_id) && !OfApp(plan_.stored.active, app).contains(person_id) &&
           !OfApp(plan_.stored.inactive, app).contains(person_id) &&
           !Contains(plan_.stored.requests, app, person_id) &&
           !Contains(plan_.stored.grants, app, person_id) &&
           !Contains(plan_.stored.removals, app, person_id);
  }

  // Adds always apply and are independent of each other, so very many need not wait for the last.
  absl::Status CommitAdds() {
    if (mutation_.audit.size() < limits::kAuditsPerCommit) return absl::OkStatus();
    MUSTER_RETURN_IF_ERROR(services_.store.Commit(std::exchange(mutation_, {})).status());
    fresh_ = services_.store.Read();
    snapshot_ = fresh_.get();
    batched_ = true;
    return absl::OkStatus();
  }

  // Who is in the group without counting, and did not count before either.
  absl::Status WriteInactive() {
    for (const auto& [app, members] : plan_.members.inactive) {
      const auto& active = OfApp(plan_.stored.active, app);
      const auto& stored = OfApp(plan_.stored.inactive, app);
      for (const auto& [person_id, member] : members) {
        if (active.contains(person_id)) continue;  // A removal, applied or held.
        const auto known = stored.find(person_id);
        const std::string because = InactiveBecause(member.cause);
        if (known != stored.end() && SameVia(known->second, member.via) &&
            known->second.inactive_because() == because) {
          continue;
        }
        v1::Membership membership;
        if (known != stored.end()) membership = known->second;
        membership.set_app_id(app);
        membership.set_person_id(person_id);
        if (!membership.has_seen_at()) {
          *membership.mutable_seen_at() = ToProto(services_.clock.Now());
        }
        membership.mutable_via()->Assign(member.via.begin(), member.via.end());
        membership.set_inactive_because(because);
        Put(mutation_, InactiveMemberKey(app, person_id), membership);
      }
    }
    return absl::OkStatus();
  }

  absl::Status WriteRemovals(const std::string& run_id) {
    std::set<std::pair<std::string, std::string>> done;
    for (const SyncDecision::Change& change : plan_.decision.removed) {
      GoneMember gone = {change.app_id, change.person_id, change.cause, change.why, run_id, {}};
      const auto& inactive = OfApp(plan_.members.inactive, change.app_id);
      if (const auto in = inactive.find(change.person_id); in != inactive.end()) {
        gone.via = in->second.via;
      }
      MUSTER_RETURN_IF_ERROR(Gone(gone));
      done.insert({change.app_id, change.person_id});
    }
    // A grant that needs no group ends with its person.
    for (const std::string& person_id : plan_.gone_persons) {
      for (const auto& [app, persons] : plan_.stored.grants) {
        if (!persons.contains(person_id) || done.contains({app, person_id})) continue;
        MUSTER_RETURN_IF_ERROR(Gone({app,
                                     person_id,
                                     v1::SyncRun::Change::DELETED,
                                     "deleted from the directory",
                                     run_id,
                                     {}}));
      }
    }
    return plan_.decision.hold ? absl::OkStatus() : WriteFinishedRemovals();
  }

  // A removal that Muster journalled and that the read confirms although the membership was
  // already taken out of the store.
  absl::Status WriteFinishedRemovals() {
    for (const auto& [app, persons] : plan_.stored.removals) {
      for (const std::string& person_id : persons) {
        if (OfApp(plan_.members.effective, app).contains(person_id) ||
            OfApp(plan_.members.inactive, app).contains(person_id) ||
            OfApp(plan_.stored.active, app).contains(person_id) ||
            OfApp(plan_.stored.inactive, app).contains(person_id)) {
          continue;  // Still there, or handled as a removal.
        }
        MUSTER_RETURN_IF_ERROR(Gone(
            {app, person_id, v1::SyncRun::Change::REVOKED_BY_MUSTER, "removed by Muster", "", {}}));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Gone(const GoneMember& gone) {
    touched_.insert(gone.person_id);
    return WriteGoneMember(services_, actor_, *snapshot_, gone, mutation_);
  }

  const Services& services_;
  const Actor& actor_;
  const Snapshot* snapshot_;
  std::unique_ptr<Snapshot> fresh_;
  const DirectorySnapshot& read_;
  const SyncPlan& plan_;
  Mutation mutation_;
  std::set<std::string> touched_;
  std::optional<std::set<std::string>> past_;  // who ever had a grant, or is being added
  bool batched_ = false;
};

}  // namespace

absl::StatusOr<WrittenSync> WriteSync(const Services& services, const Actor& actor,
                                      const Snapshot& snapshot, const DirectorySnapshot& read,
                                      const SyncPlan& plan, v1::SyncRun run) {
  return Writer(services, actor, snapshot, read, plan).Write(std::move(run));
}

}  // namespace muster
