#include "cli/point_in_time.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "cli/duration.h"

namespace muster::cli {

absl::StatusOr<absl::Time> ParsePointInTime(absl::string_view text, absl::Time now) {
  absl::Time out;
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%d"}) {
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &out, nullptr)) return out;
  }
  if (const absl::StatusOr<absl::Duration> ago = ParseDuration(text); ago.ok()) return now - *ago;
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text,
      "' is no time: write e.g. 2026-03-01T08:00:00Z, 2026-03-01, or 24h for a day before now"));
}

}  // namespace muster::cli
