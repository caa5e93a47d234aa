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

// Web clients, blocked by the browsers' own managed policy.
inline constexpr size_t kMaxWebHostsPerApp = 16;
// Chromium (URLBlocklist) and Firefox (WebsiteFilter) read no more entries than these.
inline constexpr size_t kMaxBrowserPatterns = 1000;
inline constexpr size_t kMaxBrowserPolicyBytes = 1 << 20;  // of one file
inline constexpr size_t kMaxBrowserPolicyFiles = 256;      // looked at in one directory
inline constexpr size_t kMaxJsonDepth = 64;
inline constexpr size_t kMaxBrowserNotes = 32;
inline constexpr absl::Duration kSameTampering = absl::Minutes(1);  // one entry, not one per edit

// Between supervisor and worker.
inline constexpr size_t kMaxGateFrameBytes = 64 << 20;
inline constexpr absl::Duration kWorkerSilence = absl::Seconds(10);  // then it is replaced
inline constexpr absl::Duration kMinWorkerPause = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxWorkerPause = absl::Seconds(30);

}  // namespace muster::limits
