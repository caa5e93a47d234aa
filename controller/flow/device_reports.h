// Report -> stored fact: what agents say happened on the device.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/policy.pb.h"

namespace muster {

struct ReportOutcome {
  uint64_t acked_seq = 0;    // every report up to and including this one is stored
  std::string acked_sha256;  // of that one's payload
  bool has_policy = false;
  bool of_archive = false;  // it may say which receipts the device holds
};

// Verifies the device's signature, its number and its place in the hash chain, and stores what
// it says in one commit. A report that was stored before is acknowledged again and changes
// nothing; other bytes under the last stored number raise an alarm: the agent's state was copied
// or put back. A break in the chain is stored and audited: it says that reports were lost.
// `deliveries`: see WriteVerified.
absl::StatusOr<ReportOutcome> IngestReport(const Services& services, const std::string& device_id,
                                           const v1::SignedDoc& report,
                                           const std::map<std::string, Delivery>& deliveries);

// The last stored report; number 0: there is none.
ReportOutcome LastReportOf(const v1::Device& device);

// A stream began: last seen now, with this agent version. Returns the last stored report, number 0
// when there is none. An agent whose report chain ends before it, or elsewhere, raises an alarm.
absl::StatusOr<ReportOutcome> RecordHello(const Services& services, const std::string& device_id,
                                          const v1::Hello& hello);

}  // namespace muster
