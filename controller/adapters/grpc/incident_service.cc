#include "controller/adapters/grpc/incident_service.h"

#include <utility>

#include "controller/adapters/grpc/incident_views.h"
#include "controller/flow/incident_report.h"

namespace muster {

grpc::Status IncidentService::ListIncidents(Ctx* c, const v1::ListIncidentsRequest* in,
                                            v1::ListIncidentsResponse* out) {
  return Door("ListIncidents", *c, *in,
              [&](const Caller&) { return muster::ListIncidents(services_, *in, *out); });
}
grpc::Status IncidentService::GetIncident(Ctx* c, const v1::GetIncidentRequest* in,
                                          v1::Incident* out) {
  return Door("GetIncident", *c, *in,
              [&](const Caller&) { return muster::GetIncident(services_, *in, *out); });
}
grpc::Status IncidentService::OpenIncident(Ctx* c, const v1::OpenIncidentRequest* in,
                                           v1::IncidentResponse* out) {
  return Door("OpenIncident", *c, *in,
              [&](const Caller& who) { return DoOpenIncident(services_, who.actor, *in, *out); });
}
grpc::Status IncidentService::AssessIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                             v1::IncidentResponse* out) {
  return Decide("AssessIncident", c, IncidentVerb::kAssess, in, out);
}
grpc::Status IncidentService::DismissIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                              v1::IncidentResponse* out) {
  return Decide("DismissIncident", c, IncidentVerb::kDismiss, in, out);
}
grpc::Status IncidentService::ConfirmIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                              v1::IncidentResponse* out) {
  return Decide("ConfirmIncident", c, IncidentVerb::kConfirm, in, out);
}
grpc::Status IncidentService::ReportIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                             v1::IncidentResponse* out) {
  return Decide("ReportIncident", c, IncidentVerb::kReport, in, out);
}
grpc::Status IncidentService::UpdateIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                             v1::IncidentResponse* out) {
  return Decide("UpdateIncident", c, IncidentVerb::kUpdate, in, out);
}
grpc::Status IncidentService::CloseIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                                            v1::IncidentResponse* out) {
  return Decide("CloseIncident", c, IncidentVerb::kClose, in, out);
}
grpc::Status IncidentService::DraftIncident(Ctx* c, const v1::DraftIncidentRequest* in,
                                            v1::IncidentResponse* out) {
  return Door("DraftIncident", *c, *in,
              [&](const Caller& who) { return DoDraftIncident(services_, who.actor, *in, *out); });
}
grpc::Status IncidentService::SignIncident(Ctx* c, const v1::SignIncidentRequest* in,
                                           v1::IncidentResponse* out) {
  return Door("SignIncident", *c, *in,
              [&](const Caller& who) { return DoSignIncident(services_, who.actor, *in, *out); });
}
grpc::Status IncidentService::GetIncidentReport(Ctx* c, const v1::GetIncidentReportRequest* in,
                                                v1::IncidentReportResponse* out) {
  return Door("GetIncidentReport", *c, *in, [&](const Caller&) {
    absl::StatusOr<v1::IncidentReportResponse> report = GetReport(services_, in->incident_id());
    if (!report.ok()) return report.status();
    *out = *std::move(report);
    return absl::OkStatus();
  });
}
grpc::Status IncidentService::ListHolds(Ctx* c, const v1::ListHoldsRequest* in,
                                        v1::ListHoldsResponse* out) {
  return Door("ListHolds", *c, *in,
              [&](const Caller&) { return muster::ListHolds(services_, *in, *out); });
}
grpc::Status IncidentService::PlaceHold(Ctx* c, const v1::PlaceHoldRequest* in,
                                        v1::HoldResponse* out) {
  return Door("PlaceHold", *c, *in,
              [&](const Caller& who) { return DoPlaceHold(services_, who.actor, *in, *out); });
}
grpc::Status IncidentService::ReleaseHold(Ctx* c, const v1::ReleaseHoldRequest* in,
                                          v1::HoldResponse* out) {
  return Door("ReleaseHold", *c, *in,
              [&](const Caller& who) { return DoReleaseHold(services_, who.actor, *in, *out); });
}

grpc::Status IncidentService::Decide(absl::string_view method, Ctx* c, IncidentVerb verb,
                                     const v1::DecideIncidentRequest* in,
                                     v1::IncidentResponse* out) {
  return Door(method, *c, *in, [&](const Caller& who) {
    return DoDecideIncident(services_, who.actor, verb, *in, *out);
  });
}

}  // namespace muster
