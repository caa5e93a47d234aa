#include "controller/flow/sync_plan.h"

#include <utility>

#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/limits.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

using Change = SyncDecision::Change;

absl::Status LoadMembers(const Snapshot& snapshot, const std::string& prefix,
                         std::map<std::string, StoredMemberships::ByPerson>& out) {
  return ForEach<v1::Membership>(
      snapshot, prefix, [&](const std::string&, Versioned<v1::Membership>& m) {
        auto& persons = out[m.value.app_id()];
        const std::string person_id = m.value.person_id();
        persons.emplace_hint(persons.end(), person_id, std::move(m.value));
        return absl::OkStatus();
      });
}

// Keys "<prefix><app>/<person>", or the other way round.
absl::Status LoadPairs(const Snapshot& snapshot, const std::string& prefix, bool app_first,
                       PersonsByApp& out) {
  MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot, prefix));
  for (const std::string& tail : tails) {
    const size_t slash = tail.find('/');
    if (slash == std::string::npos) continue;
    std::string first = tail.substr(0, slash), second = tail.substr(slash + 1);
    if (!app_first) std::swap(first, second);
    out[first].insert(second);
  }
  return absl::OkStatus();
}

absl::StatusOr<StoredMemberships> LoadStored(const Snapshot& snapshot) {
  StoredMemberships out;
  MUSTER_RETURN_IF_ERROR(LoadMembers(snapshot, "member/", out.active));
  MUSTER_RETURN_IF_ERROR(LoadMembers(snapshot, "inactive_member/", out.inactive));
  MUSTER_RETURN_IF_ERROR(LoadPairs(snapshot, "removal/", true, out.removals));
  MUSTER_RETURN_IF_ERROR(LoadPairs(snapshot, "grant_live/", false, out.grants));
  MUSTER_RETURN_IF_ERROR(LoadPairs(snapshot, "request_open/", false, out.requests));
  MUSTER_ASSIGN_OR_RETURN(const auto mark, snapshot.Get(kMembershipKey));
  out.revision = mark ? mark->revision : 0;
  return out;
}

PersonsByApp IdsOf(const std::map<std::string, StoredMemberships::ByPerson>& members) {
  PersonsByApp out;
  for (const auto& [app_id, persons] : members) {
    auto& ids = out[app_id];
    for (const auto& [id, membership] : persons) ids.emplace_hint(ids.end(), id);
  }
  return out;
}

const v1::Membership* StoredMember(const StoredMemberships& stored, const std::string& app_id,
                                   const std::string& person_id) {
  for (const auto* members : {&stored.active, &stored.inactive}) {
    const auto app = members->find(app_id);
    if (app == members->end()) continue;
    const auto person = app->second.find(person_id);
    if (person != app->second.end()) return &person->second;
  }
  return nullptr;
}

bool Released(const PersonsByApp& released, const std::string& person_id) {
  const auto it = released.find("");
  return it != released.end() && it->second.contains(person_id);
}

// Who of the missing is deleted, and who stays as they were.
void SortMissing(const PersonsByApp& released, SyncPlan& plan) {
  for (const Change& change : plan.decision.held) plan.kept_persons.insert(change.person_id);
  for (const PersonChange& change : plan.persons.changed) {
    if (change.now != nullptr) continue;
    const std::string& id = change.before->person_id();
    if (plan.decision.hold && !Released(released, id)) {
      plan.kept_persons.insert(id);
      if (!plan.decision.too_many_missing) continue;
      plan.missing_held.push_back(
          {"", id, v1::SyncRun::Change::DELETED, "missing from this read", {}});
    } else if (!plan.kept_persons.contains(id)) {
      plan.gone_persons.push_back(id);
    }
  }
}

absl::StatusOr<bool> HoldsAnything(const SyncPlan& plan, const Snapshot& snapshot,
                                   const std::string& person_id) {
  for (const auto& [app_id, persons] : plan.stored.grants) {
    if (persons.contains(person_id)) return true;
  }
  MUSTER_ASSIGN_OR_RETURN(const auto devices, KeyTails(snapshot, DeviceOwnerKey(person_id, "")));
  return !devices.empty();
}

absl::StatusOr<SyncPlan::Doubt> DoubtAbout(const Services& services, const SyncPlan& plan,
                                           const Snapshot& snapshot, const std::string& app_id,
                                           const std::string& person_id) {
  SyncPlan::Doubt out;
  out.app_id = app_id;
  out.member.person_id = person_id;
  const auto group = services.settings.groups.find(app_id);
  if (group != services.settings.groups.end()) out.member.group = group->second;
  MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot, PersonKey(person_id)));
  if (person) {
    out.member.distinguished_name = person->value.distinguished_name();
    out.upn = person->value.upn();
  }
  const v1::Membership* known = StoredMember(plan.stored, app_id, person_id);
  if (known != nullptr) out.member.via.assign(known->via().begin(), known->via().end());
  return out;
}

// An account that expired, a removal of our own and an app without a group are no inference from
// what a read lacks. Everybody else is asked for again.
bool Inferred(v1::SyncRun::Change::Cause cause) {
  return cause == v1::SyncRun::Change::LEFT_GROUP || cause == v1::SyncRun::Change::DELETED ||
         cause == v1::SyncRun::Change::DISABLED;
}

absl::Status FindDoubts(const Services& services, const Snapshot& snapshot, SyncPlan& plan) {
  std::set<std::string> asked;
  for (const Change& change : plan.decision.removed) {
    if (!Inferred(change.cause)) continue;
    asked.insert(change.person_id);
    MUSTER_ASSIGN_OR_RETURN(auto doubt,
                            DoubtAbout(services, plan, snapshot, change.app_id, change.person_id));
    plan.doubts.push_back(std::move(doubt));
  }
  // A deleted person without membership loses nothing, unless there is a grant or a device.
  for (const std::string& id : plan.gone_persons) {
    if (asked.contains(id)) continue;
    MUSTER_ASSIGN_OR_RETURN(const bool holds, HoldsAnything(plan, snapshot, id));
    if (!holds) continue;
    MUSTER_ASSIGN_OR_RETURN(auto doubt, DoubtAbout(services, plan, snapshot, "", id));
    plan.doubts.push_back(std::move(doubt));
  }
  return absl::OkStatus();
}

// The lists of a run, with names: from the read, else from the store.
class Lister {
 public:
  Lister(const SyncPlan& plan, const Snapshot& snapshot, const DirectorySnapshot& read)
      : plan_(plan), snapshot_(snapshot), read_(read) {}

  absl::Status List(const std::vector<Change>& changes, size_t most,
                    google::protobuf::RepeatedPtrField<v1::SyncRun::Change>* out) {
    for (const Change& change : changes) {
      if (static_cast<size_t>(out->size()) >= most) break;
      v1::SyncRun::Change* c = out->Add();
      c->set_app_id(change.app_id);
      c->set_person_id(change.person_id);
      c->set_why(change.why);
      c->set_cause(change.cause);
      MUSTER_RETURN_IF_ERROR(Name(change.person_id, c));
      for (const std::string& group : Path(change)) c->add_via(ShortName(group));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Name(const std::string& person_id, v1::SyncRun::Change* out) {
    if (const auto it = read_.persons.find(person_id); it != read_.persons.end()) {
      out->set_upn(it->second.upn());
      out->set_display_name(it->second.display_name());
      return absl::OkStatus();
    }
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot_, PersonKey(person_id)));
    if (!person) return absl::OkStatus();
    out->set_upn(person->value.upn());
    out->set_display_name(person->value.display_name());
    return absl::OkStatus();
  }

  std::vector<std::string> Path(const Change& change) const {
    if (!change.via.empty()) return change.via;
    const v1::Membership* known = StoredMember(plan_.stored, change.app_id, change.person_id);
    if (known == nullptr) return {};
    return {known->via().begin(), known->via().end()};
  }

  const SyncPlan& plan_;
  const Snapshot& snapshot_;
  const DirectorySnapshot& read_;
};

// Role groups were read with the approval groups, and are none.
void TakeRoles(SyncPlan& plan) {
  auto& groups = plan.members.effective;
  for (auto it = groups.begin(); it != groups.end();) {
    absl::string_view name = it->first;
    if (!absl::ConsumePrefix(&name, kRoleGroupPrefix)) {
      ++it;
      continue;
    }
    auto& holders = plan.roles[std::string(name)];
    for (const auto& [id, via] : it->second) holders.insert(id);
    plan.members.inactive.erase(it->first);
    it = groups.erase(it);
  }
}

// Of everything held, however much of it is listed.
std::string HeldSha256(const SyncPlan& plan) {
  std::string all;
  for (const auto* changes : {&plan.decision.held, &plan.missing_held}) {
    for (const Change& change : *changes) {
      absl::StrAppend(&all, change.app_id, "/", change.person_id, "\n");
    }
  }
  return Sha256Hex(all);
}

}  // namespace

absl::StatusOr<SyncPlan> PlanSync(const Services& services, const Snapshot& snapshot,
                                  const DirectorySnapshot& read, const PersonsByApp& released) {
  SyncPlan plan;
  MUSTER_ASSIGN_OR_RETURN(plan.stored, LoadStored(snapshot));
  MUSTER_ASSIGN_OR_RETURN(plan.members, ComputeMembers(read, services.clock.Now()));
  TakeRoles(plan);
  MUSTER_ASSIGN_OR_RETURN(plan.persons, ComparePersons(snapshot, read));
  KnownMembership known;
  known.members = IdsOf(plan.stored.active);
  known.inactive = IdsOf(plan.stored.inactive);
  known.expected_removals = plan.stored.removals;
  known.released = released;
  known.persons = plan.persons.known;
  for (const PersonChange& change : plan.persons.changed) {
    if (change.now == nullptr) known.missing_persons.insert(change.before->person_id());
  }
  plan.decision = DecideSync(known, plan.members, read);
  SortMissing(released, plan);
  MUSTER_RETURN_IF_ERROR(FindDoubts(services, snapshot, plan));
  return plan;
}

absl::Status DescribePlan(const SyncPlan& plan, const Snapshot& snapshot,
                          const DirectorySnapshot& read, v1::SyncRun& run) {
  const SyncDecision& decision = plan.decision;
  run.set_persons_read(static_cast<uint32_t>(read.persons.size()));
  for (const auto& [app, members] : plan.members.effective) {
    run.set_members_read(run.members_read() + static_cast<uint32_t>(members.size()));
  }
  const std::vector<Change>& removals = decision.hold ? decision.held : decision.removed;
  run.set_added_count(static_cast<uint32_t>(decision.added.size()));
  run.set_removed_count(static_cast<uint32_t>(removals.size()));
  run.set_missing_count(static_cast<uint32_t>(plan.missing_held.size()));
  Lister lister(plan, snapshot, read);
  MUSTER_RETURN_IF_ERROR(lister.List(decision.added, limits::kMaxListedAdds, run.mutable_added()));
  MUSTER_RETURN_IF_ERROR(lister.List(removals, limits::kMaxListedRemovals, run.mutable_removed()));
  MUSTER_RETURN_IF_ERROR(
      lister.List(plan.missing_held, limits::kMaxListedRemovals, run.mutable_missing()));
  run.set_state(decision.hold ? v1::SyncRun::HELD : v1::SyncRun::APPLIED);
  run.set_detail(decision.held_because);
  if (decision.hold) run.set_removals_sha256(HeldSha256(plan));
  return absl::OkStatus();
}

}  // namespace muster
