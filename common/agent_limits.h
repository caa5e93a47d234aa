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

// Inventory: what is read of files that others wrote.
inline constexpr size_t kMaxVersionBytes = 128;
inline constexpr size_t kMaxSignerBytes = 256;
inline constexpr size_t kMaxDesktopEntryBytes = 256 << 10;
inline constexpr size_t kMaxExecLineBytes = 4 << 10;
inline constexpr size_t kMaxPreferencesBytes = 16 << 20;  // read piece by piece, never kept
inline constexpr size_t kMaxJsonDepth = 64;
inline constexpr size_t kMaxWebApps = 256;           // of one browser profile
inline constexpr size_t kMaxBrowserProfiles = 32;    // of one browser of one account
inline constexpr size_t kMaxHomes = 256;             // that are looked into
inline constexpr size_t kMaxNamesPerFolder = 4'096;  // looked at in one folder
inline constexpr size_t kMaxNamesPerScan = 65'536;   // in all folders of one look
inline constexpr size_t kMaxProgramDepth = 3;        // below /opt
// What one home, and all files together, may take of a report (kMaxReportBytes).
inline constexpr size_t kMaxHomeItemBytes = 128 << 10;
inline constexpr size_t kMaxFileItemBytes = 768 << 10;
inline constexpr size_t kMaxGoneItems = 1'024;  // whose first day is remembered
inline constexpr size_t kMaxDpkgPathsKnown = 65'536;
inline constexpr uint64_t kMaxHashedBytes = uint64_t{1} << 30;  // larger files are not hashed
inline constexpr absl::Duration kFullInventoryInterval = absl::Hours(24);
inline constexpr absl::Duration kInventorySaveInterval = absl::Minutes(1);

// The packagers' own libraries, each in a process of its own.
inline constexpr size_t kMaxHelperBytes = 8 << 20;  // of one answer
inline constexpr absl::Duration kHelperTime = absl::Seconds(5);
inline constexpr uint64_t kHelperMemoryBytes = uint64_t{1} << 30;
inline constexpr uint64_t kHelperFileBytes = 16 << 20;

// A look at the machine may take a fiftieth of the time: then the agent stays below its share.
inline constexpr int kScanShare = 50;
inline constexpr absl::Duration kMinScanGap = absl::Milliseconds(200);
inline constexpr absl::Duration kMaxScanGap = absl::Milliseconds(800);

}  // namespace muster::limits
