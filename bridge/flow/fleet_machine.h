// The inside of a Fleet: its parts, put together.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "bridge/domain/pacer.h"
#include "bridge/flow/fleet.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/groups.h"
#include "bridge/flow/judging.h"
#include "bridge/flow/memberships.h"
#include "bridge/flow/phone_lister.h"
#include "bridge/flow/phone_reader.h"
#include "bridge/flow/sender.h"
#include "bridge/flow/uem_health.h"

namespace muster::bridge {

struct Fleet::Machine {
  Machine(FleetOptions options, BridgeStore* store, FleetEvents events);

  // What an item of the agenda asks for; empty: nothing, or not now.
  absl::StatusOr<std::optional<UemCall>> CallFor(const Agenda::Taken& taken, absl::Time now);
  void Dispatch(const UemCall& call, const UemAnswer& answer, absl::Time now);
  void OnSeen(Phone& phone, PhoneBook::Seen seen, absl::Time now);
  void OnContact(Phone& phone, absl::Time now);
  void OnGone(const std::string& device_id, absl::Time now);
  void Hint(const std::string& uem_id, absl::Time now);
  void OnPolicy(Phone& phone, PhonePolicyPtr policy, absl::Time now);
  absl::Time NextCallAt(absl::Time now) const;

  FleetParts parts;
  Judging judging;
  Groups groups;
  Memberships memberships;
  Sender sender;
  PhoneLister lister;
  PhoneReader reader;
  Pacer pacer;
  UemHealth health;
  std::set<std::string> unknown;  // the UEM's ids that hints name and no list has
  uint32_t in_flight = 0;
  bool simulator = false;
  absl::Time last_answer_at = absl::InfinitePast();
  RateLimit limit;
};

}  // namespace muster::bridge
