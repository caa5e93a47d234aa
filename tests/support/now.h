#pragma once

#include "absl/time/time.h"

namespace muster {

/// The moment at which the tests of rules take place: 2027-01-15T08:00:00Z.
inline const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

}  // namespace muster
