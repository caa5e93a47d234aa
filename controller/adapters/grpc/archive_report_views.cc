#include "controller/adapters/grpc/archive_report_views.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "controller/domain/cannot_be_known.h"
#include "controller/domain/compliance.h"
#include "controller/domain/incident.h"
#include "controller/flow/compliance_history.h"
#include "controller/flow/lookup.h"
#include "controller/flow/retention.h"

namespace muster {
namespace {

// The present month and the eleven before it.
constexpr int kMonthsShown = 12;

// A period as asked; unset ends are open.
struct Period {
  absl::Time from = absl::InfinitePast(), until = absl::InfiniteFuture();
  bool Has(absl::Time at) const { return at >= from && at < until; }
};

template <typename Request>
absl::StatusOr<Period> PeriodOf(const Request& in) {
  Period out;
  if (in.has_from()) out.from = FromProto(in.from());
  if (in.has_until()) out.until = FromProto(in.until());
  if (out.from < out.until) return out;
  return absl::InvalidArgumentError("--until must be later than --from");
}

absl::Status TooManyRows() {
  return absl::ResourceExhaustedError(
      absl::StrCat("the list has more than ", limits::kMaxReportRows,
                   " rows; ask for one office (--office) or one app (--app)"));
}

absl::Status CheckApp(const Snapshot& snapshot, const std::string& app_id) {
  return app_id.empty() ? absl::OkStatus() : LoadApp(snapshot, app_id).status();
}

absl::Status FillMonths(const Snapshot& snapshot, const v1::ReportArchiveRequest& in,
                        absl::Time now, v1::ReportArchiveResponse& out) {
  if (!in.person_upn().empty() || !in.app_id().empty()) {
    return absl::InvalidArgumentError(
        "figures over time are kept by office: --by month goes with --office, not with --person or "
        "--app");
  }
  MUSTER_ASSIGN_OR_RETURN(Period period, PeriodOf(in));
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(retention));
  if (!in.has_from() && !in.has_until()) {
    period.from =
        absl::FromCivil(absl::CivilMonth(absl::ToCivilMonth(now, zone)) - (kMonthsShown - 1), zone);
  }
  MUSTER_ASSIGN_OR_RETURN(const auto months,
                          FiguresByMonth(snapshot, in.office(), period.from, period.until, zone));
  for (const v1::ComplianceFigures& month : months) *out.add_items() = month;
  return absl::OkStatus();
}

absl::Status FillGroups(const Snapshot& snapshot, ComplianceGroup by,
                        const v1::ReportArchiveRequest& in, absl::Time now,
                        v1::ReportArchiveResponse& out) {
  if (in.has_from() || in.has_until()) {
    return absl::InvalidArgumentError("--from and --until go with --by month");
  }
  ComplianceFilter filter{.office = in.office(), .person_id = "", .app_id = in.app_id()};
  MUSTER_RETURN_IF_ERROR(CheckApp(snapshot, in.app_id()));
  if (!in.person_upn().empty()) {
    MUSTER_ASSIGN_OR_RETURN(const v1::Person person, LoadPersonByUpn(snapshot, in.person_upn()));
    filter.person_id = person.person_id();
  }
  MUSTER_ASSIGN_OR_RETURN(const ComplianceTable table, FoldCompliance(snapshot, by, filter, now));
  for (v1::ComplianceFigures& figures : table.Items()) *out.add_items() = std::move(figures);
  *out.mutable_total() = table.Total();
  return absl::OkStatus();
}

// The manager's name, looked up once for each person; empty where the directory names none.
class Managers {
 public:
  explicit Managers(const Snapshot& snapshot) : snapshot_(snapshot) {}

  absl::StatusOr<std::string> Of(const std::string& person_id) {
    const auto known = known_.find(person_id);
    if (known != known_.end()) return known->second;
    std::string& upn = known_[person_id];
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(snapshot_, PersonKey(person_id)));
    if (!person || person->value.manager_id().empty()) return upn;
    MUSTER_ASSIGN_OR_RETURN(const auto manager,
                            Find<v1::Person>(snapshot_, PersonKey(person->value.manager_id())));
    if (manager) upn = manager->value.upn();
    return upn;
  }

 private:
  const Snapshot& snapshot_;
  std::map<std::string, std::string> known_;
};

absl::StatusOr<bool> IsExportOnly(const Snapshot& snapshot, const std::string& grant_id) {
  MUSTER_ASSIGN_OR_RETURN(const auto grant, Find<v1::Grant>(snapshot, GrantKey(grant_id)));
  return grant && grant->value.state() == v1::Grant::SUSPENDED &&
         grant->value.suspended_for() == v1::Grant::Suspension::ARCHIVE_OVERDUE;
}

// What the quarter saw, from the records themselves.
absl::Status CountQuarter(const Snapshot& snapshot, const Period& period,
                          v1::ReportQuarterlyResponse& out) {
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::ExportRecord>(snapshot, "export/", [&](const std::string&, const auto& e) {
        if (period.Has(FromProto(e.value.seen().seen_at()))) out.set_exports(out.exports() + 1);
        return absl::OkStatus();
      }));
  MUSTER_RETURN_IF_ERROR(
      ForEach<v1::ReceiptRecord>(snapshot, ReceiptKey(""), [&](const std::string&, const auto& r) {
        if (period.Has(FromProto(r.value.accepted_at()))) out.set_receipts(out.receipts() + 1);
        return absl::OkStatus();
      }));
  return ForEach<v1::Incident>(snapshot, IncidentKey(""), [&](const std::string&, const auto& i) {
    const v1::Incident& incident = i.value;
    if (period.Has(FromProto(incident.opened_at()))) {
      out.set_incidents_opened(out.incidents_opened() + 1);
    }
    if (incident.has_reported_at() && period.Has(FromProto(incident.reported_at()))) {
      out.set_incidents_reported(out.incidents_reported() + 1);
    }
    if (IsOpenIncident(incident.state())) out.set_incidents_open(out.incidents_open() + 1);
    return absl::OkStatus();
  });
}

absl::StatusOr<FiscalQuarter> QuarterAsked(const v1::ReportQuarterlyRequest& in, absl::Time now,
                                           absl::TimeZone zone) {
  const FiscalQuarter present = FiscalQuarterOf(now, zone);
  if (in.year() == 0 && in.quarter() == 0) return present;
  const FiscalQuarter asked = {static_cast<int>(std::min(in.year(), 10'000u)),
                               static_cast<int>(std::min(in.quarter(), 10u))};
  MUSTER_RETURN_IF_ERROR(CheckQuarter(asked));
  if (BoundsOf(asked, zone).first > now) {
    return absl::InvalidArgumentError(
        absl::StrCat(QuarterName(asked), " has not begun; it is ", QuarterName(present), " now"));
  }
  return asked;
}

}  // namespace

absl::Status ReportArchive(const Services& services, const v1::ReportArchiveRequest& in,
                           v1::ReportArchiveResponse& out) {
  const auto snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  out.set_by(in.by().empty() ? "office" : in.by());
  out.set_cannot_be_known(kCannotBeKnown);
  out.set_tenant(services.settings.tenant);
  *out.mutable_at() = ToProto(now);
  if (out.by() == "month") return FillMonths(*snapshot, in, now, out);
  if (out.by() == "office") {
    return FillGroups(*snapshot, ComplianceGroup::kOffice, in, now, out);
  }
  if (out.by() == "person") {
    return FillGroups(*snapshot, ComplianceGroup::kPerson, in, now, out);
  }
  return absl::InvalidArgumentError("--by is office, person or month");
}

absl::Status ReportOverdue(const Services& services, const v1::ReportOverdueRequest& in,
                           v1::ReportOverdueResponse& out) {
  const auto snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  out.set_cannot_be_known(kCannotBeKnown);
  *out.mutable_at() = ToProto(now);
  MUSTER_RETURN_IF_ERROR(CheckApp(*snapshot, in.app_id()));
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(retention));
  Managers managers(*snapshot);
  MUSTER_RETURN_IF_ERROR(ForEach<v1::Obligation>(
      *snapshot, "obligation/", [&](const std::string&, const auto& o) -> absl::Status {
        if ((!in.office().empty() && o.value.office() != in.office()) ||
            (!in.app_id().empty() && o.value.app_id() != in.app_id())) {
          return absl::OkStatus();
        }
        auto item = OverdueItem(o.value, zone, now);
        if (!item) return absl::OkStatus();
        if (static_cast<size_t>(out.items_size()) >= limits::kMaxReportRows) return TooManyRows();
        MUSTER_ASSIGN_OR_RETURN(*item->mutable_manager_upn(), managers.Of(o.value.person_id()));
        MUSTER_ASSIGN_OR_RETURN(const bool only, IsExportOnly(*snapshot, o.value.grant_id()));
        item->set_export_only(only);
        *out.add_items() = *std::move(item);
        return absl::OkStatus();
      }));
  std::stable_sort(out.mutable_items()->begin(), out.mutable_items()->end(),
                   [](const auto& a, const auto& b) { return a.days() > b.days(); });
  return absl::OkStatus();
}

absl::Status ReportQuarterly(const Services& services, const v1::ReportQuarterlyRequest& in,
                             v1::ReportQuarterlyResponse& out) {
  const auto snapshot = services.store.Read();
  const absl::Time now = services.clock.Now();
  MUSTER_ASSIGN_OR_RETURN(const v1::RetentionPolicy retention, LoadRetention(*snapshot));
  MUSTER_ASSIGN_OR_RETURN(const absl::TimeZone zone, AgencyZone(retention));
  MUSTER_ASSIGN_OR_RETURN(const FiscalQuarter quarter, QuarterAsked(in, now, zone));
  MUSTER_ASSIGN_OR_RETURN(out, EventsIn(*snapshot, MonthsOf(quarter)));
  const auto [from, until] = BoundsOf(quarter, zone);
  out.set_quarter(QuarterName(quarter));
  *out.mutable_from() = ToProto(from);
  *out.mutable_until() = ToProto(until);
  out.set_cannot_be_known(kCannotBeKnown);
  out.set_tenant(services.settings.tenant);
  *out.mutable_at() = ToProto(now);
  MUSTER_ASSIGN_OR_RETURN(const ComplianceTable table,
                          FoldCompliance(*snapshot, ComplianceGroup::kOffice, {}, now));
  for (v1::ComplianceFigures& figures : table.Items()) *out.add_items() = std::move(figures);
  *out.mutable_total() = table.Total();
  return CountQuarter(*snapshot, {from, until}, out);
}

absl::Status ReportNaraUd(const Services& services, const v1::ReportNaraUdRequest& in,
                          v1::ReportNaraUdResponse& out) {
  const auto snapshot = services.store.Read();
  out.set_cannot_be_known(kCannotBeKnown);
  *out.mutable_at() = ToProto(services.clock.Now());
  MUSTER_ASSIGN_OR_RETURN(const Period period, PeriodOf(in));
  return ForEach<v1::Incident>(
      *snapshot, IncidentKey(""), [&](const std::string&, const auto& i) -> absl::Status {
        if (!IsUnauthorisedDisposition(i.value) || !period.Has(FromProto(i.value.opened_at()))) {
          return absl::OkStatus();
        }
        if (static_cast<size_t>(out.items_size()) >= limits::kMaxReportRows) return TooManyRows();
        *out.add_items() = i.value;
        out.mutable_items(out.items_size() - 1)->set_revision(i.revision);
        return absl::OkStatus();
      });
}

}  // namespace muster
