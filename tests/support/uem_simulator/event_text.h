// The body of an event notification. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {

// JSON, or XML where the rule says so. `event_type`: one of the strings that were seen, e.g.
// "MDM Enrollment Complete".
SimEvent MakeEvent(const EventRule& rule, const PhoneState& phone, const std::string& event_type,
                   uint64_t event_id, absl::Time now);

}  // namespace muster::uemsim
