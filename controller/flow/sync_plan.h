// What one complete read changes, as data: decided from one snapshot of the store, written by
// sync.cc. Nothing is written here.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/membership.h"
#include "controller/flow/person_writes.h"

namespace muster {

// Before a role's name: how its group is called among the groups to read. No app id has a colon.
inline constexpr char kRoleGroupPrefix[] = "role:";

// The membership records of the store, each kind read once: 20,000 members are not looked up one
// by one.
struct StoredMemberships {
  using ByPerson = std::map<std::string, v1::Membership>;
  std::map<std::string, ByPerson> active, inactive;  // by app
  PersonsByApp removals;                             // journalled by Muster
  PersonsByApp grants;                               // that hold
  PersonsByApp requests;                             // open ones
  uint64_t revision = 0;                             // of the membership_set mark
};

struct SyncPlan {
  StoredMemberships stored;
  MembersRead members;
  PersonsByApp roles;  // role -> who holds it, as read
  PersonChanges persons;
  SyncDecision decision;
  std::set<std::string> kept_persons;     // stay as they were, because what they lose is held
  std::vector<std::string> gone_persons;  // to be marked deleted
  std::vector<SyncDecision::Change> missing_held;  // when so many are missing that they are held
  // Who has to be asked for again before any of this is committed.
  struct Doubt {
    PastMember member;
    std::string upn, app_id;
  };
  std::vector<Doubt> doubts;
};

// The plan points into `read`. `released`: what two people released. Errors of the store, and as
// ComputeMembers().
absl::StatusOr<SyncPlan> PlanSync(const Services& services, const Snapshot& snapshot,
                                  const DirectorySnapshot& read, const PersonsByApp& released);

// Puts the counts, the lists and the hash of the plan into `run`, and HELD or APPLIED.
absl::Status DescribePlan(const SyncPlan& plan, const Snapshot& snapshot,
                          const DirectorySnapshot& read, v1::SyncRun& run);

}  // namespace muster
