#include "controller/domain/compliance.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/incident.h"
#include "controller/domain/obligation.h"

namespace muster {
namespace {

constexpr int kFirstYear = 2000, kLastYear = 9999;

// Nothing is owed any more, and nothing is missing.
bool IsSettled(const v1::Obligation& o) {
  return o.has_ended_at() && o.state() == v1::Obligation::CLEAR;
}

void CountState(const v1::Obligation& o, absl::Time now, v1::ComplianceFigures& out) {
  out.set_obligations(out.obligations() + 1);
  if (CountsAsOverdue(o, now)) out.set_overdue(out.overdue() + 1);
  if (IsCompliant(o, now)) out.set_compliant(out.compliant() + 1);
  switch (o.state()) {
    case v1::Obligation::DUE_SOON:
    case v1::Obligation::URGENT:
      out.set_due_soon(out.due_soon() + 1);
      break;
    case v1::Obligation::UNSPECIFIED:
    case v1::Obligation::UNKNOWN:
      out.set_unknown(out.unknown() + 1);
      break;
    case v1::Obligation::GAP_SUSPECTED:
      out.set_gaps(out.gaps() + 1);
      break;
    default:
      break;
  }
}

void CountLevel(v1::Evidence::Level level, v1::ComplianceFigures& out) {
  switch (level) {
    case v1::Evidence::E1_STATED:
      return out.set_level_e1(out.level_e1() + 1);
    case v1::Evidence::E2_SEEN:
      return out.set_level_e2(out.level_e2() + 1);
    case v1::Evidence::E3_RECEIPTED:
      return out.set_level_e3(out.level_e3() + 1);
    default:
      return out.set_level_e0(out.level_e0() + 1);
  }
}

// A floor of what the repository holds: of a chat of which an earlier export has no receipt,
// nothing is counted.
bool AllReceipted(const v1::Obligation& o) {
  return o.level() == v1::Evidence::E3_RECEIPTED && o.state() != v1::Obligation::RECEIPTED &&
         o.state() != v1::Obligation::RECEIPT_MISMATCH;
}

void CountMessages(const v1::Obligation& o, v1::ComplianceFigures& out) {
  if (o.level() < v1::Evidence::E2_SEEN) return;
  out.set_messages(out.messages() + o.messages());
  if (AllReceipted(o)) out.set_messages_receipted(out.messages_receipted() + o.messages());
}

void KeepOldest(const google::protobuf::Timestamp& at, v1::ComplianceFigures& out) {
  if (!out.has_oldest_uncovered() || FromProto(at) < FromProto(out.oldest_uncovered())) {
    *out.mutable_oldest_uncovered() = at;
  }
}

}  // namespace

bool CountsAsOverdue(const v1::Obligation& o, absl::Time now) {
  if (o.state() == v1::Obligation::OVERDUE) return true;
  return o.has_due_at() && FromProto(o.due_at()) < now && o.state() != v1::Obligation::CLEAR;
}

bool IsCompliant(const v1::Obligation& o, absl::Time now) {
  if (!o.compliant() || o.level() != v1::Evidence::E3_RECEIPTED || CountsAsOverdue(o, now))
    return false;
  switch (o.state()) {
    case v1::Obligation::CLEAR:
    case v1::Obligation::ACCRUING:
    case v1::Obligation::DUE_SOON:
    case v1::Obligation::URGENT:
    case v1::Obligation::EXPORTED:
    case v1::Obligation::RECEIPTED:
      return true;
    default:
      return false;
  }
}

bool IsUnauthorisedDisposition(const v1::Incident& incident) {
  return incident.state() != v1::Incident::NOT_A_LOSS;
}

ComplianceTable::Group& ComplianceTable::GroupOf(const std::string& office,
                                                 const std::string& person_upn) {
  std::string name = by_ == ComplianceGroup::kPerson ? person_upn : office;
  if (name.empty()) name = by_ == ComplianceGroup::kPerson ? "(unknown)" : kNoOffice;
  if (groups_.size() >= limits::kMaxFigureGroups && !groups_.contains(name)) name = kOtherGroups;
  Group& out = groups_[name];
  out.figures.set_group(name);
  return out;
}

void ComplianceTable::Add(const v1::Obligation& o) {
  Group& group = GroupOf(o.office(), o.person_upn());
  for (Group* to : {&group, &total_}) {
    CountMessages(o, to->figures);
    if (IsSettled(o)) continue;
    to->persons.insert(o.person_id());
    CountState(o, now_, to->figures);
    CountLevel(o.level(), to->figures);
    if (o.has_uncovered_since() && o.state() != v1::Obligation::CLEAR) {
      KeepOldest(o.uncovered_since(), to->figures);
    }
  }
}

void ComplianceTable::Add(const v1::Incident& incident) {
  if (!IsOpenIncident(incident.state())) return;
  Group& group = GroupOf(incident.office(), incident.person_upn());
  for (Group* to : {&group, &total_}) to->figures.set_losses(to->figures.losses() + 1);
}

std::vector<v1::ComplianceFigures> ComplianceTable::Items() const {
  std::vector<v1::ComplianceFigures> out;
  for (const auto& [name, group] : groups_) {
    out.push_back(group.figures);
    out.back().set_persons(static_cast<uint32_t>(group.persons.size()));
  }
  return out;
}

v1::ComplianceFigures ComplianceTable::Total() const {
  v1::ComplianceFigures out = total_.figures;
  out.set_group("total");
  out.set_persons(static_cast<uint32_t>(total_.persons.size()));
  return out;
}

void AddFigures(const v1::ComplianceFigures& more, v1::ComplianceFigures& sum) {
  sum.set_persons(sum.persons() + more.persons());
  sum.set_obligations(sum.obligations() + more.obligations());
  sum.set_compliant(sum.compliant() + more.compliant());
  sum.set_overdue(sum.overdue() + more.overdue());
  sum.set_due_soon(sum.due_soon() + more.due_soon());
  sum.set_unknown(sum.unknown() + more.unknown());
  sum.set_gaps(sum.gaps() + more.gaps());
  sum.set_losses(sum.losses() + more.losses());
  sum.set_level_e0(sum.level_e0() + more.level_e0());
  sum.set_level_e1(sum.level_e1() + more.level_e1());
  sum.set_level_e2(sum.level_e2() + more.level_e2());
  sum.set_level_e3(sum.level_e3() + more.level_e3());
  sum.set_messages(sum.messages() + more.messages());
  sum.set_messages_receipted(sum.messages_receipted() + more.messages_receipted());
  if (more.has_oldest_uncovered()) KeepOldest(more.oldest_uncovered(), sum);
}

std::optional<v1::ReportOverdueResponse::Item> OverdueItem(const v1::Obligation& o,
                                                           absl::TimeZone zone, absl::Time now) {
  if (!CountsAsOverdue(o, now)) return std::nullopt;
  v1::ReportOverdueResponse::Item out;
  out.set_person_upn(o.person_upn());
  out.set_office(o.office());
  out.set_app_id(o.app_id());
  out.set_device_id(o.device_id());
  out.set_chat_key(o.chat_key());
  out.set_state(v1::Obligation::State_Name(o.state()));
  out.set_level(o.level());
  if (o.has_uncovered_since()) *out.mutable_uncovered_since() = o.uncovered_since();
  if (!o.has_due_at()) return out;
  const absl::Time due = FromProto(o.due_at());
  *out.mutable_since() = ToProto(StartOfDay(due, 1, zone));
  out.set_days(static_cast<uint32_t>(limits::kLastDay + ClockDay(due, now, zone)));
  return out;
}

FiscalQuarter FiscalQuarterOf(absl::Time at, absl::TimeZone zone) {
  const absl::CivilMonth month(absl::ToCivilMonth(at, zone));
  const int shifted = (month.month() + 2) % 12;  // October is 0
  const int year = static_cast<int>(month.year()) + (month.month() >= 10 ? 1 : 0);
  return {year, shifted / 3 + 1};
}

absl::Status CheckQuarter(FiscalQuarter q) {
  if (q.quarter >= 1 && q.quarter <= 4 && q.year >= kFirstYear && q.year <= kLastYear) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "FY", q.year, " Q", q.quarter, " is no quarter of a fiscal year; write it as FY2027Q1"));
}

std::pair<absl::Time, absl::Time> BoundsOf(FiscalQuarter q, absl::TimeZone zone) {
  const absl::CivilMonth first = absl::CivilMonth(q.year - 1, 10) + 3 * (q.quarter - 1);
  return {absl::FromCivil(first, zone), absl::FromCivil(first + 3, zone)};
}

std::string QuarterName(FiscalQuarter q) { return absl::StrCat("FY", q.year, " Q", q.quarter); }

std::vector<std::string> MonthsOf(FiscalQuarter q) {
  std::vector<std::string> out;
  const absl::CivilMonth first = absl::CivilMonth(q.year - 1, 10) + 3 * (q.quarter - 1);
  for (int i = 0; i < 3; ++i) out.push_back(absl::FormatCivilTime(first + i));
  return out;
}

}  // namespace muster
