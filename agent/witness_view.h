// What people and programs are shown of the audit log as this device has seen it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

// Any user may read it; the agent need not run. nullopt: no Beacon has been accepted yet.
// UNAVAILABLE, DATA_LOSS.
absl::StatusOr<std::optional<v1::SeenLog>> ReadSeenLog(const std::string& state_dir);

// null where there is none.
nlohmann::ordered_json SeenLogJson(const std::optional<v1::SeenLog>& seen);
// Label and text of each line of `status`.
std::vector<std::pair<std::string, std::string>> SeenLogRows(
    const std::optional<v1::SeenLog>& seen);

}  // namespace muster::agent
