#include "controller/flow/incident_report.h"

namespace muster {

absl::StatusOr<v1::IncidentReportResponse> DraftReport(const Services&, const Snapshot&,
                                                       const v1::Incident&) {
  return absl::UnimplementedError("no report yet");
}

absl::StatusOr<v1::IncidentReportResponse> GetReport(const Services&, const std::string&) {
  return absl::UnimplementedError("no report yet");
}

}  // namespace muster
