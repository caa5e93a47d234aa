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

// Looking closer at what started.
inline constexpr size_t kMaxArguments = 16;
inline constexpr size_t kMaxCommandLineBytes = 16 << 10;
inline constexpr size_t kMaxInspections = 512;       // waiting at once
inline constexpr size_t kMaxKnownPrograms = 4'096;   // whether they are interpreters
inline constexpr absl::Duration kLookAround = absl::Seconds(2);  // for mount namespaces

inline constexpr size_t kMaxTampering = 32;  // kept, newest last

// Between supervisor and worker.
inline constexpr size_t kMaxGateFrameBytes = 64 << 20;
inline constexpr absl::Duration kWorkerSilence = absl::Seconds(30);  // then it is replaced
inline constexpr absl::Duration kGateAnswerTime = absl::Minutes(1);
inline constexpr absl::Duration kGuardPeriod = absl::Milliseconds(50);
inline constexpr absl::Duration kSupervisorSilence = absl::Milliseconds(120);
inline constexpr absl::Duration kWorkerStopTime = absl::Seconds(5);  // after SIGTERM
inline constexpr absl::Duration kMinWorkerPause = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxWorkerPause = absl::Seconds(30);

// What identifies a program.
inline constexpr size_t kMaxElfProgramHeaders = 128;
inline constexpr size_t kMaxElfSections = 4'096;
inline constexpr size_t kMaxElfNoteBytes = 64 << 10;  // of all notes that are read in one file
inline constexpr size_t kMaxElfNamesBytes = 256 << 10;
inline constexpr size_t kMinBuildIdBytes = 8, kMaxBuildIdBytes = 64;
inline constexpr int kMaxFoldersToRuntime = 8;  // from a program up to the folder of its runtime
inline constexpr size_t kMaxCompanionHashes = 256;  // kept, by stamp
inline constexpr size_t kMaxContentMatches = 64;    // apps that share one runtime, and versions

}  // namespace muster::limits
