// How far each document has come on each device. Compared by hash, never by count.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/report.pb.h"

namespace muster {

// The agent's own word: it applied, or refused, the bytes with this hash. Unknown names and
// hashes that are not the current document's are ignored: they speak of the past.
absl::Status RecordAck(const Services& services, const std::string& device_id,
                       const std::string& name, const std::string& sha256);
absl::Status RecordNack(const Services& services, const std::string& device_id,
                        const std::string& name, const std::string& code,
                        const std::string& detail);

// The proof: a report signed by the device's key names these hashes. Adds to `mutation`.
absl::Status WriteVerified(const Services& services, const Snapshot& snapshot,
                           const std::string& device_id, const v1::PolicyReport& report,
                           Mutation& mutation);

// QUEUED for what is published and not yet heard of; for `device show`.
absl::StatusOr<std::vector<v1::DocumentState>> StatesOf(const Snapshot& snapshot,
                                                        const v1::Device& device);

// True when the device verified its current assignment and that assignment holds (`present`) or
// does not hold the grant.
absl::StatusOr<bool> RunsGrant(const Snapshot& snapshot, const std::string& device_id,
                               const std::string& grant_id, bool present);

}  // namespace muster
