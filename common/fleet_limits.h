// Caps of the engine of a bridge: how often it reads, and how soon it tries again.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace muster::limits {

// How often the list of phones is read, and how soon a phone that was seen is read again.
inline constexpr absl::Duration kPhoneListEvery = absl::Minutes(15);  // unless it is set
inline constexpr absl::Duration kMinPhoneList = absl::Seconds(5);
inline constexpr absl::Duration kMaxPhoneList = absl::Hours(24);
inline constexpr absl::Duration kPhoneReadEvery = absl::Hours(1);
inline constexpr size_t kMaxPhonePages = 1'000;     // of one list
inline constexpr size_t kMaxAppPages = 20;          // of one phone
inline constexpr size_t kMaxMemberPages = 1'000;    // of one user group
inline constexpr uint32_t kEmptyListsBelieved = 3;  // in a row, from a UEM that had phones
// A state can change by time alone, so each phone is judged this often; and reported, where
// nothing but the time of its last contact is new.
inline constexpr absl::Duration kPhoneJudgeEvery = absl::Hours(1);
inline constexpr absl::Duration kPhoneReportEvery = absl::Hours(6);
inline constexpr size_t kMaxJudgedAtOnce = 200;
// What was accepted is read back after this, then ever more rarely.
inline constexpr absl::Duration kFirstProof = absl::Seconds(10);
// A phone that is seen so soon after the UEM took a profile for it may not have got it: by the
// UEM's clock, on a connection of before.
inline constexpr absl::Duration kProfileProof = absl::Seconds(10);
inline constexpr absl::Duration kLongestProof = absl::Hours(4);
// A phone that was seen so long after a command was accepted, and has not done it, is told again.
inline constexpr absl::Duration kCommandAgain = absl::Hours(1);
inline constexpr absl::Duration kRefusedAgain = absl::Hours(24);
// A person who is not in the UEM's copy of a group so long after its sync: sync again.
inline constexpr absl::Duration kSyncAgain = absl::Minutes(30);

}  // namespace muster::limits
