// musterd's configuration file. deploy/config/musterd.yaml is a commented sample.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/adapters/yaml/ldap_config.h"

namespace muster {

struct ServerConfig {
  // Where the directory keeps what has no standard place; empty: nowhere.
  struct Attributes {
    std::string office = "physicalDeliveryOfficeName";
    std::string manager = "manager";
    std::string capstone;
    std::string employee = "employeeID";
  };
  struct Directory {
    std::string kind;  // "ldif" or "ldap"
    bool write_back = true;
    std::map<std::string, std::string> groups;  // app id -> group DN or objectGUID / entryUUID
    std::map<std::string, std::string> roles;   // role -> group of those who hold it
    std::string ldif_file;
    Attributes attributes;
    LdapConfig ldap;
  };

  // Where transitions are told.
  struct WebhookConfig {
    std::string name, url, secret_file, ca_file;
    std::vector<std::string> topics;
  };
  // Certificates of operators that the agency's own authorities issued.
  struct Operators {
    std::string ca_file;                              // PEM bundle; empty: none are taken
    std::map<std::string, std::string> certificates;  // SHA-256, hex -> UPN
    std::string crl_file;  // PEM bundle of revocation lists; empty: none is looked at
  };
  struct Requests {
    absl::Duration sla = absl::Hours(24);
    absl::Duration expire_after = absl::Hours(24 * 30);
    std::vector<std::string> escalate_to = {"soc-approver", "uem-admin", "admin"};
  };

  std::string listen = "127.0.0.1:7443";
  std::vector<std::string> server_names;  // further names and addresses for the certificate
  std::string data_dir;
  std::string how_to_ask = "Ask your service desk for this app; an approval opens it.";
  absl::Duration sync_interval = absl::Seconds(5);          // of changes; all of it is read daily
  absl::Duration certificate_life = absl::Hours(24 * 365);  // of devices
  // Of cohort policies: see RolloutOptions.
  absl::Duration rollout_soak = absl::Minutes(1);
  uint32_t rollout_max_nack_percent = 2;
  Directory directory;
  Requests requests;
  Operators operators;
  std::vector<WebhookConfig> webhooks;
};

// Strict, like the policy files. Relative paths are taken from the folder of `file_name`. Opens
// no file. INVALID_ARGUMENT with one "file:line:column: message" per line, at most
// limits::kMaxIssues.
absl::StatusOr<ServerConfig> ParseServerConfig(absl::string_view file_name, absl::string_view text);

}  // namespace muster
