#include "controller/flow/audit_log.h"

#include "common/checkpoint.h"
#include "controller/flow/records.h"

namespace muster {

absl::StatusOr<v1::AuditCheckpoint> SignedHead(const Snapshot& snapshot, const Signer& signer,
                                               const Settings& settings) {
  const LogHead head = snapshot.log_head();
  const std::string origin = LogOrigin(settings.tenant);
  v1::AuditCheckpoint out;
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_checkpoint(),
                          signer.SignLogHead({origin, head.size, head.root}));
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_key(), signer.LogKey(origin));
  out.set_size(head.size);
  return out;
}

}  // namespace muster
