// The restrictions profile of an iPhone: what it hides, as a file. Pure but for the signature.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/domain/phone_state.h"
#include "bridge/flow/fleet_options.h"

namespace muster::bridge {

// Where nothing is hidden it lifts what one of before hides. An error of the signature is its own.
absl::StatusOr<std::string> MakeProfile(const FleetOptions& options, const std::string& person,
                                        const PhonePolicy& policy, const PhoneView& view,
                                        absl::Time now);

}  // namespace muster::bridge
