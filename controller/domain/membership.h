// Who is effectively in an approval group, and what a sync may change. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "muster/v1/person.pb.h"

namespace muster {

// One group as read: members are the ids (objectGUID or entryUUID, lowercase) of persons or
// groups. An id that is neither a person nor a group in the snapshot is a foreign or
// placeholder member and counts for nobody: adapters put the normalised DN there, so that it
// can be shown.
struct DirectoryGroup {
  std::string group_id;
  std::string name;  // DN, for people
  std::vector<std::string> member_ids;
};

// One complete read. Never partial: see Directory::Read.
struct DirectorySnapshot {
  std::map<std::string, v1::Person> persons;     // by person id
  std::map<std::string, DirectoryGroup> groups;  // by group id
  std::map<std::string, std::string> approval;   // app id -> group id
};

// app id -> person id -> names of the groups passed through, approval group first. Nested
// groups and cycles are walked; a person counts once, by a shortest path. Only persons who are
// enabled, not deleted and not expired at `now` are effective; an account that expires at `now`
// has expired. Every approval app has an entry, be it empty.
using EffectiveMembers = std::map<std::string, std::map<std::string, std::vector<std::string>>>;
// FAILED_PRECONDITION beyond limits::kMaxGroupDepth levels (the approval group is the first) or
// kMaxGroupsPerApp groups, or when the snapshot lacks an approval group.
absl::StatusOr<EffectiveMembers> ComputeEffectiveMembers(const DirectorySnapshot& snapshot,
                                                         absl::Time now);

// What the last applied run left behind.
struct KnownMembership {
  std::map<std::string, std::set<std::string>> members;  // app id -> person ids
  // Removals that Muster itself made (revocations) are expected and never held.
  std::map<std::string, std::set<std::string>> expected_removals;
};

struct SyncDecision {
  struct Change {
    std::string app_id, person_id, why;
  };
  std::vector<Change> added;    // both by app id, then person id
  std::vector<Change> removed;  // every removal the read shows
  bool hold_removals = false;   // more than max(5, 5 %) unexpected removals
  std::string held_because;
};

// Adds always apply; removals are one set over all apps, held whole above
// max(kHeldRemovalsFloor, kHeldRemovalsPercent of the effective members known before), counted
// per person and app. Removals that Muster journalled itself do not count. An approval group
// that held members and now reads empty, beyond what Muster removed itself, is held too, however
// few; so is an app whose approval group is no longer configured. Members who are still in the
// group but were disabled or expired do not make it "read empty": that was read, not inferred.
SyncDecision DecideSync(const KnownMembership& known, const EffectiveMembers& read,
                        const DirectorySnapshot& snapshot);

}  // namespace muster
