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

inline constexpr size_t kMaxTampering = 32;  // kept, newest last

// Between supervisor and worker.
inline constexpr size_t kMaxGateFrameBytes = 64 << 20;
inline constexpr absl::Duration kWorkerSilence = absl::Seconds(10);  // then it is replaced
inline constexpr absl::Duration kMinWorkerPause = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxWorkerPause = absl::Seconds(30);

// Notices to people.
inline constexpr size_t kMaxNoticeBytes = 480;  // title and body
inline constexpr size_t kMaxNoticeLineBytes = 512;
inline constexpr size_t kMaxNoticeNameBytes = 80;  // of the app, as far as it is shown
inline constexpr absl::Duration kNoticeInterval = absl::Seconds(60);  // per person and app
inline constexpr size_t kMaxNoticesPerInterval = 512;                 // of all persons
inline constexpr size_t kMaxNoticesPerPerson = 16;  // within one interval: that many apps
inline constexpr size_t kMaxNoticesWaiting = 32;    // to be sent
inline constexpr size_t kMaxNoticeHelpers = 4;      // desktop notices on their way
inline constexpr absl::Duration kNoticeHelperTime = absl::Seconds(2);
inline constexpr size_t kMaxExplainLineBytes = 4'096;  // of an explanation, as a person reads it

}  // namespace muster::limits
