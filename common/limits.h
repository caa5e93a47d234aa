// Every cap in the product, by name. A list, queue, message, page or retry without a line here
// is a defect.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

// Signed documents.
inline constexpr size_t kMaxDocumentBytes = 1 << 20;
inline constexpr size_t kMaxSignatures = 16;
inline constexpr size_t kMaxReportBytes = 2 << 20;
inline constexpr size_t kMaxChunkBytes = 64 << 10;
inline constexpr size_t kMaxChunks = 512;  // of one cohort policy
inline constexpr size_t kMaxEmergencyApps = 256;
inline constexpr size_t kMaxProofs = 16;          // with one Beacon
inline constexpr size_t kMaxRootSteps = 64;       // roots kept for devices that were away
inline constexpr size_t kMaxTrustDocuments = 16;  // of one publication
inline constexpr size_t kMaxKeyFiles = 64;

// One gRPC message.
inline constexpr size_t kMaxRequestBytes = 8 << 20;

// Policy files.
inline constexpr size_t kMaxPolicyFileBytes = 256 << 10;
inline constexpr size_t kMaxPolicyFiles = 2'000;
inline constexpr int kMaxYamlDepth = 32;
inline constexpr size_t kMaxIdentitiesPerApp = 200;
inline constexpr size_t kMaxPathsPerIdentity = 32;
inline constexpr size_t kMaxIssues = 200;

inline constexpr size_t kMaxNameBytes = 128;
inline constexpr size_t kMaxPackageIdBytes = 255;
inline constexpr size_t kMaxPathBytes = 1'024;
inline constexpr size_t kMaxClientBytes = 128;
inline constexpr size_t kMaxVerifiedBytes = 512;
inline constexpr size_t kMaxQuotedBytes = 64;  // of a file's text in a message about it

// The controller's configuration.
inline constexpr size_t kMaxConfigTextBytes = 1'024;
inline constexpr size_t kMaxServerNames = 32;
inline constexpr absl::Duration kMinSyncInterval = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxSyncInterval = absl::Hours(24);
inline constexpr absl::Duration kMaxRolloutSoak = absl::Hours(24 * 7);
inline constexpr absl::Duration kMinLdapTimeout = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxLdapTimeout = absl::Minutes(5);

// Text an operator or another system sends.
inline constexpr size_t kMaxAppIdBytes = 64;
inline constexpr size_t kMaxUpnBytes = 256;
inline constexpr size_t kMaxTicketBytes = 128;
inline constexpr size_t kMaxReasonBytes = 4'096;
inline constexpr size_t kMaxHostnameBytes = 253;

// Requests and grants.
inline constexpr absl::Duration kDefaultTerm = absl::Hours(24 * 180);
inline constexpr absl::Duration kMaxTerm = absl::Hours(24 * 365);
inline constexpr absl::Duration kRecertificationNotice = absl::Hours(24 * 30);
inline constexpr absl::Duration kExportDeadline = absl::Hours(24 * 20);
inline constexpr absl::Duration kMaxBreakGlassTerm = absl::Hours(72);
inline constexpr absl::Duration kBreakGlassReview = absl::Hours(24);   // due then
inline constexpr absl::Duration kDeadlineInterval = absl::Seconds(1);  // between looks at them
inline constexpr absl::Duration kMinSla = absl::Seconds(1);
inline constexpr absl::Duration kMaxSla = absl::Hours(24 * 90);
inline constexpr size_t kMaxEscalations = 8;

// Sign-in with a password.
inline constexpr uint32_t kSignInFailures = 4;  // then the account waits; fewer than AD's own limit
inline constexpr absl::Duration kSignInLock = absl::Minutes(15);
inline constexpr uint32_t kSignInsPerMinute = 10;  // of one address
inline constexpr size_t kMaxSignInAddresses = 10'000;
inline constexpr size_t kMaxPasswordBytes = 256;
inline constexpr absl::Duration kSessionLife = absl::Hours(1);
inline constexpr size_t kMaxSessionTokenBytes = 128;

// Webhooks.
inline constexpr size_t kMaxWebhooks = 16;
inline constexpr size_t kMaxWebhookTopics = 64;
inline constexpr size_t kMaxWebhookBody = 256 << 10;
inline constexpr absl::Duration kWebhookTimeout = absl::Seconds(10);
inline constexpr absl::Duration kMinWebhookPause = absl::Seconds(1);
inline constexpr absl::Duration kMaxWebhookPause = absl::Minutes(15);
inline constexpr size_t kWebhookEntries = 500;  // of the log, looked at in one go

// Guidance.
inline constexpr size_t kMaxGuidanceBytes = 64 << 10;
inline constexpr size_t kMaxTemplates = 128;

// Pages.
inline constexpr size_t kDefaultPage = 100;
inline constexpr size_t kMaxPage = 1'000;

// Documents' lives (DESIGN: cohort 14 d, assignment 30 d, root 1 y).
inline constexpr absl::Duration kRootLife = absl::Hours(24 * 365);
inline constexpr absl::Duration kCohortLife = absl::Hours(24 * 14);
inline constexpr absl::Duration kAssignmentLife = absl::Hours(24 * 30);
inline constexpr absl::Duration kBeaconLife = absl::Hours(24);
inline constexpr absl::Duration kBeaconInterval = absl::Minutes(15);
inline constexpr absl::Duration kEmergencyDenyLife = absl::Hours(24 * 14);

// Enrolment.
inline constexpr absl::Duration kDefaultTokenTtl = absl::Hours(1);
inline constexpr absl::Duration kMaxTokenTtl = absl::Hours(24 * 7);
inline constexpr absl::Duration kDeviceCertificateLife = absl::Hours(24 * 365);
inline constexpr absl::Duration kMinCertificateLife = absl::Seconds(10);
inline constexpr absl::Duration kMaxCertificateLife = absl::Hours(24 * 825);
inline constexpr size_t kMaxGroupBytes = 64;
inline constexpr size_t kMaxCsrBytes = 16 << 10;

// Devices and agents.
inline constexpr size_t kMaxLocalAccounts = 200;
inline constexpr size_t kMaxInventoryItems = 20'000;
inline constexpr size_t kMaxExecItemsPerReport = 500;
inline constexpr size_t kMaxExecRecordsPerDevice = 500;
inline constexpr size_t kMaxSpooledReports = 2'000;
inline constexpr uint64_t kMaxReportsSkipped = 1'000'000;
inline constexpr size_t kMaxFilesPerPackage = 4'096;
inline constexpr size_t kMaxLearnedHashes = 4'096;
inline constexpr size_t kMaxControlMessageBytes = 256 << 10;
inline constexpr absl::Duration kDefaultDisarm = absl::Minutes(30);
inline constexpr absl::Duration kMaxDisarm = absl::Hours(8);
inline constexpr absl::Duration kExecDeadline = absl::Milliseconds(250);

inline constexpr size_t kMaxKnownDocuments = 16;  // that one Hello names
inline constexpr size_t kMaxOutboxAnswers = 1'024;
inline constexpr size_t kMaxPemBytes = 64 << 10;
inline constexpr size_t kMaxTokenFileBytes = 4 << 10;
inline constexpr size_t kMaxControlClients = 32;
inline constexpr size_t kMaxWatches = 4'096;
inline constexpr size_t kMaxExecRecordsWaiting = 4'096;
inline constexpr size_t kMaxCachedHashes = 4'096;
inline constexpr size_t kMaxSlowTasks = 256;
inline constexpr size_t kMaxMountInfoBytes = 16 << 20;
inline constexpr size_t kMaxStateFileBytes = 40 << 20;  // accepted.pb with all its chunks
inline constexpr size_t kMaxDpkgStatusBytes = 64 << 20;
inline constexpr size_t kMaxDpkgListBytes = 32 << 20;
inline constexpr size_t kMaxPasswdBytes = 4 << 20;
inline constexpr size_t kMaxSnapYamlBytes = 256 << 10;
inline constexpr absl::Duration kMaxDrainWindow = absl::Hours(1);
inline constexpr absl::Duration kMaxReportInterval = absl::Minutes(5);
inline constexpr size_t kMaxInstanceIdBytes = 64;
inline constexpr size_t kMaxAlarms = 16;                          // kept per device
inline constexpr absl::Duration kAlarmInterval = absl::Hours(1);  // per device and code

// Streams.
inline constexpr size_t kMaxLoggedBytes = 256;  // of one text of an agent's in the log
inline constexpr absl::Duration kStuckStream = absl::Seconds(60);  // no progress
inline constexpr uint32_t kReportsPerMinute = 600;                 // then a Throttle
inline constexpr absl::Duration kThrottledInterval = absl::Seconds(1);
inline constexpr uint32_t kReconnectsPerSecond = 600;  // what a Drain's window spreads to
inline constexpr absl::Duration kMinDrainWindow = absl::Milliseconds(200);

// musterctl.
inline constexpr int kMaxReplyBytes = 64 << 20;
inline constexpr int kMaxPages = 10'000;
inline constexpr size_t kMaxProfileBytes = 16 << 10;
inline constexpr size_t kMaxCommitBytes = 128;
inline constexpr size_t kMaxSimulatedItems = 10'000;
inline constexpr size_t kMaxApplyBytes = (4 << 20) - (64 << 10);

// Directory.
inline constexpr size_t kMaxForeignMembers = 10'000;
inline constexpr size_t kMaxLdapPages = 100'000;
inline constexpr size_t kMaxLdapRanges = 10'000;
inline constexpr int64_t kMaxLdifBytes = int64_t{1} << 30;
inline constexpr int kMaxLdifLockAttempts = 500;  // 10 ms apart
inline constexpr size_t kMaxGroupDepth = 64;
inline constexpr size_t kMaxGroupsPerApp = 10'000;
inline constexpr size_t kMaxPersons = 2'000'000;
inline constexpr size_t kLdapPage = 1'000;
inline constexpr size_t kDnsPerFilter = 50;
inline constexpr size_t kMaxDirectoryServers = 32;
inline constexpr size_t kMaxDirectoryChanges = 10'000;  // at once; more: everything is read anew
inline constexpr int kDirSyncBytes = 4 << 20;           // of one part of an answer
inline constexpr size_t kMaxListedAdds = 1'000;         // in a stored run; all are applied
inline constexpr size_t kMaxListedRemovals = 100'000;   // in a stored run; the same
inline constexpr uint64_t kMaxStoredRuns = 1'000;
inline constexpr size_t kPersonsPerCommit = 2'000;  // of a sync that changes many
inline constexpr size_t kAuditsPerCommit = 2'000;   // the same, of members added
inline constexpr size_t kMaxDirectoryAlarms = 100;  // shown at once
inline constexpr int kMaxAliases = 64;              // of a person
inline constexpr size_t kMaxPastRoles = 100;        // shown of a person
inline constexpr absl::Duration kVanishedMemberShown = absl::Hours(24 * 7);
inline constexpr absl::Duration kFullReadInterval = absl::Hours(24);
inline constexpr absl::Duration kDistrustedReadInterval = absl::Minutes(1);  // then a full one
inline constexpr absl::Duration kFailedRunInterval = absl::Minutes(10);      // the same error again
inline constexpr absl::Duration kReadRecordInterval = absl::Minutes(1);      // that it went well
inline constexpr uint32_t kHeldRemovalsFloor = 5;  // removals above max(5, 5 %) are held
inline constexpr uint32_t kHeldRemovalsPercent = 5;

}  // namespace muster::limits
