// bridge.yaml: which UEM a bridge drives, what it has set up for each app, and how fast it may go.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bridge/domain/pacer.h"
#include "bridge/flow/fleet.h"
#include "common/fleet_limits.h"

namespace muster::bridge {

struct BridgeConfig {
  struct Uem {
    std::string url, token_url;  // https, or http to this machine; no slash at the end of `url`
    std::string client_id_file, client_secret_file, tenant_code_file;
    std::string ca_file;  // empty: the system's
    uint64_t organization_group = 0;
    std::string organization_group_uuid;
    // "unknown", "by-ownership", "by-ownership-cope": adapters/ws1/ws1_options.h.
    std::string android_management = "unknown";
    // "by-ownership": the UEM's privacy settings hide personal apps on what is not the agency's
    // own; "hidden": on every phone.
    std::string personal_apps = "by-ownership";
  };
  struct Files {
    std::string certificate_file, key_file;
  };
  struct Hints {
    std::string address;
    int port = 0;
    std::string user, password_file;
    std::optional<Files> tls;
  };

  Uem uem;
  PacerOptions pace;
  absl::Duration list_every = limits::kPhoneListEvery;
  absl::Duration sweep_every = absl::Hours(6);
  std::vector<AppConfig> apps;
  // UUID -> number of the user groups, where the file gives the number as well.
  std::map<std::string, uint64_t> user_group_numbers;
  std::optional<Files> profile_signing;
  std::optional<Hints> hints;
};

// Opens no file; relative paths are taken from the folder of `file`. INVALID_ARGUMENT:
// "file:line:column: what is wrong and what would be right", the first of them.
absl::StatusOr<BridgeConfig> ParseBridgeConfig(const std::string& file, absl::string_view text);

// The one line in a file that holds a secret. FAILED_PRECONDITION: others than its owner and group
// may read it, with the chmod that helps; INVALID_ARGUMENT: empty, several lines, too large; else
// as the file's error. Never shows what is in it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

}  // namespace muster::bridge
