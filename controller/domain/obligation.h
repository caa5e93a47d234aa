// The 20-day clock (44 U.S.C. 2911): what must be exported by when, and what that means now. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "controller/domain/coverage.h"
#include "muster/v1/archive.pb.h"

namespace muster {

struct ClockSettings {
  absl::TimeZone zone;           // the agency's
  absl::Duration overdue_grace;  // OVERDUE for so long: the grant becomes export-only
  absl::Duration silent_after;   // the device not heard of for so long: UNKNOWN
};

// Calendar days of `zone` from the day of `since` to the day of `now`; never negative.
int ClockDay(absl::Time since, absl::Time now, absl::TimeZone zone);
// The first moment of the calendar day `days` after that of `since`.
absl::Time StartOfDay(absl::Time since, int days, absl::TimeZone zone);
// The last moment of day 20: OVERDUE begins with StartOfDay(since, 21).
absl::Time DueAt(absl::Time since, absl::TimeZone zone);

struct ObligationFacts {
  absl::Time began_at;
  std::optional<absl::Time> ended_at;  // the grant is over, or app or device are gone, since
  bool gone = false;                   // app or device are gone: what is uncovered may be lost
  Coverage coverage;                   // of this chat; of the chat "": no exports
  bool export_blocked = false;         // the person says that the app refuses
  bool gap_decided = false;            // an incident about the gap came to an end
  bool loss_decided = false;           // an incident about the loss came to an end
  std::string incident_id;             // open
  absl::Time last_seen_at;             // of the device
};

// The obligation as it is at `now`: state (the worst that holds: LOSS_SUSPECTED, RECEIPT_MISMATCH,
// OVERDUE, UNKNOWN, GAP_SUSPECTED, EXPORT_BLOCKED, URGENT, DUE_SOON, EXPORTED, RECEIPTED, ACCRUING,
// CLEAR), the clock, evidence, whether it is compliant, and why in words. Keeps ids, `state_since`
// where the state is the same, and what was reminded of, from `before`.
//
// CLEAR is only day 0 of the clock with everything receipted, or an ended obligation whose time is
// receipted to its end; without any export it is never CLEAR.
v1::Obligation Evaluate(const v1::Obligation& before, const ObligationFacts& facts,
                        const ClockSettings& settings, absl::Time now);

// When Evaluate may next say something else with the same facts; InfiniteFuture: never.
absl::Time NextChange(const v1::Obligation& now_is, const ObligationFacts& facts,
                      const ClockSettings& settings, absl::Time now);

// The reminder that is owed for this obligation, once per threshold and clock: DUE_SOON, URGENT,
// OVERDUE (again each limits::kOverdueReminderDays). Only the latest of several that were missed.
// Empty: none. The caller stores reminded_* with it.
std::optional<v1::Obligation::State> ReminderOwed(const v1::Obligation& obligation,
                                                  const ClockSettings& settings, absl::Time now);

// OVERDUE and the grace is over: its grant must become export-only.
bool ForcesExportOnly(const v1::Obligation& obligation, absl::Time now);

}  // namespace muster
