#include "controller/flow/compliance_history.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/flow/log_retention.h"
#include "controller/flow/records.h"
#include "controller/flow/retention.h"
#include "muster/v1/audit.pb.h"
#include "muster/v1/webhook.pb.h"

namespace muster {
namespace {

constexpr size_t kMonthLength = 7;  // of "2026-11"

std::string Day(absl::Time at, absl::TimeZone zone) {
  return absl::FormatCivilTime(absl::ToCivilDay(at, zone));
}

// Days of figures that are too old to be kept each by itself. Keys come in order of days, so the
// last day of a month is the one before another month begins.
absl::Status PruneFigures(const Snapshot& snapshot, const std::string& oldest_kept,
                          Mutation& mutation) {
  MUSTER_ASSIGN_OR_RETURN(const auto tails, KeyTails(snapshot, kFiguresPrefix));
  std::map<std::string, std::string> last_of_month;
  for (const std::string& tail : tails) {
    last_of_month[tail.substr(0, kMonthLength)] = tail.substr(0, tail.find('/'));
  }
  for (const std::string& tail : tails) {
    const std::string day = tail.substr(0, tail.find('/'));
    if (day >= oldest_kept || last_of_month[day.substr(0, kMonthLength)] == day) continue;
    mutation.deletes.push_back(absl::StrCat(kFiguresPrefix, tail));
  }
  return absl::OkStatus();
}

absl::Status WriteToday(const Services& services, const Snapshot& snapshot, absl::TimeZone zone) {
  const absl::Time now = services.clock.Now();
  const std::string today = Day(now, zone);
  MUSTER_ASSIGN_OR_RETURN(const auto last, snapshot.Get(kFiguresDayKey));
  // A clock that was set back writes nothing for days it has been through.
  if (last && last->bytes >= today) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const ComplianceTable table,
                          FoldCompliance(snapshot, ComplianceGroup::kOffice, {}, now));
  if (table.Items().empty()) return absl::OkStatus();  // Nobody has anything to archive yet.
  Mutation mutation;
  mutation.expects.push_back({kFiguresDayKey, last ? last->revision : 0});
  mutation.puts.push_back({kFiguresDayKey, today});
  for (const v1::ComplianceFigures& figures : table.Items()) {
    Put(mutation, FiguresKey(today, figures.group()), figures);
  }
  const absl::CivilDay oldest = absl::ToCivilDay(now, zone) - limits::kDailyFigureDays;
  MUSTER_RETURN_IF_ERROR(PruneFigures(snapshot, absl::FormatCivilTime(oldest), mutation));
  const absl::Status written = services.store.Commit(std::move(mutation)).status();
  return absl::IsAborted(written) ? absl::OkStatus() : written;  // Somebody else wrote the day.
}

void Count(const v1::AuditEntry& entry, v1::ReportQuarterlyResponse& out) {
  const std::string& verb = entry.verb();
  if (verb == "archive.due-soon" || verb == "archive.urgent" || verb == "archive.overdue") {
    out.set_reminders(out.reminders() + 1);
  } else if (verb == "archive.export-only") {
    out.set_suspensions(out.suspensions() + 1);
  }
}

// Adds what was counted of each month to what is stored.
absl::Status PutEvents(const Snapshot& snapshot,
                       const std::map<std::string, v1::ReportQuarterlyResponse>& counted,
                       Mutation& mutation) {
  for (const auto& [month, more] : counted) {
    if (more.reminders() + more.suspensions() == 0) continue;
    const std::string key = FigureEventsKey(month);
    MUSTER_ASSIGN_OR_RETURN(const auto before, Find<v1::ReportQuarterlyResponse>(snapshot, key));
    v1::ReportQuarterlyResponse after = before ? before->value : v1::ReportQuarterlyResponse();
    after.set_reminders(after.reminders() + more.reminders());
    after.set_suspensions(after.suspensions() + more.suspensions());
    Put(mutation, key, after);
  }
  return absl::OkStatus();
}

absl::Status CountEvents(const Services& services, const Snapshot& snapshot, absl::TimeZone zone) {
  MUSTER_ASSIGN_OR_RETURN(const auto place, Find<v1::WebhookState>(snapshot, kFigureEventsPlace));
  // Pruning waits for this place; a store that was never counted may begin later.
  MUSTER_ASSIGN_OR_RETURN(const uint64_t pruned_below, PrunedBelow(snapshot));
  uint64_t next = std::max(place ? place->value.next_sequence() : 0, pruned_below);
  std::map<std::string, v1::ReportQuarterlyResponse> counted;
  const std::string after = next == 0 ? "" : AuditKey(next - 1);
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records,
                          snapshot.Scan("audit/", after, limits::kFigureAuditEntries));
  for (const Record& record : records) {
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
    v1::AuditEntry entry;
    if (!entry.ParseFromString(stored.value.entry())) {
      return absl::DataLossError(absl::StrCat("store: record ", record.key, " is damaged"));
    }
    Count(entry, counted[Day(FromProto(entry.at()), zone).substr(0, kMonthLength)]);
    ++next;
  }
  // Entries of other kinds are read again rather than remembered at the cost of a commit a round.
  const bool some = std::any_of(counted.begin(), counted.end(), [](const auto& month) {
    return month.second.reminders() + month.second.suspensions() > 0;
  });
  if (!some && records.size() < limits::kFigureAuditStep) return absl::OkStatus();
  Mutation mutation;
  mutation.expects.push_back({kFigureEventsPlace, place ? place->revision : 0});
  v1::WebhookState moved;
  moved.set_next_sequence(next);
  Put(mutation, kFigureEventsPlace, moved);
  MUSTER_RETURN_IF_ERROR(PutEvents(snapshot, counted, mutation));
  const absl::Status written = services.store.Commit(std::move(mutation)).status();
  return absl::IsAborted(written) ? absl::OkStatus() : written;
}

}  // namespace

absl::StatusOr<ComplianceTable> FoldCompliance(const Snapshot& snapshot, ComplianceGroup by,
                                               const ComplianceFilter& filter, absl::Time now) {
  ComplianceTable out(by, now);
  const auto fits = [&](const auto& record) {
    return (filter.office.empty() || record.office() == filter.office) &&
           (filter.person_id.empty() || record.person_id() == filter.person_id) &&
           (filter.app_id.empty() || record.app_id() == filter.app_id);
  };
  const std::string person = filter.person_id.empty() ? "" : absl::StrCat(filter.person_id, "/");
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(snapshot, absl::StrCat("obligation/", person),
                                                 [&](const std::string&, const auto& o) {
                                                   if (fits(o.value)) out.Add(o.value);
                                                   return absl::OkStatus();
                                                 }));
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::Incident>(snapshot, IncidentKey(""), [&](const std::string&, const auto& i) {
        if (fits(i.value)) out.Add(i.value);
        return absl::OkStatus();
      }));
  return out;
}

absl::Status RunComplianceHistory(const Services& services) {
  const std::unique_ptr<Snapshot> snapshot = services.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy policy, LoadRetention(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(policy));
  const absl::Status today = WriteToday(services, *snapshot, zone);
  const absl::Status counted = CountEvents(services, *snapshot, zone);
  return today.ok() ? counted : today;
}

absl::StatusOr<std::vector<v1::ComplianceFigures>> FiguresByMonth(const Snapshot& snapshot,
                                                                  const std::string& office,
                                                                  absl::Time from, absl::Time until,
                                                                  absl::TimeZone zone) {
  // Days come in order: a later day of the same month replaces what an earlier one said.
  std::map<std::string, std::pair<std::string, v1::ComplianceFigures>> months;
  MUSTER_RETURN_IF_ERROR(ForEach<v1::ComplianceFigures>(
      snapshot, kFiguresPrefix, [&](const std::string& key, const auto& figures) {
        const std::string day = key.substr(std::string(kFiguresPrefix).size(), 10);
        absl::CivilDay civil;
        if (!absl::ParseCivilTime(day, &civil)) return absl::OkStatus();
        const absl::Time begins = absl::FromCivil(absl::CivilMonth(civil), zone);
        if (begins < from || begins >= until) return absl::OkStatus();
        auto& [of_day, sum] = months[day.substr(0, kMonthLength)];
        if (of_day != day) sum.Clear();
        of_day = day;
        if (office.empty() || figures.value.group() == office) AddFigures(figures.value, sum);
        return absl::OkStatus();
      }));
  std::vector<v1::ComplianceFigures> out;
  for (auto& [month, figures] : months) {
    out.push_back(std::move(figures.second));
    out.back().set_group(month);
  }
  return out;
}

absl::StatusOr<v1::ReportQuarterlyResponse> EventsIn(const Snapshot& snapshot,
                                                     const std::vector<std::string>& months) {
  v1::ReportQuarterlyResponse out;
  for (const std::string& month : months) {
    MUSTER_ASSIGN_OR_RETURN(const auto of,
                            Find<v1::ReportQuarterlyResponse>(snapshot, FigureEventsKey(month)));
    if (!of) continue;
    out.set_reminders(out.reminders() + of->value.reminders());
    out.set_suspensions(out.suspensions() + of->value.suspensions());
  }
  return out;
}

}  // namespace muster
