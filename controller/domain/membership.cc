#include "controller/domain/membership.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using Via = std::vector<std::string>;
using PersonsReached = std::map<std::string, Via>;  // person id -> groups passed through

std::string NameOf(const DirectoryGroup& group) {
  return group.name.empty() ? group.group_id : group.name;
}

absl::Status TooDeepError(const std::string& app_id, const DirectoryGroup& approval) {
  return absl::FailedPreconditionError(
      absl::StrCat("the approval group of ", app_id, " (", NameOf(approval), ") nests more than ",
                   limits::kMaxGroupDepth, " levels of groups; flatten it and sync again"));
}

absl::Status TooManyGroupsError(const std::string& app_id, const DirectoryGroup& approval) {
  return absl::FailedPreconditionError(
      absl::StrCat("the approval group of ", app_id, " (", NameOf(approval), ") reaches more than ",
                   limits::kMaxGroupsPerApp, " groups; narrow it and sync again"));
}

// Everyone in the graph below one approval group, whatever the state of their account. Breadth
// first, so that the first path found is a shortest one; members in the order of the directory,
// so that the same read always gives the same path.
absl::StatusOr<PersonsReached> Walk(const DirectorySnapshot& snapshot, const std::string& app_id,
                                    const std::string& group_id) {
  const auto root = snapshot.groups.find(group_id);
  if (root == snapshot.groups.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the approval group of ", app_id, " (", group_id, ") is not in this read"));
  }
  struct Step {
    const DirectoryGroup* group;
    Via via;
  };
  PersonsReached reached;
  std::set<std::string> seen = {group_id};
  std::vector<Step> level = {{&root->second, {NameOf(root->second)}}};
  for (size_t depth = 1; !level.empty(); ++depth) {
    if (depth > limits::kMaxGroupDepth) return TooDeepError(app_id, root->second);
    std::vector<Step> next;
    for (const Step& step : level) {
      for (const std::string& id : step.group->member_ids) {
        if (snapshot.persons.contains(id)) reached.try_emplace(id, step.via);
        const auto nested = snapshot.groups.find(id);
        if (nested == snapshot.groups.end() || !seen.insert(id).second) continue;
        if (seen.size() > limits::kMaxGroupsPerApp) return TooManyGroupsError(app_id, root->second);
        Via via = step.via;
        via.push_back(NameOf(nested->second));
        next.push_back({&nested->second, std::move(via)});
      }
    }
    level = std::move(next);
  }
  return reached;
}

bool Expired(const v1::Person& person, absl::Time now) {
  return person.has_expires_at() && now >= FromProto(person.expires_at());
}

using Change = SyncDecision::Change;

// Why a person who counted before does not count any more.
Change ExplainRemoval(const std::string& app_id, const std::string& person_id, bool journalled,
                      const MembersRead& read, const DirectorySnapshot& snapshot) {
  const auto change = [&](SyncCause cause, absl::string_view why) {
    return Change{app_id, person_id, cause, std::string(why), {}};
  };
  const auto app = read.inactive.find(app_id);
  if (app != read.inactive.end()) {
    if (const auto in = app->second.find(person_id); in != app->second.end()) {
      return change(in->second.cause, in->second.cause == v1::SyncRun::Change::DISABLED
                                          ? "account disabled"
                                          : "account expired");
    }
  }
  if (journalled)
    return change(v1::SyncRun::Change::REVOKED_BY_MUSTER, "removed from the group by Muster");
  if (!snapshot.approval.contains(app_id)) {
    return change(v1::SyncRun::Change::GROUP_NOT_CONFIGURED,
                  "no approval group is configured for this app");
  }
  const auto person = snapshot.persons.find(person_id);
  if (person == snapshot.persons.end() || person->second.deleted()) {
    return change(v1::SyncRun::Change::DELETED, "deleted from the directory");
  }
  return change(v1::SyncRun::Change::LEFT_GROUP, "left group");
}

bool AboveShare(size_t part, size_t whole) {
  return part > limits::kHeldRemovalsFloor && part * 100 > whole * limits::kHeldRemovalsPercent;
}

std::string AboveShareText() {
  return absl::StrCat("which is above max(", limits::kHeldRemovalsFloor, ", ",
                      limits::kHeldRemovalsPercent, " %)");
}

bool Contains(const PersonsByApp& persons, const std::string& app_id,
              const std::string& person_id) {
  const auto it = persons.find(app_id);
  return it != persons.end() && it->second.contains(person_id);
}

template <typename ByApp>
size_t CountIn(const ByApp& by_app, const std::string& app_id) {
  const auto it = by_app.find(app_id);
  return it == by_app.end() ? 0 : it->second.size();
}

template <typename ByApp>
bool HasMember(const ByApp& by_app, const std::string& app_id, const std::string& person_id) {
  const auto it = by_app.find(app_id);
  return it != by_app.end() && it->second.contains(person_id);
}

// Every removal, sorted into what may be applied and what would be held.
struct Removals {
  std::vector<Change> released, journalled, unexpected, inactive;
  size_t known = 0;
  std::vector<std::string> emptied_apps;
};

void FindRemovals(const KnownMembership& known, const MembersRead& read,
                  const DirectorySnapshot& snapshot, Removals& out) {
  for (const auto& [app_id, persons] : known.members) {
    out.known += persons.size();
    bool absent = false;
    for (const std::string& person_id : persons) {
      if (HasMember(read.effective, app_id, person_id)) continue;
      const bool journalled = Contains(known.expected_removals, app_id, person_id);
      const bool released = Contains(known.released, app_id, person_id);
      Change change = ExplainRemoval(app_id, person_id, journalled, read, snapshot);
      const bool still_in = change.cause == v1::SyncRun::Change::DISABLED ||
                            change.cause == v1::SyncRun::Change::EXPIRED;
      absent = absent || (!journalled && !released && !still_in);
      std::vector<Change>& list = released     ? out.released
                                  : journalled ? out.journalled
                                               : out.unexpected;
      list.push_back(std::move(change));
    }
    if (absent && CountIn(read.effective, app_id) == 0) out.emptied_apps.push_back(app_id);
  }
  // They had no access to lose, but a grant that waited for them ends.
  for (const auto& [app_id, persons] : known.inactive) {
    for (const std::string& person_id : persons) {
      if (HasMember(read.effective, app_id, person_id) ||
          HasMember(read.inactive, app_id, person_id) ||
          Contains(known.members, app_id, person_id)) {
        continue;
      }
      const bool journalled = Contains(known.expected_removals, app_id, person_id);
      out.inactive.push_back(ExplainRemoval(app_id, person_id, journalled, read, snapshot));
    }
  }
}

// The rules that hold a run's removals, and why. Empty: they may be applied.
void DecideHold(const Removals& removals, size_t missing, size_t persons, SyncDecision& out) {
  std::vector<std::string> reasons;
  if (AboveShare(removals.unexpected.size(), removals.known)) {
    reasons.push_back(absl::StrCat(removals.unexpected.size(), " of ", removals.known,
                                   " members would lose access, ", AboveShareText()));
  }
  for (const std::string& app_id : removals.emptied_apps) {
    reasons.push_back(
        absl::StrCat("the approval group of ", app_id, " held members and reads empty"));
  }
  out.too_many_missing = AboveShare(missing, persons);
  if (out.too_many_missing) {
    reasons.push_back(absl::StrCat(missing, " of ", persons,
                                   " known persons are missing from this read, ", AboveShareText(),
                                   ": a narrower base_dn, or an answer that is not the whole"));
  }
  out.held_because = absl::StrJoin(reasons, "; ");
  out.hold = !reasons.empty();
}

void MoveInto(std::vector<Change>& from, std::vector<Change>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

// "cn=wa-approved,ou=groups,dc=mdm,dc=test" -> "wa-approved"; anything else as it is.
std::string ShortName(const std::string& name) {
  if (name.size() < 4 || absl::AsciiStrToLower(name.substr(0, 3)) != "cn=") return name;
  std::string out;
  for (size_t i = 3; i < name.size() && name[i] != ','; ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) ++i;
    out.push_back(name[i]);
  }
  return out;
}

std::string ShortPath(const Via& via) {
  return absl::StrJoin(via, " > ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, ShortName(name));
  });
}

absl::StatusOr<MembersRead> ComputeMembers(const DirectorySnapshot& snapshot, absl::Time now) {
  MembersRead out;
  for (const auto& [app_id, group_id] : snapshot.approval) {
    MUSTER_ASSIGN_OR_RETURN(PersonsReached reached, Walk(snapshot, app_id, group_id));
    auto& inactive = out.inactive[app_id];
    std::erase_if(reached, [&](auto& item) {
      const v1::Person& person = snapshot.persons.at(item.first);
      if (person.deleted()) return true;
      if (person.enabled() && !Expired(person, now)) {
        if (person.has_expires_at()) {
          out.next_expiry = std::min(out.next_expiry, FromProto(person.expires_at()));
        }
        return false;
      }
      const SyncCause cause =
          person.enabled() ? v1::SyncRun::Change::EXPIRED : v1::SyncRun::Change::DISABLED;
      inactive[item.first] = {cause, std::move(item.second)};
      return true;
    });
    out.effective[app_id] = std::move(reached);
  }
  return out;
}

absl::StatusOr<EffectiveMembers> ComputeEffectiveMembers(const DirectorySnapshot& snapshot,
                                                         absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(MembersRead read, ComputeMembers(snapshot, now));
  return std::move(read.effective);
}

SyncDecision DecideSync(const KnownMembership& known, const MembersRead& read,
                        const DirectorySnapshot& snapshot) {
  SyncDecision out;
  for (const auto& [app_id, persons] : read.effective) {
    for (const auto& [person_id, via] : persons) {
      if (Contains(known.members, app_id, person_id)) continue;
      out.added.push_back({app_id, person_id, v1::SyncRun::Change::JOINED,
                           absl::StrCat("in group via ", ShortPath(via)), via});
    }
  }
  Removals removals;
  FindRemovals(known, read, snapshot, removals);
  const size_t missing = static_cast<size_t>(
      std::count_if(known.missing_persons.begin(), known.missing_persons.end(),
                    [&](const std::string& id) { return !Contains(known.released, "", id); }));
  DecideHold(removals, missing, known.persons, out);
  MoveInto(removals.released, out.removed);
  if (out.hold) {
    out.held = std::move(removals.unexpected);
  } else {
    MoveInto(removals.journalled, out.removed);
    MoveInto(removals.unexpected, out.removed);
    MoveInto(removals.inactive, out.removed);
  }
  std::sort(out.removed.begin(), out.removed.end(), [](const Change& a, const Change& b) {
    return std::tie(a.app_id, a.person_id) < std::tie(b.app_id, b.person_id);
  });
  return out;
}

}  // namespace muster
