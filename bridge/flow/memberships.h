// The UEM's copies of approval groups: it is told to follow the directory, and read until the
// people who were approved are there.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/fleet_parts.h"

namespace muster::bridge {

// Thread-compatible.
class Memberships {
 public:
  explicit Memberships(FleetParts* parts) : parts_(parts) {}

  // After a start: every group is read, and what was under way goes on.
  void Start(absl::Time now);
  // Someone was approved, or is no longer: the UEM is told at once.
  void Sync(const std::string& app_id, absl::Time now);
  // This person may be missing; reading tells.
  void Check(const std::string& app_id, const std::string& user, absl::Time now);

  // True when the UEM can install the app for this person: it has no group, or they are in it.
  bool Has(const std::string& app_id, const std::string& user) const;
  // An installation waits until they are; then it is due.
  void AwaitMember(const std::string& app_id, const std::string& operation_key);

  std::optional<UemCall> Read(const std::string& uuid) const;
  void OnRead(const UemCall& call, const UemAnswer& answer, absl::Time now);
  std::optional<UemCall> Carry(const v1::BridgeOperation& operation) const;
  // The UEM has taken a sync, or was told to add those it did not know.
  void OnAccepted(v1::BridgeOperation operation, absl::Time now);

  // In words: whose approval the UEM's copy does not follow.
  std::vector<std::string> Problems() const;

 private:
  struct Copy {
    std::set<std::string> apps;
    bool read = false;              // `members` is whole
    std::set<std::string> members;  // UserKey()
    std::set<std::string> reading;  // of the pages so far
    uint32_t page = 0, failures = 0;
    absl::Time began = absl::InfinitePast();  // the reading that is under way
    std::set<std::string> waiting;            // operations
    std::set<std::string> missing, surplus;   // people, as of the last reading
    bool again = false;                       // a sync was asked for while one was in flight
  };
  Copy* FindCopy(const std::string& app_id);
  void Judge(const std::string& uuid, Copy& copy, absl::Time now);
  void Compare(Copy& copy) const;
  void Pursue(v1::BridgeOperation sync, const Copy& copy, absl::Time now);
  void ReadAt(const std::string& uuid, Urgency urgency, absl::Time at);
  void QueueSync(const std::string& uuid, Copy& copy, absl::Time now);

  FleetParts* parts_;
  std::map<std::string, Copy> copies_;  // by the user group's UUID
};

}  // namespace muster::bridge
