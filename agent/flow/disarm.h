// The way back from a wrong block: root says why, for how long, and it is on record. Used by
// the running agent and, when that does not answer, by the command itself.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/flow/state_store.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

struct DisarmRequest {
  std::string reason;
  absl::Duration duration;
  bool rearm = false;
  uint32_t by_uid = 0;
  std::string by_account;
};

// The record of a valid request. PERMISSION_DENIED: not root; INVALID_ARGUMENT: no reason, a
// reason over limits::kMaxReasonBytes, or a duration that is not between 0 and kMaxDisarm.
absl::StatusOr<v1::DisarmReport> MakeDisarm(const DisarmRequest& request, absl::Time now);

// The saved state; empty: armed. A damaged file counts as none: it must not disarm anything.
std::optional<v1::DisarmState> LoadDisarm(const StateStore& store);
absl::Status SaveDisarm(StateStore& store, const v1::DisarmReport& report, bool reported);

// True while `state` says that nothing is to be stopped.
bool IsDisarmed(const std::optional<v1::DisarmState>& state, absl::Time now);

}  // namespace muster::agent
