#include "controller/domain/retention.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/civil_time.h"
#include "common/time_proto.h"

namespace muster {
namespace {

constexpr int kFiscalYearBegins = 10;  // October (31 U.S.C. 1102)

using Schedule = v1::RetentionSchedule;

struct Range {
  absl::Time first, last;
};

absl::Time FromOf(const v1::PersonRole& role) {
  return role.has_from() ? FromProto(role.from()) : absl::InfinitePast();
}
absl::Time UntilOf(const v1::PersonRole& role) {
  return role.has_until() ? FromProto(role.until()) : absl::InfiniteFuture();
}

// nullopt: the export's dates are not sure.
std::optional<Range> RangeOf(const v1::ExportSeen& seen) {
  if (seen.ambiguous() || seen.damaged() || !seen.has_first_at() || !seen.has_last_at()) {
    return std::nullopt;
  }
  return Range{FromProto(seen.first_at()), FromProto(seen.last_at())};
}

// A role ends where the next begins: the moment itself belongs to the next.
bool Capstone(const std::vector<v1::PersonRole>& roles, const Range& range) {
  return std::any_of(roles.begin(), roles.end(), [&](const v1::PersonRole& role) {
    return role.capstone() && FromOf(role) <= range.last && range.first < UntilOf(role);
  });
}

bool OthersToo(const std::vector<v1::PersonRole>& roles, const Range& range) {
  return std::any_of(roles.begin(), roles.end(), [&](const v1::PersonRole& role) {
    return !role.capstone() && FromOf(role) <= range.last && range.first < UntilOf(role);
  });
}

// Without a hole from the first message to the last.
bool Known(std::vector<v1::PersonRole> roles, const Range& range) {
  std::sort(roles.begin(), roles.end(),
            [](const v1::PersonRole& a, const v1::PersonRole& b) { return FromOf(a) < FromOf(b); });
  absl::Time known = range.first;
  for (const v1::PersonRole& role : roles) {
    if (!role.absent() && FromOf(role) <= known) known = std::max(known, UntilOf(role));
  }
  return range.last < known;
}

bool KeepsLonger(const Schedule& a, const Schedule& b) {
  if (a.disposition() != b.disposition()) return a.disposition() == Schedule::PERMANENT;
  return a.keep_years() > b.keep_years();
}

// Of several the one that keeps longest. nullptr: none.
const Schedule* Find(const std::vector<Schedule>& schedules, bool capstone,
                     Schedule::Status status) {
  const Schedule* out = nullptr;
  for (const Schedule& s : schedules) {
    if (s.capstone() != capstone || s.status() != status) continue;
    if (out == nullptr || KeepsLonger(s, *out)) out = &s;
  }
  return out;
}

void Permanent(const RetentionFacts& facts, const std::string& because, RetentionDecision& out) {
  out.state = v1::Retention::PERMANENT;
  const Schedule* schedule = Find(facts.schedules, true, Schedule::APPROVED);
  if (schedule != nullptr && schedule->disposition() == Schedule::PERMANENT) {
    out.schedule_id = schedule->id();
    out.because = absl::StrCat(because, ": permanent under schedule ", schedule->id());
  } else {
    out.because = absl::StrCat(because, ": permanent, though no approved schedule says so");
  }
}

void KeptWithoutSchedule(const RetentionFacts& facts, RetentionDecision& out) {
  const Schedule* draft = Find(facts.schedules, false, Schedule::DRAFT);
  out.because = draft == nullptr
                    ? "no schedule covers it: unscheduled records are kept"
                    : absl::StrCat("schedule ", draft->id(),
                                   " is a draft, which allows no destruction: it is kept");
}

void ByEverybodysSchedule(const RetentionFacts& facts, const Range& range, RetentionDecision& out) {
  const Schedule* schedule = Find(facts.schedules, false, Schedule::APPROVED);
  if (schedule == nullptr) return KeptWithoutSchedule(facts, out);
  if (schedule->disposition() == Schedule::PERMANENT) {
    out.state = v1::Retention::PERMANENT;
    out.schedule_id = schedule->id();
    out.because = absl::StrCat("permanent under schedule ", schedule->id());
    return;
  }
  const auto cutoff = CutoffAfter(range.last, schedule->cutoff(), facts.zone);
  if (!cutoff || schedule->keep_years() == 0) {
    out.because = absl::StrCat("schedule ", schedule->id(),
                               " does not say from when on and for how long: it is kept");
    return;
  }
  const absl::CivilSecond civil = absl::ToCivilSecond(*cutoff, facts.zone);
  const absl::CivilSecond end(civil.year() + schedule->keep_years(), civil.month(), civil.day(),
                              civil.hour(), civil.minute(), civil.second());
  out.state = v1::Retention::TEMPORARY_10Y;
  out.schedule_id = schedule->id();
  out.cutoff_at = cutoff;
  out.keep_until = absl::FromCivil(end, facts.zone);
  out.because = absl::StrCat("temporary under schedule ", schedule->id(), ": ",
                             schedule->keep_years(), " years after its cut-off at ",
                             TimeText(*cutoff), ", until ", TimeText(*out.keep_until));
}

void Decide(const v1::ExportSeen& seen, const RetentionFacts& facts, RetentionDecision& out) {
  const std::optional<Range> range = RangeOf(seen);
  if (!range) {
    if (Capstone(facts.roles, {absl::InfinitePast(), absl::InfiniteFuture()})) {
      return Permanent(facts, "its dates are not sure, and the person was a Capstone official",
                       out);
    }
    out.because = "its dates are not sure: it is kept";
    return;
  }
  if (Capstone(facts.roles, *range)) {
    const std::string chat = seen.group() ? "group chat" : "chat";
    return Permanent(facts,
                     OthersToo(facts.roles, *range)
                         ? absl::StrCat("a ", chat, " in part of a Capstone official's time")
                         : absl::StrCat("a ", chat, " of a Capstone official's time"),
                     out);
  }
  if (!Known(facts.roles, *range)) {
    out.because = "the person's role at the time of its messages is not known: it is kept";
    return;
  }
  ByEverybodysSchedule(facts, *range, out);
}

std::string WhyNotDestroyed(const RetentionFacts& facts, const RetentionDecision& decision) {
  if (decision.held) {
    return absl::StrCat("held by ", absl::StrJoin(facts.hold_ids, ", "));
  }
  switch (decision.state) {
    case v1::Retention::PERMANENT:
      return "a permanent record";
    case v1::Retention::TEMPORARY_10Y:
      return "this version marks nothing for destruction, also when its time is over";
    default:
      return "no approved schedule allows it";
  }
}

}  // namespace

std::optional<absl::Time> CutoffAfter(absl::Time at, const std::string& kind, absl::TimeZone zone) {
  const absl::CivilMonth month = absl::ToCivilMonth(at, zone);
  if (kind == "message") return at;
  if (kind == "calendar-year") return absl::FromCivil(absl::CivilYear(month.year() + 1), zone);
  if (kind != "fiscal-year") return std::nullopt;
  const auto year = month.year() + (month.month() >= kFiscalYearBegins ? 1 : 0);
  return absl::FromCivil(absl::CivilMonth(year, kFiscalYearBegins), zone);
}

std::vector<v1::PersonRole> AllRoles(const v1::Person& person, std::vector<v1::PersonRole> past) {
  v1::PersonRole present;
  present.set_office(person.office());
  present.set_manager_id(person.manager_id());
  present.set_capstone(person.capstone());
  present.set_absent(person.deleted());
  if (!past.empty()) *present.mutable_from() = past.front().until();
  past.insert(past.begin(), present);
  return past;
}

RetentionDecision RetentionOf(const v1::ExportSeen& seen, const RetentionFacts& facts) {
  RetentionDecision out;
  out.held = !facts.hold_ids.empty();
  Decide(seen, facts, out);
  out.not_destroyed_because = WhyNotDestroyed(facts, out);
  return out;
}

}  // namespace muster
