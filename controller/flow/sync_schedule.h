// When the directory is read, and how deep. Pure: told the time, decides.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/flow/directory.h"

namespace muster {

// In full at the start, daily, and after a read that could not be trusted (but not more than once
// in limits::kDistrustedReadInterval); what changed every `interval`. Thread-compatible.
class SyncSchedule {
 public:
  explicit SyncSchedule(absl::Duration interval) : interval_(interval) {}

  // What is due now; nullopt: nothing yet.
  std::optional<ReadDepth> Due(absl::Time now) const;
  absl::Duration Left(absl::Time now) const;  // until something is
  void Ran(ReadDepth depth, const absl::Status& result, absl::Time now);

 private:
  const absl::Duration interval_;
  absl::Time next_ = absl::InfinitePast();
  absl::Time next_full_ = absl::InfinitePast();
  absl::Time last_full_ = absl::InfinitePast();  // tried
};

}  // namespace muster
