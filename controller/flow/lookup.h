// Reads that several flows share. All are consistent within the given snapshot.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/domain/policy_set.h"
#include "controller/domain/request.h"
#include "controller/flow/records.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/person.pb.h"

namespace muster {

absl::StatusOr<PolicySet> LoadPolicySet(const Snapshot& snapshot);

struct AppFacts {
  v1::App app;
  v1::Trm trm;  // status UNLISTED when no decision exists
  bool blocklisted = false;
};
// NOT_FOUND: no such app in the catalogue.
absl::StatusOr<AppFacts> LoadApp(const Snapshot& snapshot, const std::string& app_id);

// By userPrincipalName (or mail), any case; NOT_FOUND when the last applied sync has no such
// person.
absl::StatusOr<v1::Person> LoadPersonByUpn(const Snapshot& snapshot, const std::string& upn);
// Who signs in under this name: a UPN, else an alias that only one person has; with all their
// accounts. Without a person id when the directory does not know the name, or the name is not one
// person's alone.
absl::StatusOr<Operator> ResolveOperator(const Snapshot& snapshot, const std::string& upn);

// True when any account of the same human being is a Capstone official's.
absl::StatusOr<bool> IsCapstone(const Snapshot& snapshot, const v1::Person& person);

absl::StatusOr<Versioned<v1::Device>> LoadDevice(const Snapshot& snapshot,
                                                 const std::string& device_id);

// The owner and the directory accounts that the agent reports as local. Nobody uses a bridge.
absl::StatusOr<std::vector<v1::Person>> PersonsOfDevice(const Snapshot& snapshot,
                                                        const v1::Device& device);
// Enrolled devices on which this person counts.
absl::StatusOr<std::set<std::string>> DevicesOfPerson(const Snapshot& snapshot,
                                                      const v1::Person& person);
// Without bridges, which run no policy of their own.
absl::StatusOr<std::vector<std::string>> EnrolledDevices(const Snapshot& snapshot);

absl::StatusOr<std::vector<v1::Grant>> GrantsOfPerson(const Snapshot& snapshot,
                                                      const std::string& person_id);
// The holding grant of one person for one app, if any.
absl::StatusOr<std::optional<Versioned<v1::Grant>>> HoldingGrant(const Snapshot& snapshot,
                                                                 const std::string& person_id,
                                                                 const std::string& app_id);
absl::StatusOr<bool> IsMember(const Snapshot& snapshot, const std::string& app_id,
                              const std::string& person_id);

// The membership, be the person effective or not; nullopt when not in the group.
absl::StatusOr<std::optional<v1::Membership>> FindMembership(const Snapshot& snapshot,
                                                             const std::string& app_id,
                                                             const std::string& person_id);

// How many grants hold, by app.
absl::StatusOr<std::map<std::string, uint32_t>> HoldingGrantsByApp(const Snapshot& snapshot);

// Persons with a holding grant for one of these apps.
absl::StatusOr<std::set<std::string>> PersonsHolding(const Snapshot& snapshot,
                                                     const std::set<std::string>& apps);

}  // namespace muster
