#include "controller/domain/obligation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"

namespace muster {
namespace {

using State = v1::Obligation;

constexpr int kOverdueDay = limits::kLastDay + 1;

// What of the facts counts, once the end of the obligation and decisions about it are considered.
struct Clock {
  absl::Time since;             // nothing after it is exported
  absl::Time receipted;         // the same by receipts
  bool owed = true;             // something is, or will be, still to be exported
  bool ends_receipted = false;  // it ended, and its time is receipted to the end
  bool lost = false;            // what is uncovered may be gone
  std::optional<std::pair<absl::Time, absl::Time>> gap;
};

Clock ClockOf(const ObligationFacts& facts) {
  const Coverage& c = facts.coverage;
  Clock out;
  const bool gap = c.gap && (!facts.ended_at || c.gap->first < *facts.ended_at);
  out.since = gap ? c.newest_until : c.seen_until;
  out.receipted = gap ? c.newest_receipted_until : c.receipted_until;
  if (gap) out.gap = c.gap;
  if (!facts.ended_at) return out;
  out.owed = out.since < *facts.ended_at;
  out.ends_receipted = *facts.ended_at <= out.receipted;
  if (out.owed && facts.gone) {
    out.lost = !facts.loss_decided;
    out.owed = out.lost;
  }
  return out;
}

bool HasReceipt(const ObligationFacts& facts) {
  const auto& intervals = facts.coverage.intervals;
  return std::any_of(intervals.begin(), intervals.end(), [&](const v1::CoveredInterval& i) {
    return i.level() == v1::Evidence::E3_RECEIPTED && facts.began_at < FromProto(i.until());
  });
}

// Nobody hears of what is still owed.
bool Silent(const ObligationFacts& facts, const ClockSettings& settings, const Clock& clock,
            absl::Time now) {
  return clock.owed && !facts.gone && facts.last_seen_at + settings.silent_after <= now;
}

// Since when a state holds that time alone brings.
struct Since {
  State::State state = State::UNSPECIFIED;
  std::optional<absl::Time> at;  // else: since it is noticed
};

Since ByEvidence(const ObligationFacts& facts, const ClockSettings& settings, const Clock& clock,
                 absl::Time now) {
  if (facts.coverage.newest_level == v1::Evidence::E0_NONE) return {State::ACCRUING, clock.since};
  if (clock.ends_receipted) return {State::CLEAR, std::nullopt};
  if (facts.coverage.newest_level != v1::Evidence::E3_RECEIPTED) {
    return {State::EXPORTED, std::nullopt};
  }
  if (facts.coverage.earlier_unreceipted) return {State::RECEIPTED, std::nullopt};
  const absl::Time next_day = StartOfDay(clock.since, 1, settings.zone);
  if (!clock.owed || now < next_day) return {State::CLEAR, std::nullopt};
  return {State::ACCRUING, next_day};
}

// The worst that holds.
Since StateOf(const ObligationFacts& facts, const ClockSettings& settings, const Clock& clock,
              absl::Time now) {
  const auto day_began = [&](int day) { return StartOfDay(clock.since, day, settings.zone); };
  const bool runs = clock.owed && !clock.lost;
  if (clock.lost) return {State::LOSS_SUSPECTED, std::nullopt};
  if (facts.coverage.mismatch) return {State::RECEIPT_MISMATCH, std::nullopt};
  if (runs && day_began(kOverdueDay) <= now) return {State::OVERDUE, day_began(kOverdueDay)};
  if (Silent(facts, settings, clock, now)) {
    return {State::UNKNOWN, facts.last_seen_at + settings.silent_after};
  }
  if (clock.gap) return {State::GAP_SUSPECTED, std::nullopt};
  if (runs && facts.export_blocked) return {State::EXPORT_BLOCKED, std::nullopt};
  for (const auto& [day, state] : {std::pair(limits::kUrgentDay, State::URGENT),
                                   std::pair(limits::kDueSoonDay, State::DUE_SOON)}) {
    if (runs && day_began(day) <= now) return {state, day_began(day)};
  }
  return ByEvidence(facts, settings, clock, now);
}

std::string Accruing(const v1::Obligation& o, const ObligationFacts& facts, const Clock& clock) {
  if (!clock.owed) return "it has ended, and no export has shown a chat";
  const std::string due = TimeText(FromProto(o.due_at()));
  if (facts.coverage.newest_level == v1::Evidence::E0_NONE) {
    return absl::StrCat("no export has shown a chat yet; the first is due by ", due);
  }
  return absl::StrCat("everything up to ", TimeText(clock.since),
                      " is receipted; what was written since is due by ", due);
}

std::string Clear(const ObligationFacts& facts, const Clock& clock) {
  if (clock.owed) return "everything is receipted up to today";
  return clock.ends_receipted
             ? absl::StrCat("it ended at ", TimeText(*facts.ended_at),
                            " and everything up to then is receipted")
             : "it has ended, what was exported is receipted, and an incident about the rest was "
               "decided";
}

std::string Why(const v1::Obligation& o, const ObligationFacts& facts, const Clock& clock) {
  const std::string since = TimeText(clock.since);
  switch (o.state()) {
    case State::LOSS_SUSPECTED:
      return absl::StrCat("the app or the device is gone since ", TimeText(*facts.ended_at),
                          ", and nothing proves that what was written after ", since, " is kept");
    case State::RECEIPT_MISMATCH:
      return "the record repository's receipt does not fit the export";
    case State::OVERDUE:
      return absl::StrCat("nothing written after ", since, " is exported; it was due by ",
                          TimeText(FromProto(o.due_at())));
    case State::UNKNOWN:
      return absl::StrCat("the device was last heard of at ", TimeText(facts.last_seen_at));
    case State::GAP_SUSPECTED:
      return absl::StrCat("nothing proves what was written between ", TimeText(clock.gap->first),
                          " and ", TimeText(clock.gap->second));
    case State::EXPORT_BLOCKED:
      return absl::StrCat("the person says that the app refuses the export, which is due by ",
                          TimeText(FromProto(o.due_at())));
    case State::URGENT:
    case State::DUE_SOON:
      return absl::StrCat("what was written after ", since, " is due by ",
                          TimeText(FromProto(o.due_at())));
    case State::EXPORTED:
      return absl::StrCat("exported up to ", since,
                          "; the record repository has not confirmed it yet");
    case State::RECEIPTED:
      return "the newest export is receipted, an earlier one that is needed is not";
    case State::ACCRUING:
      return Accruing(o, facts, clock);
    case State::CLEAR:
      return Clear(facts, clock);
    default:
      return "";
  }
}

// E3 up to a time that is no older than the law allows, and nothing that speaks against it.
bool Compliant(const v1::Obligation& o, const ObligationFacts& facts, const ClockSettings& settings,
               const Clock& clock, absl::Time now) {
  if (clock.lost || clock.gap || facts.coverage.mismatch) return false;
  if (!HasReceipt(facts)) return false;
  if (clock.ends_receipted) return true;
  if (facts.ended_at && !clock.owed && clock.since < *facts.ended_at) return false;  // decided
  return o.state() != State::UNKNOWN && !Silent(facts, settings, clock, now) &&
         now < StartOfDay(clock.receipted, kOverdueDay, settings.zone);
}

template <typename Field>
void SetTime(const std::optional<absl::Time>& at, v1::Obligation& o,
             Field* (v1::Obligation::*field)(), void (v1::Obligation::*clear)()) {
  if (at) {
    *(o.*field)() = ToProto(*at);
  } else {
    (o.*clear)();
  }
}

void TellClock(const ObligationFacts& facts, const ClockSettings& settings, const Clock& clock,
               v1::Obligation& o) {
  const auto set = [&o](std::optional<absl::Time> at, auto field, auto clear) {
    SetTime(at, o, field, clear);
  };
  const auto when = [](bool it, absl::Time at) { return it ? std::optional(at) : std::nullopt; };
  using O = v1::Obligation;
  const bool runs = clock.owed && !clock.lost;
  const absl::Time overdue = StartOfDay(clock.since, kOverdueDay, settings.zone);
  set(facts.began_at, &O::mutable_began_at, &O::clear_began_at);
  set(facts.ended_at, &O::mutable_ended_at, &O::clear_ended_at);
  set(when(clock.owed, clock.since), &O::mutable_uncovered_since, &O::clear_uncovered_since);
  set(when(!clock.ends_receipted, clock.receipted), &O::mutable_unreceipted_since,
      &O::clear_unreceipted_since);
  set(when(runs, DueAt(clock.since, settings.zone)), &O::mutable_due_at, &O::clear_due_at);
  set(when(runs && !facts.ended_at, overdue + settings.overdue_grace), &O::mutable_export_only_at,
      &O::clear_export_only_at);
  set(when(clock.gap.has_value(), clock.gap ? clock.gap->first : absl::Time()),
      &O::mutable_gap_from, &O::clear_gap_from);
  set(when(clock.gap.has_value(), clock.gap ? clock.gap->second : absl::Time()),
      &O::mutable_gap_until, &O::clear_gap_until);
}

void TellEvidence(const ObligationFacts& facts, v1::Obligation& o) {
  const Coverage& c = facts.coverage;
  const bool stated = facts.stated && c.newest_level == v1::Evidence::E0_NONE;
  o.set_level(stated ? v1::Evidence::E1_STATED : c.newest_level);
  o.mutable_covered()->Assign(c.intervals.begin(), c.intervals.end());
  o.set_messages(c.messages);
  o.set_exports(c.exports);
  o.set_group(c.group);
  o.set_incident_id(facts.incident_id);
}

// The threshold that the clock has passed.
std::optional<State::State> Threshold(absl::Time since, absl::TimeZone zone, absl::Time now) {
  const int day = ClockDay(since, now, zone);
  if (day > limits::kLastDay) return State::OVERDUE;
  if (day >= limits::kUrgentDay) return State::URGENT;
  if (day >= limits::kDueSoonDay) return State::DUE_SOON;
  return std::nullopt;
}

bool RemindedOfThisClock(const v1::Obligation& o) {
  return o.has_reminded_at() && o.has_reminded_clock() &&
         FromProto(o.reminded_clock()) == FromProto(o.uncovered_since());
}

}  // namespace

v1::Obligation Evaluate(const v1::Obligation& before, const ObligationFacts& facts,
                        const ClockSettings& settings, absl::Time now) {
  v1::Obligation out = before;
  const Clock clock = ClockOf(facts);
  const Since state = StateOf(facts, settings, clock, now);
  TellClock(facts, settings, clock, out);
  TellEvidence(facts, out);
  if (before.state() != state.state || !before.has_state_since()) {
    *out.mutable_state_since() = ToProto(state.at.value_or(now));
  }
  out.set_state(state.state);
  out.set_compliant(Compliant(out, facts, settings, clock, now));
  out.set_detail(Why(out, facts, clock));
  return out;
}

absl::Time NextChange(const v1::Obligation& now_is, const ObligationFacts& facts,
                      const ClockSettings& settings, absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  const auto consider = [&](absl::Time at) {
    if (now < at) next = std::min(next, at);
  };
  const Clock clock = ClockOf(facts);
  if (now_is.compliant() && !clock.ends_receipted) {
    consider(StartOfDay(clock.receipted, kOverdueDay, settings.zone));
  }
  if (!clock.owed || clock.lost) return next;
  consider(facts.last_seen_at + settings.silent_after);
  for (int day : {1, limits::kDueSoonDay, limits::kUrgentDay, kOverdueDay}) {
    if (day == 1 && now_is.state() != State::CLEAR) continue;
    consider(StartOfDay(clock.since, day, settings.zone));
  }
  if (now_is.has_export_only_at()) consider(FromProto(now_is.export_only_at()));
  if (IsOverdue(now_is, now) && now_is.reminded_for() == State::OVERDUE &&
      RemindedOfThisClock(now_is)) {
    consider(
        StartOfDay(FromProto(now_is.reminded_at()), limits::kOverdueReminderDays, settings.zone));
  }
  return next;
}

std::optional<State::State> ReminderOwed(const v1::Obligation& obligation,
                                         const ClockSettings& settings, absl::Time now) {
  if (!obligation.has_due_at()) return std::nullopt;
  const auto threshold = Threshold(FromProto(obligation.uncovered_since()), settings.zone, now);
  if (!threshold || !RemindedOfThisClock(obligation)) return threshold;
  if (obligation.reminded_for() < *threshold) return threshold;
  if (*threshold != State::OVERDUE) return std::nullopt;
  const int days = ClockDay(FromProto(obligation.reminded_at()), now, settings.zone);
  return days < limits::kOverdueReminderDays ? std::nullopt : threshold;
}

void MarkReminded(State::State threshold, absl::Time now, v1::Obligation& obligation) {
  obligation.set_reminded_for(threshold);
  *obligation.mutable_reminded_at() = ToProto(now);
  *obligation.mutable_reminded_clock() = obligation.uncovered_since();
}

bool IsOverdue(const v1::Obligation& obligation, absl::Time now) {
  return obligation.has_due_at() && FromProto(obligation.due_at()) + absl::Seconds(1) <= now;
}

bool ForcesExportOnly(const v1::Obligation& obligation, absl::Time now) {
  return IsOverdue(obligation, now) && obligation.has_export_only_at() &&
         FromProto(obligation.export_only_at()) <= now;
}

}  // namespace muster
