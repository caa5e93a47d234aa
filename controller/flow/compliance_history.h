// Compliance over time: figures as they were on each day, by office, and what happened in each
// month. Written by a tick, from the store; never for a day that is over.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/domain/compliance.h"
#include "controller/flow/services.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

// All obligations and open incidents that `obligation` and `incident` let through, folded.
struct ComplianceFilter {
  std::string office, person_id, app_id;  // empty: all
};
absl::StatusOr<ComplianceTable> FoldCompliance(const Snapshot& snapshot, ComplianceGroup by,
                                               const ComplianceFilter& filter, absl::Time now);

// Once a day of the agency's zone: one record an office. A day on which the controller did not run
// stays empty. After limits::kDailyFigureDays only the last day that a month has is kept. And, each
// time: what the audit log tells since the last round is counted by month, at most
// limits::kFigureAuditEntries of it. Running it late, twice or after a crash comes to the same.
absl::Status RunComplianceHistory(const Services& services);

// Figures at the end of each month (of the present one: of the last day there is) that begins in
// [from, until), oldest first, with `group` "2026-11"; months without figures are left out. One
// office only, unless empty.
absl::StatusOr<std::vector<v1::ComplianceFigures>> FiguresByMonth(const Snapshot& snapshot,
                                                                  const std::string& office,
                                                                  absl::Time from, absl::Time until,
                                                                  absl::TimeZone zone);

// Reminders and suspensions in these months ("2026-11"), added up; nothing else is set.
absl::StatusOr<v1::ReportQuarterlyResponse> EventsIn(const Snapshot& snapshot,
                                                     const std::vector<std::string>& months);

}  // namespace muster
