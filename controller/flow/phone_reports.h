// What a bridge reports of its phones and of itself -> stored facts.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "muster/v1/bridge.pb.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/phone.pb.h"

namespace muster {

// Stores the report of the phone `device` within `mutation`; texts are shortened, entries beyond
// limits::kMaxReportedPhoneApps are left out. An app that comes into violation, or that cannot be
// kept from this phone, is an audit entry, once; so is its end, which is when the report says that
// it is as it should be, or names it no more. What is only PENDING or UNKNOWN ends nothing. A phone
// that its UEM manages no longer is gone for whoever owes exports from it. True: its owner changed.
absl::StatusOr<bool> WritePhoneReport(const Services& services, const Snapshot& snapshot,
                                      const Actor& actor, const v1::PhoneReport& report,
                                      v1::Device& device, Mutation& mutation);

// A bridge's word on itself, shortened.
v1::BridgeReport KeptBridgeReport(const v1::BridgeReport& report);

// The status of a phone that its bridge has reported on; nullopt: it has not yet, or is no phone.
absl::StatusOr<std::optional<v1::PhoneStatus>> FindPhoneStatus(const Snapshot& snapshot,
                                                               const v1::Device& device);

}  // namespace muster
