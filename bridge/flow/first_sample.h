// Whether a list of a phone's apps says anything: the UEM answers from its last sample, and its
// answer is as empty where it has none yet. No field tells the two apart.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/phone_reader.h"

namespace muster::bridge {

// Of the operation that asks a phone for its first sample.
std::string FirstSampleKey(const std::string& device_id);

// True: `reading` shows what is on the phone. A list without an installed app does where one of
// this enrolment was believed before, or the phone was seen after the UEM was told to ask it,
// though it refused to.
// False: it is told so (once, through the outbox), and the phone is read again. `record` is as
// before the reading.
bool TakeFirstSample(FleetParts& parts, const v1::PhoneRecord& record, const PhoneReading& reading,
                     absl::Time now);

// The UEM took the query.
void OnFirstSampleAsked(FleetParts& parts, v1::BridgeOperation query, absl::Time now);

}  // namespace muster::bridge
