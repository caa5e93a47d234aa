// The controller as the counterpart of its witnesses: what devices have seen of the audit log is
// held against the log there is.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/report.pb.h"

namespace muster {

// What the device has seen by its Hello. Where it is not the beginning of this log, that raises
// AUDIT_LOG_BEHIND or AUDIT_LOG_FORKED, unless an epoch has begun since, with which a log may begin
// anew. The next Beacon proves from there all the same: a proof that leads elsewhere is what the
// device keeps as evidence. INVALID_ARGUMENT: the root is not a hash.
absl::Status CheckSeenLog(const Services& services, const std::string& device_id,
                          const v1::Hello& hello);

// The alarm that a refused Beacon stands for, if the audit log is why.
std::optional<v1::Alarm::Code> LogAlarmOf(const v1::Nack& nack);

// A report on the log: adds the device's AuditWitness to `mutation` where it changed, and an alarm,
// also to `device`, where a refused head is a new one. A refused head stays until a newer one
// comes: it is evidence. INVALID_ARGUMENT: a note is longer than limits::kMaxNoteBytes.
absl::Status WriteWitness(const Services& services, const Snapshot& snapshot,
                          const v1::WitnessReport& report, v1::Device& device, Mutation& mutation);

}  // namespace muster
