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

using SyncCause = v1::SyncRun::Change::Cause;

// In the group, but the account may not sign in.
struct InactiveMember {
  SyncCause cause = v1::SyncRun::Change::DISABLED;  // or EXPIRED
  std::vector<std::string> via;
};

struct MembersRead {
  EffectiveMembers effective;
  std::map<std::string, std::map<std::string, InactiveMember>> inactive;  // as `effective`
  absl::Time next_expiry = absl::InfiniteFuture();  // of the effective members' accounts
};
// Errors as ComputeEffectiveMembers().
absl::StatusOr<MembersRead> ComputeMembers(const DirectorySnapshot& snapshot, absl::Time now);

// "WA-Approved > Field" from DNs.
std::string ShortPath(const std::vector<std::string>& via);
std::string ShortName(const std::string& distinguished_name);

using PersonsByApp = std::map<std::string, std::set<std::string>>;  // app id -> person ids

// What the last applied run left behind.
struct KnownMembership {
  PersonsByApp members;
  PersonsByApp inactive;  // in the group, disabled or expired
  // Removals that Muster itself made (revocations) are expected and never held.
  PersonsByApp expected_removals;
  PersonsByApp released;                  // by two people; under "" the persons themselves
  size_t persons = 0;                     // not deleted
  std::set<std::string> missing_persons;  // of these, what the read lacks
};

struct SyncDecision {
  struct Change {
    std::string app_id, person_id;
    SyncCause cause = v1::SyncRun::Change::NONE;
    std::string why;
    std::vector<std::string> via;  // of an add: DNs from the approval group down
  };
  // All by app id, then person id.
  std::vector<Change> added;
  std::vector<Change> removed;  // to be applied now
  std::vector<Change> held;     // not before two people release them
  bool hold = false;
  bool too_many_missing = false;  // one of the reasons to hold
  std::string held_because;
};

// Adds always apply; removals are one set over all apps, held whole above
// max(kHeldRemovalsFloor, kHeldRemovalsPercent of the effective members known before), counted
// per person and app. Removals that Muster journalled itself, or that two people released, do
// not count. An approval group that held members and now reads empty, beyond what Muster removed
// itself, is held too, however few; so is an app whose approval group is no longer configured,
// and a read that lacks more than the same share of all known persons. Members who are still in
// the group but were disabled or expired do not make it "read empty": that was read, not
// inferred. While a run is held only what was released is removed.
SyncDecision DecideSync(const KnownMembership& known, const MembersRead& read,
                        const DirectorySnapshot& snapshot);

}  // namespace muster
