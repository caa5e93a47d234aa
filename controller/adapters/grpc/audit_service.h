// The calls of AdminService about the audit log as a log: heads, entries as hashed, proofs,
// witnesses, retention.
#pragma once

#include "controller/adapters/grpc/archive_service.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"

namespace muster {

class AuditService : public ArchiveService {
 public:
  // Owns neither.
  AuditService(const Services& services, const Signer& signer)
      : ArchiveService(services), services_(services), signer_(signer) {}

  grpc::Status GetAuditCheckpoint(Ctx* c, const v1::GetAuditCheckpointRequest* in,
                                  v1::AuditCheckpoint* out) override;
  grpc::Status ReadAuditLog(Ctx* c, const v1::ReadAuditLogRequest* in,
                            v1::ReadAuditLogResponse* out) override;
  grpc::Status ProveAudit(Ctx* c, const v1::ProveAuditRequest* in,
                          v1::ProveAuditResponse* out) override;
  grpc::Status ListAuditWitnesses(Ctx* c, const v1::ListAuditWitnessesRequest* in,
                                  v1::ListAuditWitnessesResponse* out) override;
  grpc::Status PruneAudit(Ctx* c, const v1::PruneAuditRequest* in,
                          v1::PruneAuditResponse* out) override;

 private:
  const Services& services_;
  const Signer& signer_;
};

}  // namespace muster
