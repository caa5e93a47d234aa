// Report -> stored fact: what agents say happened on the device.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "muster/v1/policy.pb.h"

namespace muster {

struct ReportOutcome {
  uint64_t acked_seq = 0;  // every report up to and including this one is stored
  bool policy_verified = false;
};

// Verifies the device's signature, its number and its place in the hash chain, and stores what
// it says in one commit. A report that was stored before is acknowledged again and changes
// nothing. A break in the chain is stored and audited: it says that reports were lost.
absl::StatusOr<ReportOutcome> IngestReport(const Services& services, const std::string& device_id,
                                           const v1::SignedDoc& report);

// A stream began: last seen now, with this agent version.
absl::Status RecordHello(const Services& services, const std::string& device_id,
                         const std::string& agent_version);

}  // namespace muster
