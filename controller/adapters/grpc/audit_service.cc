#include "controller/adapters/grpc/audit_service.h"

#include "controller/adapters/grpc/paging.h"
#include "controller/flow/audit_log.h"

namespace muster {

grpc::Status AuditService::GetAuditCheckpoint(Ctx* c, const v1::GetAuditCheckpointRequest* in,
                                              v1::AuditCheckpoint* out) {
  return Door("GetAuditCheckpoint", *c, *in, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(*out, SignedHead(*services_.store.Read(), signer_, services_.settings));
    return absl::OkStatus();
  });
}

grpc::Status AuditService::ReadAuditLog(Ctx* c, const v1::ReadAuditLogRequest* in,
                                        v1::ReadAuditLogResponse* out) {
  return Door("ReadAuditLog", *c, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(*out, ReadLog(*services_.store.Read(), *in));
    return absl::OkStatus();
  });
}

grpc::Status AuditService::ProveAudit(Ctx* c, const v1::ProveAuditRequest* in,
                                      v1::ProveAuditResponse* out) {
  return Door("ProveAudit", *c, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(
        *out, ProveEntry(*services_.store.Read(), signer_, services_.settings, in->sequence()));
    return absl::OkStatus();
  });
}

grpc::Status AuditService::ListAuditWitnesses(Ctx* c, const v1::ListAuditWitnessesRequest* in,
                                              v1::ListAuditWitnessesResponse* out) {
  return Door("ListAuditWitnesses", *c, [&](const Caller&) {
    return Page<v1::AuditWitness>(
        *services_.store.Read(), WitnessKey(""), in->page_size(), in->cursor(),
        [&](v1::AuditWitness& witness) {
          *out->add_items() = std::move(witness);
          return absl::OkStatus();
        },
        *out);
  });
}

}  // namespace muster
