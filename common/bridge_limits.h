// Caps of the bridge and of what is written for a UEM; see common/limits.h for all others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

inline constexpr size_t kMaxPhones = 65'000;        // of one bridge
inline constexpr size_t kMaxUemIdBytes = 128;       // the UEM's own id of a phone
inline constexpr size_t kMaxPhonesPerCommit = 200;  // of a bridge that is retired
// Parts of a bridge's stream that were refused and whose refusals are not on the wire yet.
inline constexpr size_t kMaxPendingRefusals = kMaxPhones;
// A phone's Hello is written no more often where it says nothing new.
inline constexpr absl::Duration kPhoneHelloInterval = absl::Minutes(1);
inline constexpr size_t kMaxPhonesPerRow = 1'000;     // of one list page, whatever was asked for
inline constexpr size_t kMaxSampledApps = 2'000;      // of one phone
inline constexpr size_t kMaxReportedPhoneApps = 500;  // of one PhoneReport
inline constexpr size_t kMaxUemTextBytes = 512;       // of one text that the UEM says
inline constexpr size_t kMaxUemAnswerBytes = size_t{16} << 20;
inline constexpr size_t kMaxGroupProblems = 64;        // of one BridgeReport
inline constexpr size_t kMaxOpenOperations = 200'000;  // of one bridge
inline constexpr uint32_t kMaxUemAttempts = 50;        // of one operation, then it is REFUSED
inline constexpr absl::Duration kUemCallTime = absl::Seconds(60);
inline constexpr absl::Duration kMaxUemBackoff = absl::Minutes(15);
// Facts that are older prove nothing.
inline constexpr absl::Duration kPhoneFactsLife = absl::Hours(48);     // since apps were read
inline constexpr absl::Duration kPhoneSeenLife = absl::Hours(7 * 24);  // since the UEM saw it
// An app that the person refused or took away is offered again after this.
inline constexpr absl::Duration kRepeatInstall = absl::Hours(24);
inline constexpr uint32_t kMaxUemPerMinute = 60'000;
// A window of the UEM's limits is a day at most; a moment that is farther away is no moment.
inline constexpr absl::Duration kMaxUemWindow = absl::Hours(24);
inline constexpr size_t kMaxAppleDeniedUrls = 500;  // of one web filter; Apple: "about 500"
inline constexpr size_t kMaxHints = 10'000;         // waiting at once; a sweep finds what is beyond
inline constexpr absl::Duration kUemTokenMargin = absl::Minutes(5);  // a token is renewed earlier
inline constexpr absl::Duration kUemSignInTime = absl::Seconds(5);   // of kUemCallTime
inline constexpr absl::Duration kMaxUemPause = absl::Hours(24);      // that its headers can ask for
inline constexpr size_t kMaxUemTokenBytes = size_t{16} << 10;
inline constexpr size_t kMaxUemJsonDepth = 16;
inline constexpr size_t kMaxUemRows = 1'000;  // of one page of any list
inline constexpr size_t kMaxHintConnections = 64;
inline constexpr size_t kMaxHintHeaderBytes = size_t{8} << 10;
inline constexpr absl::Duration kHintTime = absl::Seconds(10);  // of one request, from its start
inline constexpr size_t kMaxBridgeConfigBytes = size_t{256} << 10;
inline constexpr uint64_t kMaxParallelUemCalls = 64;
inline constexpr absl::Duration kMinUemSweep = absl::Minutes(1);
inline constexpr absl::Duration kMaxUemSweep = absl::Hours(24 * 7);
inline constexpr size_t kMaxBridgeApps = 1'000;
inline constexpr size_t kMaxSecretBytes = size_t{4} << 10;  // of one file that holds a secret
inline constexpr size_t kMaxHintBytes = size_t{64} << 10;

// The bridge's own state, and its stream to the controller.
inline constexpr size_t kMaxPendingStateBytes = size_t{256} << 20;  // while the disk is full
inline constexpr size_t kMaxBridgeAnswers = 4 * kMaxPhones;         // that wait to be sent
inline constexpr size_t kMaxUnsentAnswers = 1'024;     // then what they rest on is written
inline constexpr size_t kMaxPhoneReportsWaiting = 16;  // of one phone; each tells everything
inline constexpr size_t kMaxResidentPhones = 16;       // whose documents are in memory
inline constexpr size_t kMaxCachedBlobBytes = size_t{64} << 20;
inline constexpr size_t kMaxPhonesPerTick = 64;  // looked at before others get their turn
inline constexpr size_t kMaxWaitingUpdates = 4;  // of one phone, for chunks another one fetches
inline constexpr absl::Duration kBridgeReportEvery = absl::Minutes(1);
inline constexpr absl::Duration kBridgeStatusEvery = absl::Seconds(5);  // for `status`
inline constexpr absl::Duration kBlobSweep = absl::Hours(24);

}  // namespace muster::limits
