#include "controller/domain/membership.h"

#include <algorithm>
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

enum class Cause { kJournalled, kAbsent, kAccount };

struct Removal {
  SyncDecision::Change change;
  Cause cause;
};

// Why a person who counted before does not count any more.
Removal ExplainRemoval(const std::string& app_id, const std::string& person_id, bool journalled,
                       const PersonsReached& reached, const DirectorySnapshot& snapshot) {
  const auto person = snapshot.persons.find(person_id);
  const auto change = [&](absl::string_view why) {
    return SyncDecision::Change{app_id, person_id, std::string(why)};
  };
  if (journalled) return {change("removed from the group by Muster"), Cause::kJournalled};
  if (!snapshot.approval.contains(app_id)) {
    return {change("no approval group is configured for this app"), Cause::kAbsent};
  }
  if (person == snapshot.persons.end() || person->second.deleted()) {
    return {change("deleted from the directory"), Cause::kAbsent};
  }
  if (!reached.contains(person_id)) return {change("left group"), Cause::kAbsent};
  if (!person->second.enabled()) return {change("account disabled"), Cause::kAccount};
  return {change("account expired"), Cause::kAccount};
}

// The rules that hold a run's removals, and why. Empty: they may be applied.
std::string WhyHeld(const std::vector<std::string>& emptied_apps, size_t unexpected, size_t known) {
  std::vector<std::string> reasons;
  const bool above_percent = unexpected * 100 > known * limits::kHeldRemovalsPercent;
  if (unexpected > limits::kHeldRemovalsFloor && above_percent) {
    reasons.push_back(absl::StrCat(unexpected, " of ", known, " members would lose access, which ",
                                   "is above max(", limits::kHeldRemovalsFloor, ", ",
                                   limits::kHeldRemovalsPercent, " %)"));
  }
  for (const std::string& app_id : emptied_apps) {
    reasons.push_back(
        absl::StrCat("the approval group of ", app_id, " held members and reads empty"));
  }
  return absl::StrJoin(reasons, "; ");
}

}  // namespace

absl::StatusOr<EffectiveMembers> ComputeEffectiveMembers(const DirectorySnapshot& snapshot,
                                                         absl::Time now) {
  EffectiveMembers effective;
  for (const auto& [app_id, group_id] : snapshot.approval) {
    MUSTER_ASSIGN_OR_RETURN(PersonsReached reached, Walk(snapshot, app_id, group_id));
    std::erase_if(reached, [&](const auto& item) {
      const v1::Person& person = snapshot.persons.at(item.first);
      return !person.enabled() || person.deleted() || Expired(person, now);
    });
    effective[app_id] = std::move(reached);
  }
  return effective;
}

SyncDecision DecideSync(const KnownMembership& known, const EffectiveMembers& read,
                        const DirectorySnapshot& snapshot) {
  static const auto& kNobody = *new PersonsReached();
  static const auto& kNoIds = *new std::set<std::string>();
  const auto members_of =
      [](const auto& by_app, const std::string& app_id, const auto& none) -> const auto& {
    const auto it = by_app.find(app_id);
    return it == by_app.end() ? none : it->second;
  };

  SyncDecision decision;
  for (const auto& [app_id, persons] : read) {
    const std::set<std::string>& before = members_of(known.members, app_id, kNoIds);
    for (const auto& [person_id, via] : persons) {
      if (before.contains(person_id)) continue;
      decision.added.push_back({app_id, person_id, absl::StrCat("in group via ", ShortPath(via))});
    }
  }

  size_t known_count = 0, unexpected = 0;
  std::vector<std::string> emptied_apps;
  for (const auto& [app_id, persons] : known.members) {
    known_count += persons.size();
    const PersonsReached& now_in = members_of(read, app_id, kNobody);
    const auto& journalled = members_of(known.expected_removals, app_id, kNoIds);
    // `read` was made from this snapshot, so a walk that fails here cannot have given members.
    PersonsReached reached;
    if (const auto group = snapshot.approval.find(app_id); group != snapshot.approval.end()) {
      reached = Walk(snapshot, app_id, group->second).value_or(PersonsReached());
    }
    bool absent = false;
    for (const std::string& person_id : persons) {
      if (now_in.contains(person_id)) continue;
      Removal removal =
          ExplainRemoval(app_id, person_id, journalled.contains(person_id), reached, snapshot);
      if (removal.cause != Cause::kJournalled) ++unexpected;
      if (removal.cause == Cause::kAbsent) absent = true;
      decision.removed.push_back(std::move(removal.change));
    }
    if (now_in.empty() && absent) emptied_apps.push_back(app_id);
  }
  decision.held_because = WhyHeld(emptied_apps, unexpected, known_count);
  decision.hold_removals = !decision.held_because.empty();
  return decision;
}

}  // namespace muster
