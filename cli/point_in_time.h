// Points in time as operators write them. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster::cli {

// RFC 3339 ("2026-03-01T08:00:00Z"), a day, which begins in UTC ("2026-03-01"), or how long before
// `now` ("24h", see duration.h). INVALID_ARGUMENT for anything else.
absl::StatusOr<absl::Time> ParsePointInTime(absl::string_view text, absl::Time now);

}  // namespace muster::cli
