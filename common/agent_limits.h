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
inline constexpr absl::Duration kProofTime = absl::Seconds(20);  // for all of them together

// Looking closer at what started.
inline constexpr size_t kMaxArguments = 16;
// More than the kernel takes (3/4 of 8 MB): nobody hides a file behind long options.
inline constexpr size_t kMaxCommandLineBytes = 8 << 20;
inline constexpr absl::Duration kSlowTask = absl::Milliseconds(500);  // then others go on beside it
inline constexpr size_t kMaxLaneThreads = 32;
inline constexpr size_t kMaxInspections = 512;                   // waiting at once
inline constexpr size_t kMaxKnownPrograms = 4'096;               // whether they are interpreters
inline constexpr size_t kMaxNamespaces = 4'096;                  // of mounts, watched at once
inline constexpr absl::Duration kLookAround = absl::Seconds(2);  // for mount namespaces
// New filesystems one after the other are probed together.
inline constexpr absl::Duration kMinProofGap = absl::Seconds(10);

// A cohort may report only for so long at a time.
inline constexpr absl::Duration kMaxCohortMonitor = absl::Hours(30 * 24);

// Reports that the full disk did not take and that nothing else would tell again.
inline constexpr size_t kMaxUnsavedReports = 16;

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
inline constexpr absl::Duration kWorkerSilence = absl::Seconds(30);  // then it is replaced
inline constexpr absl::Duration kGateAnswerTime = absl::Minutes(1);
inline constexpr absl::Duration kGuardPeriod = absl::Milliseconds(50);
inline constexpr absl::Duration kSupervisorSilence = absl::Milliseconds(120);
// The worker is first, so that it can tell; the kernel goes on for both where both were stopped.
inline constexpr absl::Duration kContinueAfter = absl::Milliseconds(190);
inline constexpr absl::Duration kWorkerKillTime = absl::Seconds(1);  // after SIGKILL
inline constexpr size_t kMaxLeavingWorkers = 4;  // killed, but held by a filesystem that hangs
inline constexpr absl::Duration kVersionTime = absl::Seconds(2);     // of a new version, to say it
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
// Inventory: what is read of files that others wrote.
inline constexpr size_t kMaxVersionBytes = 128;
inline constexpr size_t kMaxSignerBytes = 256;
inline constexpr size_t kMaxDesktopEntryBytes = 256 << 10;
inline constexpr size_t kMaxExecLineBytes = 4 << 10;
inline constexpr size_t kMaxPreferencesBytes = 16 << 20;  // read piece by piece, never kept
inline constexpr size_t kMaxWebApps = 256;                // of one browser profile
inline constexpr size_t kMaxBrowserProfiles = 32;         // of one browser of one account
inline constexpr size_t kMaxHomes = 256;                  // that are looked into
inline constexpr size_t kMaxNamesPerFolder = 4'096;       // looked at in one folder
inline constexpr size_t kMaxNamesPerScan = 65'536;        // in all folders of one look
inline constexpr size_t kMaxProgramDepth = 3;             // below /opt
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

// Archive work; what exports themselves may be is in archive_limits.h.
inline constexpr absl::Duration kExportLookInterval = absl::Seconds(5);  // at export folders
inline constexpr size_t kMaxReadsPerStep = 16;
inline constexpr int kMaxReadTries = 5;  // then a file counts as unreadable until it changes
inline constexpr absl::Duration kMaxReadPause = absl::Minutes(10);
inline constexpr absl::Duration kMinPackPause = absl::Seconds(5), kMaxPackPause = absl::Minutes(15);
// So long a device waits for a repository before it makes a salt of its own.
inline constexpr absl::Duration kSaltWait = absl::Hours(24);
inline constexpr absl::Duration kSaltRetry = absl::Minutes(1);
inline constexpr size_t kSaltBytes = 32;
inline constexpr size_t kMaxSubmissions = 16;  // files handed over and not packed yet
inline constexpr size_t kMaxArchiveReportBytes = 1 << 20;
inline constexpr size_t kMaxUntold = 200;  // statements, windows … not reported yet
inline constexpr size_t kMaxRefusedFiles = 1'000;
inline constexpr size_t kMaxTold = 1'024;
inline constexpr absl::Duration kArchiveNoticeInterval = absl::Hours(24);  // per person and matter
inline constexpr size_t kMaxArchiveProblems = 32;
inline constexpr size_t kMaxChatNameBytes = 1'024;

}  // namespace muster::limits
