#include "controller/adapters/grpc/audit_service.h"

#include "controller/flow/audit_log.h"

namespace muster {

grpc::Status AuditService::GetAuditCheckpoint(Ctx* c, const v1::GetAuditCheckpointRequest* in,
                                              v1::AuditCheckpoint* out) {
  return Door("GetAuditCheckpoint", *c, *in, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(*out, SignedHead(*services_.store.Read(), signer_, services_.settings));
    return absl::OkStatus();
  });
}

}  // namespace muster
