// What is kept of a reading of a phone's apps. Pure.
#pragma once

#include <optional>

#include "bridge/domain/phone_policy.h"
#include "bridge/flow/phone_reader.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

// Everything that was read, into the record.
void KeepReading(const PhoneReading& reading, v1::PhoneRecord& record);

// Apps were chosen by a catalogue: what another one names may have been left out, so its absence
// was never read. True: it was another one; the apps are forgotten, and are to be read again.
bool ForgetOtherCatalogue(const PhonePolicy& policy, v1::PhoneRecord& record);

// Everything installed, from a record that holds a whole reading; empty: it is as reported before.
// From then on the record holds catalogued apps only.
std::optional<v1::InventoryReport> TakeInventory(const PhonePolicy& policy,
                                                 v1::PhoneRecord& record);
// A record that holds a whole reading which was not compared yet: there was no policy then.
// The same where it says nothing yet: TakeFirstSample().
void KeepUnsampled(v1::PhoneRecord& record);
bool HoldsWholeReading(const v1::PhoneRecord& record);

}  // namespace muster::bridge
