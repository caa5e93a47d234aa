// What supervisor and worker say to each other, to and from the types they work with. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "agent/flow/enforcer.h"
#include "muster/v1/agent_gate.pb.h"

namespace muster::agent {

v1::GateState ToGateState(const EnforcementState& state);
// INVALID_ARGUMENT: an app number without an app.
absl::StatusOr<EnforcementState> FromGateState(v1::GateState state);

v1::GateStatus ToGateStatus(const EnforcerStatus& status);
EnforcerStatus FromGateStatus(const v1::GateStatus& status);

v1::GateRecord ToGateRecord(const ExecRecord& record);
ExecRecord FromGateRecord(const v1::GateRecord& record);

}  // namespace muster::agent
