// Caps of exports, bags, obligations and incidents; see limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

// Reading an export.
inline constexpr size_t kMaxEntryBytes = 1 << 20;  // the apps allow 65,536 characters
inline constexpr size_t kMaxAuthorBytes = 512;
inline constexpr size_t kMaxAuthors = 100'000;  // told apart; beyond it the count is a floor
inline constexpr size_t kMaxListedAuthors = 4'096;
inline constexpr size_t kMaxExportProblems = 32;
inline constexpr uint64_t kMaxExportBytes = uint64_t{16} << 30;  // of one file, and unpacked
inline constexpr size_t kMaxZipMembers = 100'000;
inline constexpr uint64_t kMaxZipRatio = 200;  // unpacked to packed, of a member over 1 MiB
inline constexpr size_t kMaxListedFiles = 1'000;
inline constexpr size_t kMaxZipNameBytes = 1'024;
inline constexpr size_t kMaxZipDirectoryBytes = 32 << 20;  // kMaxZipMembers with usual names
inline constexpr size_t kExportHeadBytes = 64 << 10;       // tells a chat from another text
inline constexpr size_t kMaxZipTexts = 64;                 // looked into, to find the chat
inline constexpr uint64_t kArchiveReaderMemoryBytes = 256 << 20;
inline constexpr size_t kMaxArchiveAnswerBytes = 4 << 20;
// The apps write no more than these, and leave out the oldest.
inline constexpr uint64_t kExportCapWithMedia = 10'000, kExportCapWithoutMedia = 40'000;

// Bags.
inline constexpr size_t kMaxTagFileBytes = 16 << 20;
inline constexpr size_t kMaxBagFiles = 10'000;
inline constexpr size_t kMaxBagDepth = 32;  // of folders
inline constexpr size_t kMaxBagPathBytes = 4'096;
inline constexpr size_t kMaxBagIdBytes = 128;
inline constexpr size_t kMaxBagsPerRun = 100'000;  // looked at by `musterctl records`
inline constexpr size_t kMaxBagInfoFields = 256;
inline constexpr size_t kMaxReceiptsPerCall = 100;

// The clock (44 U.S.C. 2911), in calendar days of the agency's time zone.
inline constexpr int kDueSoonDay = 14, kUrgentDay = 18, kLastDay = 20;
inline constexpr absl::Duration kDefaultOverdueGrace = absl::Hours(24 * 5);
inline constexpr absl::Duration kMaxOverdueGrace = absl::Hours(24 * 365);
inline constexpr absl::Duration kDefaultSilentAfter = absl::Hours(24 * 3);
inline constexpr absl::Duration kMinSilentAfter = absl::Hours(1);
inline constexpr absl::Duration kMaxSilentAfter = absl::Hours(24 * 30);
inline constexpr absl::Duration kMaxUpdateEvery = absl::Hours(24 * 366);
inline constexpr absl::Duration kDefaultUpdateEvery = absl::Hours(24 * 30);
inline constexpr int kOverdueReminderDays = 7;  // between reminders while overdue

// What the controller keeps.
inline constexpr size_t kMaxChatsPerPerson = 2'000;  // of one app
inline constexpr size_t kMaxExportsPerChat = 1'000;  // the oldest that others cover go first
inline constexpr size_t kMaxExportsPerReport = 200;
inline constexpr size_t kMaxParticipantKeys = 1'024;  // of one export
inline constexpr size_t kMaxIntervals = 64;           // shown of one chat
inline constexpr size_t kMaxIncidentText = 16 << 10;
inline constexpr size_t kMaxIncidentChats = 2'000;
inline constexpr size_t kMaxIncidentHistory = 256;
inline constexpr size_t kMaxReportExports = 1'000;  // listed in the report of a loss
inline constexpr size_t kMaxAuditedChats = 50;      // of an incident, in one audit entry
inline constexpr absl::Duration kLossReportLife = absl::Hours(24 * 3'650);
inline constexpr size_t kMaxFigureGroups = 5'000;     // offices or persons told apart in a report
inline constexpr size_t kMaxReportRows = 20'000;      // of one list that is not paged
inline constexpr int kDailyFigureDays = 400;          // then one day a month is kept
inline constexpr size_t kFigureAuditEntries = 5'000;  // counted in one round
inline constexpr size_t kFigureAuditStep = 500;       // passed over before that is stored
inline constexpr size_t kMaxHolds = 10'000;
inline constexpr size_t kMaxHoldPersons = 1'000;  // of one matter
inline constexpr size_t kMaxSchedules = 64;
inline constexpr size_t kMaxAssignedObligations = 500;  // in one assignment
inline constexpr size_t kMaxArchivePersonsPerRound = 2'000;
inline constexpr size_t kArchiveWalkStep = 200;  // persons marked at once

// The agent's archive work.
inline constexpr size_t kMaxKnownExports = 4'096;
inline constexpr size_t kMaxKnownChats = 2'000;
inline constexpr size_t kMaxTailEntries = 256;      // fingerprints of an export's end
inline constexpr size_t kMaxFolderExports = 1'000;  // looked at in one folder
inline constexpr absl::Duration kExportWindow = absl::Minutes(30);
inline constexpr absl::Duration kExportSettleTime = absl::Seconds(2);  // unchanged, then read
inline constexpr absl::Duration kExportReadTime = absl::Minutes(10);   // of the reading process
inline constexpr size_t kMaxReceiptsPending = 256;  // offered to one device at once

}  // namespace muster::limits
