// The 20-day clock (44 U.S.C. 2911): what must be exported by when, and what that means now. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/archive_limits.h"
#include "controller/domain/coverage.h"
#include "muster/v1/archive.pb.h"

namespace muster {

struct ClockSettings {
  absl::TimeZone zone;  // the agency's
  // OVERDUE for so long: the grant becomes export-only.
  absl::Duration overdue_grace = limits::kDefaultOverdueGrace;
  // The device not heard of for so long: UNKNOWN.
  absl::Duration silent_after = limits::kDefaultSilentAfter;
};

// Calendar days of `zone` from the day of `since` to the day of `now`; never negative. Exactly the
// days whose StartOfDay has come. A day that the zone skipped is counted with the next one.
int ClockDay(absl::Time since, absl::Time now, absl::TimeZone zone);
// The first moment of the calendar day `days` after that of `since`; of a midnight that does not
// exist, the moment the clock jumped.
absl::Time StartOfDay(absl::Time since, int days, absl::TimeZone zone);
// The last second of day 20: OVERDUE begins with StartOfDay(since, 21), one second later.
absl::Time DueAt(absl::Time since, absl::TimeZone zone);

struct ObligationFacts {
  absl::Time began_at;
  std::optional<absl::Time> ended_at;  // the grant is over, or app or device are gone, since
  bool gone = false;                   // app or device are gone: what is uncovered may be lost
  Coverage coverage;                   // of this chat; of the chat "": no exports
  bool export_blocked = false;         // the person says that the app refuses
  bool stated = false;                 // the person says that it is saved or empty: E1, no more
  bool loss_decided = false;           // an incident about the loss came to an end
  std::string incident_id;             // open
  absl::Time last_seen_at;             // of the device
};

// The obligation as it is at `now`: state (the worst that holds: LOSS_SUSPECTED, RECEIPT_MISMATCH,
// OVERDUE, UNKNOWN, GAP_SUSPECTED, EXPORT_BLOCKED, URGENT, DUE_SOON, EXPORTED, RECEIPTED, ACCRUING,
// CLEAR), the clock, evidence, whether it is compliant, and why in words. Keeps ids, `state_since`
// where the state is the same, and what was reminded of, from `before`. A state that time brought
// is since the moment it began, however late it is noticed.
//
// The clock, `uncovered_since`, runs from the end of what exports prove; across a gap, which is an
// incident's matter, from the end of the newest. `uncovered_since` and `due_at` are unset when
// nothing is owed any more: the obligation ended and its time is covered, or an incident decided
// about the rest.
//
// CLEAR is only day 0 of the clock with everything receipted, or an ended obligation whose time is
// receipted to its end (or decided about); without any export it is never CLEAR. Compliant needs a
// receipt: what no export has shown yet is not compliant, however young.
v1::Obligation Evaluate(const v1::Obligation& before, const ObligationFacts& facts,
                        const ClockSettings& settings, absl::Time now);

// When Evaluate, ReminderOwed or ForcesExportOnly may next say something else with the same facts;
// none does before. InfiniteFuture: never. `now_is`: as Evaluate gave it at `now`, with what was
// reminded of since.
absl::Time NextChange(const v1::Obligation& now_is, const ObligationFacts& facts,
                      const ClockSettings& settings, absl::Time now);

// The reminder that is owed for this obligation, once per threshold and clock: DUE_SOON, URGENT,
// OVERDUE (again each limits::kOverdueReminderDays). Only the latest of several that were missed.
// By the clock alone: a silent agent or a bad receipt stops no reminder. nullopt: none. The caller
// stores the obligation with MarkReminded in the same commit.
std::optional<v1::Obligation::State> ReminderOwed(const v1::Obligation& obligation,
                                                  const ClockSettings& settings, absl::Time now);
void MarkReminded(v1::Obligation::State threshold, absl::Time now, v1::Obligation& obligation);

// The clock is past day 20, whatever worse state hides it. A grant that is export-only for an
// overdue export stays so until none of its obligations IsOverdue.
bool IsOverdue(const v1::Obligation& obligation, absl::Time now);

// IsOverdue and the grace is over: its grant must become export-only. Never of what has ended.
bool ForcesExportOnly(const v1::Obligation& obligation, absl::Time now);

}  // namespace muster
