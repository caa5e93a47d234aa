// The calls of AdminService about incidents and holds.
#pragma once

#include "controller/adapters/grpc/audit_service.h"
#include "controller/flow/incident_decisions.h"
#include "controller/flow/services.h"

namespace muster {

class IncidentService : public AuditService {
 public:
  // Owns neither.
  IncidentService(const Services& services, const Signer& signer)
      : AuditService(services, signer), services_(services) {}

  grpc::Status ListIncidents(Ctx* c, const v1::ListIncidentsRequest* in,
                             v1::ListIncidentsResponse* out) override;
  grpc::Status GetIncident(Ctx* c, const v1::GetIncidentRequest* in, v1::Incident* out) override;
  grpc::Status OpenIncident(Ctx* c, const v1::OpenIncidentRequest* in,
                            v1::IncidentResponse* out) override;
  grpc::Status AssessIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                              v1::IncidentResponse* out) override;
  grpc::Status DismissIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                               v1::IncidentResponse* out) override;
  grpc::Status ConfirmIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                               v1::IncidentResponse* out) override;
  grpc::Status DraftIncident(Ctx* c, const v1::DraftIncidentRequest* in,
                             v1::IncidentResponse* out) override;
  grpc::Status SignIncident(Ctx* c, const v1::SignIncidentRequest* in,
                            v1::IncidentResponse* out) override;
  grpc::Status ReportIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                              v1::IncidentResponse* out) override;
  grpc::Status UpdateIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                              v1::IncidentResponse* out) override;
  grpc::Status CloseIncident(Ctx* c, const v1::DecideIncidentRequest* in,
                             v1::IncidentResponse* out) override;
  grpc::Status GetIncidentReport(Ctx* c, const v1::GetIncidentReportRequest* in,
                                 v1::IncidentReportResponse* out) override;
  grpc::Status ListHolds(Ctx* c, const v1::ListHoldsRequest* in,
                         v1::ListHoldsResponse* out) override;
  grpc::Status PlaceHold(Ctx* c, const v1::PlaceHoldRequest* in, v1::HoldResponse* out) override;
  grpc::Status ReleaseHold(Ctx* c, const v1::ReleaseHoldRequest* in,
                           v1::HoldResponse* out) override;

 private:
  grpc::Status Decide(absl::string_view method, Ctx* c, IncidentVerb verb,
                      const v1::DecideIncidentRequest* in, v1::IncidentResponse* out);

  const Services& services_;
};

}  // namespace muster
