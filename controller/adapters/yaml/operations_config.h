// The sections `requests`, `operators` and `webhooks` of musterd's configuration. Each opens no
// file and takes relative paths from `folder`.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "controller/adapters/yaml/server_config.h"
#include "controller/adapters/yaml/yaml_tree.h"

namespace muster {

void ReadRequestsConfig(const YamlNode& node, ServerConfig::Requests* out, FileIssues* issues);
void ReadOperatorsConfig(const YamlNode& node, absl::string_view folder,
                         ServerConfig::Operators* out, FileIssues* issues);
void ReadWebhooksConfig(const YamlNode& node, absl::string_view folder,
                        std::vector<ServerConfig::WebhookConfig>* out, FileIssues* issues);

}  // namespace muster
