// Why an app is allowed or blocked for one person on one device, in the words of the decision.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/services.h"
#include "muster/v1/explain.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster {

// The same decision the agent makes, from the controller's state, with the facts that led to it
// in front of the chain: the app's identities on the device, the person on the device, the
// policy the device runs. NOT_FOUND: no such person, device or app.
absl::StatusOr<v1::Explanation> Explain(const Services& services, const DeviceHub& hub,
                                        const std::string& person_upn, const std::string& device_id,
                                        const std::string& app_id);

// The emergency deny that holds at `now`; nullopt: there is none.
absl::StatusOr<std::optional<v1::EmergencyDeny>> EmergencyDenyAt(const Snapshot& snapshot,
                                                                 absl::Time now);

}  // namespace muster
