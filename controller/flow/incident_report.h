// The report of a loss: its facts read off the store, its text drafted, kept and shown.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

// The report of `incident` as it is now, without a signature.
absl::StatusOr<v1::IncidentReportResponse> DraftReport(const Services& services,
                                                       const Snapshot& snapshot,
                                                       const v1::Incident& incident);

// The report as it was drafted last, with its signature once it is signed. Before the first draft
// it is what a draft would be now, and has no hash. NOT_FOUND: no such incident.
absl::StatusOr<v1::IncidentReportResponse> GetReport(const Services& services,
                                                     const std::string& incident_id);

}  // namespace muster
