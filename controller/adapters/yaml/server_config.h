// musterd's configuration file. deploy/config/musterd.yaml is a commented sample.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace muster {

struct ServerConfig {
  struct Ldap {
    std::string uri;         // ldaps://host[:port] or ldap://host[:port]
    bool start_tls = false;  // upgrade ldap:// before anything is sent
    std::string ca_file;     // PEM; empty: the system's authorities
    std::string bind_dn;     // empty: anonymous
    std::string bind_password_file;
    std::string base_dn;
    absl::Duration timeout = absl::Seconds(10);
  };
  struct Directory {
    std::string kind;  // "ldif" or "ldap"
    bool write_back = true;
    std::map<std::string, std::string> groups;  // app id -> group DN or objectGUID / entryUUID
    std::string ldif_file;
    Ldap ldap;
  };

  std::string listen = "127.0.0.1:7443";
  std::vector<std::string> server_names;  // further names and addresses for the certificate
  std::string data_dir;
  std::string how_to_ask = "Ask your service desk for this app; an approval opens it.";
  absl::Duration sync_interval = absl::Seconds(60);
  absl::Duration certificate_life = absl::Hours(24 * 365);  // of devices
  // Of cohort policies: see RolloutOptions.
  absl::Duration rollout_soak = absl::Minutes(1);
  uint32_t rollout_max_nack_percent = 2;
  Directory directory;
};

// Strict, like the policy files. Relative paths are taken from the folder of `file_name`. Opens
// no file. INVALID_ARGUMENT with one "file:line:column: message" per line, at most
// limits::kMaxIssues.
absl::StatusOr<ServerConfig> ParseServerConfig(absl::string_view file_name, absl::string_view text);

}  // namespace muster
