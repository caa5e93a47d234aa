// The retention policy in force, and what agents are told of it.
#pragma once

#include "absl/status/statusor.h"
#include "controller/domain/obligation.h"
#include "controller/flow/records.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/guidance.pb.h"

namespace muster {

// With the defaults where the agency has set none: UTC, limits.h, nothing packed.
absl::StatusOr<v1::RetentionPolicy> LoadRetention(const Snapshot& snapshot);

// UTC where none is set. INTERNAL: this machine does not know the zone, which was checked when the
// policy was applied; another one would count other days.
absl::StatusOr<absl::TimeZone> AgencyZone(const v1::RetentionPolicy& policy);
// The same error.
absl::StatusOr<ClockSettings> ClockSettingsOf(const v1::RetentionPolicy& policy);

}  // namespace muster
