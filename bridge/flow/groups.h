// Application groups and smart groups: what they hold is read, compared and corrected.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/group_plan.h"

namespace muster::bridge {

// Thread-compatible.
class Groups {
 public:
  explicit Groups(FleetParts* parts) : parts_(parts) {}

  // After a start: the smart groups, and what became of the changes that were under way.
  void Start(absl::Time now);
  // What a phone's policy says to everybody on its platform. The highest version counts.
  void OnPolicy(const PhonePolicy& policy, absl::Time now);

  // The next reading of a group. Empty: not now.
  std::optional<UemCall> Read(const std::string& name) const;
  void OnRead(const UemCall& call, const UemAnswer& answer, absl::Time now);

  // The call that carries an operation out; empty: not now; a reading of the
  // group asks for it again.
  std::optional<UemCall> Carry(const v1::BridgeOperation& operation) const;
  // An operation was taken, or nobody knows: the group is read at `at`.
  void ReadAt(const std::string& name, absl::Time at);

 private:
  struct Known {
    WantedGroup wanted;
    std::string id, uuid;  // empty: not found yet
    uint32_t failures = 0;
  };
  void Want(WantedGroup group, absl::Time now);
  void OnMissing(const Known& known, absl::Time now);
  void Compare(const Known& known, const UemGroup& has, absl::Time now);
  // Makes the operation that lacks, or finds that it is done.
  void Settle(v1::BridgeOperation::Kind kind, const Known& known,
              const std::vector<std::string>& values, absl::Time now);
  void Assign(const Known& known, absl::Time now);

  FleetParts* parts_;
  std::map<std::string, Known> known_;  // by name
  std::map<v1::Platform::Id, PlatformRules> rules_;
};

}  // namespace muster::bridge
