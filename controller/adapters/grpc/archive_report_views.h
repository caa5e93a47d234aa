// Reports for people who answer for archives: compliance, who is overdue, the quarter, NARA's list.
// Each carries its time and the paragraph on what cannot be known.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

// INVALID_ARGUMENT: another `by`, a filter that this grouping does not have, or a period that ends
// before it begins. NOT_FOUND: no such person or app. RESOURCE_EXHAUSTED: more rows than
// limits::kMaxReportRows; ask for one office or app.
absl::Status ReportArchive(const Services& services, const v1::ReportArchiveRequest& in,
                           v1::ReportArchiveResponse& out);
// Longest overdue first.
absl::Status ReportOverdue(const Services& services, const v1::ReportOverdueRequest& in,
                           v1::ReportOverdueResponse& out);
absl::Status ReportQuarterly(const Services& services, const v1::ReportQuarterlyRequest& in,
                             v1::ReportQuarterlyResponse& out);
absl::Status ReportNaraUd(const Services& services, const v1::ReportNaraUdRequest& in,
                          v1::ReportNaraUdResponse& out);

}  // namespace muster
