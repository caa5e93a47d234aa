// Durations that tests count in.
#pragma once

#include "absl/time/time.h"

namespace muster {

inline constexpr absl::Duration kDay = absl::Hours(24);

}  // namespace muster
