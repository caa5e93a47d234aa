// Durations as operators write and read them: "180d", "12h", "1h30m". Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::cli {

// One or more of <whole number><unit> with the units d, h, m, s, largest first, each at most
// once. INVALID_ARGUMENT for anything else, for zero, and for more than 3,650 days.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// The same form, units that are zero left out: 180 days are "180d", 90 minutes are "1h30m".
// Sub-second rests are whole milliseconds ("1s250ms"); zero is "0s"; a negative one begins
// with "-".
std::string DurationText(absl::Duration d);

}  // namespace muster::cli
