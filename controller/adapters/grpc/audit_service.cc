#include "controller/adapters/grpc/audit_service.h"

#include "controller/adapters/grpc/paging.h"
#include "controller/flow/audit_log.h"
#include "controller/flow/log_retention.h"

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
  return Door("ReadAuditLog", *c, *in, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(*out, ReadLog(*services_.store.Read(), *in));
    return absl::OkStatus();
  });
}

grpc::Status AuditService::ProveAudit(Ctx* c, const v1::ProveAuditRequest* in,
                                      v1::ProveAuditResponse* out) {
  return Door("ProveAudit", *c, *in, [&](const Caller&) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(
        *out, ProveEntry(*services_.store.Read(), signer_, services_.settings, in->sequence()));
    return absl::OkStatus();
  });
}

grpc::Status AuditService::ListAuditWitnesses(Ctx* c, const v1::ListAuditWitnessesRequest* in,
                                              v1::ListAuditWitnessesResponse* out) {
  return Door("ListAuditWitnesses", *c, *in, [&](const Caller&) {
    return Page<v1::AuditWitness>(
        *services_.store.Read(), WitnessKey(""), in->page_size(), in->cursor(),
        [&](v1::AuditWitness& witness) {
          *out->add_items() = std::move(witness);
          return absl::OkStatus();
        },
        *out);
  });
}

grpc::Status AuditService::PruneAudit(Ctx* c, const v1::PruneAuditRequest* in,
                                      v1::PruneAuditResponse* out) {
  return Door("PruneAudit", *c, *in, [&](const Caller& who) -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(const LogPruning done, PruneAuditLog(services_, who.actor, *in));
    out->set_pruned_below(done.pruned_below);
    out->set_pruned(done.pruned);
    out->set_held_by(done.held_by);
    out->mutable_impact()->set_dry_run(in->dry_run());
    for (const std::string& change : done.touched.changes) {
      out->mutable_impact()->add_changes(change);
    }
    return absl::OkStatus();
  });
}

}  // namespace muster
