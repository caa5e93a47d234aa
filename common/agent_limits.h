// Caps of the agent alone; see limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

// Proof of enforcement.
inline constexpr size_t kMaxCanaries = 512;  // filesystems that are probed; the rest is said
inline constexpr absl::Duration kCanaryInterval = absl::Hours(1);
inline constexpr absl::Duration kCanaryTime = absl::Seconds(2);  // for one probe

// New filesystems one after the other are probed together.
inline constexpr absl::Duration kMinProofGap = absl::Seconds(10);

// A cohort may report only for so long at a time.
inline constexpr absl::Duration kMaxCohortMonitor = absl::Hours(30 * 24);

// Reports that the full disk did not take and that nothing else would tell again.
inline constexpr size_t kMaxUnsavedReports = 16;

inline constexpr size_t kMaxTampering = 32;  // kept, newest last

// Between supervisor and worker.
inline constexpr size_t kMaxGateFrameBytes = 64 << 20;
inline constexpr absl::Duration kWorkerSilence = absl::Seconds(10);  // then it is replaced
inline constexpr absl::Duration kMinWorkerPause = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxWorkerPause = absl::Seconds(30);

}  // namespace muster::limits
