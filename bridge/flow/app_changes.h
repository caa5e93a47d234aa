// Installing and removing apps, and profiles: from what should be done to operations, and from what
// was read to their end.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bridge/domain/phone_state.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/phone_reader.h"
#include "bridge/flow/rulings.h"

namespace muster::bridge {

// What a fresh reading says of the operations of its phone that were sent before it. `record`
// holds everything that was read.
void SettleApps(FleetParts& parts, const v1::PhoneRecord& record, absl::Time began, absl::Time now);

// Makes operations of the actions that are due, and drops what is wanted no more and was not
// sent. `ended`: grants whose end is the reason.
void QueueActions(FleetParts& parts, const v1::PhoneRecord& record, const PhonePolicy& policy,
                  const std::vector<WantedAction>& actions, const std::vector<GrantChange>& ended,
                  absl::Time now);

// The same for the restrictions profile; `hash` empty: none is wanted. `changed`: grants that
// began or ended: then it is urgent.
void QueueProfile(FleetParts& parts, const v1::PhoneRecord& record, const PhonePolicy& policy,
                  const std::string& hash, const std::vector<GrantChange>& changed, absl::Time now);

}  // namespace muster::bridge
