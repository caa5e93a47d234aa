// Any bytes as bridge.yaml: one error on one line that names the file, or a configuration that a
// bridge can start with.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/match.h"
#include "bridge/adapters/yaml/bridge_config.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto config = muster::bridge::ParseBridgeConfig("/etc/muster/bridge.yaml", text);
  if (!config.ok()) {
    Require(absl::IsInvalidArgument(config.status()));
    Require(absl::StartsWith(config.status().message(), "/etc/muster/bridge.yaml:"));
    Require(!absl::StrContains(config.status().message(), '\n'));
    return 0;
  }
  for (const std::string* url : {&config->uem.url, &config->uem.token_url}) {
    Require(absl::StartsWith(*url, "https://") || absl::StartsWith(*url, "http://localhost") ||
            absl::StartsWith(*url, "http://127.0.0.1") || absl::StartsWith(*url, "http://[::1]"));
  }
  Require(config->uem.organization_group > 0 && config->pace.per_minute > 0 &&
          config->pace.parallel > 0);
  Require(!config->uem.client_secret_file.empty());
  for (const auto& app : config->apps) {
    Require(!app.app_id.empty());
    for (const auto* managed : {&app.ios, &app.android}) {
      Require(!managed->has_value() ||
              (!(*managed)->uem_id.empty() && !(*managed)->bundle_id.empty()));
    }
  }
  return 0;
}
