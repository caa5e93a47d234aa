// The waves in which a cohort policy reaches the fleet: shown, gated, and decided by people.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/domain/rollout.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// Takes the next step of every running rollout whose wave allows it: next wave, end, or a pause
// when too many devices refused. True: something changed, and the hub has to be told.
absl::StatusOr<bool> AdvanceRollouts(const Services& services, const DeviceHub& hub,
                                     const RolloutOptions& options);

struct RolloutOutcome {
  v1::Rollout rollout;
  Touched touched;
};
// NOT_FOUND: nothing of that name was ever published ("cohort/linux" or "linux");
// FAILED_PRECONDITION: the action does not fit the state; INVALID_ARGUMENT: no reason. An abort
// publishes what was current before as a newer version; the refused content stays out until
// something else is applied.
absl::StatusOr<RolloutOutcome> DecideRollout(const Services& services, const Actor& actor,
                                             RolloutAction action, const std::string& name,
                                             const std::string& reason, bool dry_run);

absl::Status ListRollouts(const Services& services, const DeviceHub& hub,
                          const v1::ListRolloutsRequest& in, v1::ListRolloutsResponse& out);

}  // namespace muster
