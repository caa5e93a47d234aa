#include "controller/adapters/grpc/archive_service.h"

#include "controller/adapters/grpc/admin_calls.h"
#include "controller/adapters/grpc/archive_report_views.h"
#include "controller/adapters/grpc/archive_views.h"
#include "controller/flow/attestations.h"

namespace muster {

grpc::Status ArchiveService::ListObligations(Ctx* c, const v1::ListObligationsRequest* in,
                                             v1::ListObligationsResponse* out) {
  return Door("ListObligations", *c, *in,
              [&](const Caller&) { return muster::ListObligations(services_, *in, *out); });
}

grpc::Status ArchiveService::ListExports(Ctx* c, const v1::ListExportsRequest* in,
                                         v1::ListExportsResponse* out) {
  return Door("ListExports", *c, *in,
              [&](const Caller&) { return muster::ListExports(services_, *in, *out); });
}

grpc::Status ArchiveService::SubmitReceipts(Ctx* c, const v1::SubmitReceiptsRequest* in,
                                            v1::SubmitReceiptsResponse* out) {
  return Door("SubmitReceipts", *c, *in,
              [&](const Caller& who) { return DoSubmitReceipts(services_, who.actor, *in, *out); });
}

grpc::Status ArchiveService::GetRetention(Ctx* c, const v1::GetRetentionRequest* in,
                                          v1::RetentionPolicy* out) {
  return Door("GetRetention", *c, *in,
              [&](const Caller&) { return muster::GetRetention(services_, *out); });
}

grpc::Status ArchiveService::ReportArchive(Ctx* c, const v1::ReportArchiveRequest* in,
                                           v1::ReportArchiveResponse* out) {
  return Door("ReportArchive", *c, *in,
              [&](const Caller&) { return muster::ReportArchive(services_, *in, *out); });
}

grpc::Status ArchiveService::ReportOverdue(Ctx* c, const v1::ReportOverdueRequest* in,
                                           v1::ReportOverdueResponse* out) {
  return Door("ReportOverdue", *c, *in,
              [&](const Caller&) { return muster::ReportOverdue(services_, *in, *out); });
}

grpc::Status ArchiveService::ReportQuarterly(Ctx* c, const v1::ReportQuarterlyRequest* in,
                                             v1::ReportQuarterlyResponse* out) {
  return Door("ReportQuarterly", *c, *in,
              [&](const Caller&) { return muster::ReportQuarterly(services_, *in, *out); });
}

grpc::Status ArchiveService::ReportNaraUd(Ctx* c, const v1::ReportNaraUdRequest* in,
                                          v1::ReportNaraUdResponse* out) {
  return Door("ReportNaraUd", *c, *in,
              [&](const Caller&) { return muster::ReportNaraUd(services_, *in, *out); });
}

grpc::Status ArchiveService::GetArchiveGuidance(Ctx* c, const v1::ListArchiveGuidanceRequest* in,
                                                v1::ArchiveGuidanceView* out) {
  return Door("GetArchiveGuidance", *c, *in,
              [&](const Caller&) { return muster::GetArchiveGuidance(services_, *out); });
}

grpc::Status ArchiveService::RecordAttestation(Ctx* c, const v1::RecordAttestationRequest* in,
                                               v1::RecordAttestationResponse* out) {
  return Door("RecordAttestation", *c, *in,
              [&](const Caller& who) { return DoAttestation(services_, who.actor, *in, *out); });
}

}  // namespace muster
