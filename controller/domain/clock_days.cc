#include <algorithm>

#include "absl/time/civil_time.h"
#include "controller/domain/obligation.h"

namespace muster {

absl::Time StartOfDay(absl::Time since, int days, absl::TimeZone zone) {
  const absl::CivilDay day = absl::ToCivilDay(since, zone) + days;
  const absl::TimeZone::TimeInfo midnight = zone.At(absl::CivilSecond(day));
  return midnight.kind == absl::TimeZone::TimeInfo::SKIPPED ? midnight.trans : midnight.pre;
}

int ClockDay(absl::Time since, absl::Time now, absl::TimeZone zone) {
  if (now <= since) return 0;
  const auto days = static_cast<int>(absl::ToCivilDay(now, zone) - absl::ToCivilDay(since, zone));
  // Where midnight comes twice (St. John's put its clocks back a minute after it), the day of the
  // first one has begun and does not end again.
  return StartOfDay(since, days + 1, zone) <= now ? days + 1 : std::max(days, 0);
}

absl::Time DueAt(absl::Time since, absl::TimeZone zone) {
  return StartOfDay(since, limits::kLastDay + 1, zone) - absl::Seconds(1);
}

}  // namespace muster
