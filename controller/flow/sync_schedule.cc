#include "controller/flow/sync_schedule.h"

#include <algorithm>

#include "common/limits.h"

namespace muster {

std::optional<ReadDepth> SyncSchedule::Due(absl::Time now) const {
  if (now < next_) return std::nullopt;
  return now >= next_full_ ? ReadDepth::kFull : ReadDepth::kChanges;
}

absl::Duration SyncSchedule::Left(absl::Time now) const {
  return std::max(next_ - now, absl::ZeroDuration());
}

void SyncSchedule::Ran(ReadDepth depth, const absl::Status& result, absl::Time now) {
  next_ = now + interval_;
  if (depth == ReadDepth::kFull) {
    last_full_ = now;
    // One that failed is tried again with the next read.
    if (result.ok()) next_full_ = now + limits::kFullReadInterval;
  }
  if (absl::IsDataLoss(result)) next_full_ = last_full_ + limits::kDistrustedReadInterval;
}

}  // namespace muster
