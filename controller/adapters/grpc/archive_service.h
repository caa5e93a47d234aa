// The part of AdminService on archives: one method, a line, as in admin_service.cc.
#pragma once

#include <functional>

#include "controller/adapters/grpc/admin_service.h"
#include "controller/adapters/grpc/gate.h"

namespace muster {

class ArchiveService : public v1::AdminService::Service {
 public:
  using Ctx = grpc::ServerContext;
  using Call = std::function<absl::Status(const Caller&)>;

  explicit ArchiveService(const Services& services) : services_(services) {}

  grpc::Status ListObligations(Ctx* c, const v1::ListObligationsRequest* in,
                               v1::ListObligationsResponse* out) override;
  grpc::Status ListExports(Ctx* c, const v1::ListExportsRequest* in,
                           v1::ListExportsResponse* out) override;
  grpc::Status SubmitReceipts(Ctx* c, const v1::SubmitReceiptsRequest* in,
                              v1::SubmitReceiptsResponse* out) override;
  grpc::Status GetRetention(Ctx* c, const v1::GetRetentionRequest* in,
                            v1::RetentionPolicy* out) override;
  grpc::Status ReportArchive(Ctx* c, const v1::ReportArchiveRequest* in,
                             v1::ReportArchiveResponse* out) override;
  grpc::Status ReportOverdue(Ctx* c, const v1::ReportOverdueRequest* in,
                             v1::ReportOverdueResponse* out) override;
  grpc::Status ReportQuarterly(Ctx* c, const v1::ReportQuarterlyRequest* in,
                               v1::ReportQuarterlyResponse* out) override;
  grpc::Status ReportNaraUd(Ctx* c, const v1::ReportNaraUdRequest* in,
                            v1::ReportNaraUdResponse* out) override;
  grpc::Status GetArchiveGuidance(Ctx* c, const v1::ListArchiveGuidanceRequest* in,
                                  v1::ArchiveGuidanceView* out) override;
  grpc::Status RecordAttestation(Ctx* c, const v1::RecordAttestationRequest* in,
                                 v1::RecordAttestationResponse* out) override;

 protected:
  // The one way in: who it is, whether their roles allow it, then the call; and an entry of the
  // audit log, where the table of roles says that each call is one.
  virtual grpc::Status Door(absl::string_view method, const Ctx& context,
                            const google::protobuf::Message& request, const Call& call) = 0;

 private:
  const Services& services_;
};

}  // namespace muster
