// From bridge.yaml to the parts that it describes. Reads the files that it names.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/adapters/files/identity_files.h"
#include "bridge/adapters/http/hint_server.h"
#include "bridge/adapters/ws1/http_transport.h"
#include "bridge/adapters/yaml/bridge_config.h"
#include "bridge/flow/fleet.h"
#include "bridge/flow/uem_client.h"
#include "common/clock.h"

namespace muster::bridge {

// INVALID_ARGUMENT, FAILED_PRECONDITION: what is wrong in which file; NOT_FOUND.
absl::StatusOr<BridgeConfig> ReadBridgeConfig(const std::string& file);

// Which bridge it was enrolled as. NOT_FOUND: it was not; DATA_LOSS.
absl::StatusOr<agent::EnrolledDevice> LoadBridge(const agent::StateStore& store);

struct Uem {
  std::unique_ptr<HttpTransport> transport;
  std::unique_ptr<UemClient> client;
};
absl::StatusOr<Uem> MakeUem(const BridgeConfig& config, const Clock* clock);

absl::StatusOr<FleetOptions> MakeFleetOptions(const BridgeConfig& config, std::string tenant,
                                              std::string bridge_id);

// Null where the configuration names none.
absl::StatusOr<std::unique_ptr<HintServer>> StartHints(
    const BridgeConfig& config, std::function<void(const std::string& uem_id)> on_hint);

}  // namespace muster::bridge
