#include "controller/adapters/yaml/operations_config.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/domain/messages.h"
#include "controller/domain/roles.h"

namespace muster {
namespace {

void ReadTime(const YamlNode& map, absl::string_view key, absl::Duration* out, FileIssues* issues) {
  const YamlField* field = FindField(map, key);
  if (field == nullptr) return;
  const auto value = ReadDuration(field->value, absl::StrCat("'", key, "'"), limits::kMinSla,
                                  limits::kMaxSla, issues);
  *out = value.value_or(*out);
}

bool IsSha256(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

// https, or http to this machine: what is told must not be readable on the way. Without a user
// name, which would be a secret in a file that others read.
bool IsWebhookUrl(absl::string_view url) {
  const size_t authority = url.find("://");
  if (authority == url.npos) return false;
  const absl::string_view host_on = url.substr(authority + 3);
  if (absl::StrContains(host_on.substr(0, host_on.find('/')), '@')) return false;
  if (absl::StartsWith(url, "https://")) return url.size() > 8;
  if (!absl::ConsumePrefix(&url, "http://")) return false;
  for (absl::string_view host : {"127.0.0.1", "localhost", "[::1]"}) {
    absl::string_view rest = url;
    if (absl::ConsumePrefix(&rest, host) && (rest.empty() || rest[0] == ':' || rest[0] == '/')) {
      return true;
    }
  }
  return false;
}

bool IsTopicPattern(absl::string_view pattern) {
  const auto& all = Topics();
  return std::any_of(all.begin(), all.end(),
                     [&](absl::string_view topic) { return TopicMatches(pattern, topic); });
}

void ReadTopics(const YamlNode& node, std::vector<std::string>* out, FileIssues* issues) {
  if (!ExpectList(node, "'topics'", issues)) return;
  if (node.items.size() > limits::kMaxWebhookTopics) {
    issues->Error(node, absl::StrCat("'topics' has ", node.items.size(), " entries; at most ",
                                     limits::kMaxWebhookTopics));
    return;
  }
  for (const YamlNode& item : node.items) {
    const auto topic = ReadText(item, "a topic", {}, issues);
    if (!topic) continue;
    if (IsTopicPattern(*topic)) {
      out->push_back(*topic);
    } else {
      issues->Error(item,
                    absl::StrCat("unknown topic ", Quoted(*topic), DidYouMean(*topic, Topics()),
                                 "; write one, or e.g. grant.*"));
    }
  }
}

void ReadWebhook(const YamlNode& item, absl::string_view folder,
                 std::vector<ServerConfig::WebhookConfig>* out, FileIssues* issues) {
  constexpr absl::string_view kWhat = "a webhook";
  if (!ExpectMap(item, kWhat, issues)) return;
  CheckKeys(item, {"name", "url", "secret_file", "ca_file", "topics"}, issues);
  ServerConfig::WebhookConfig hook;
  if (const YamlField* name = RequireField(item, "name", kWhat, issues)) {
    hook.name = ReadAppId(name->value, "'name'", issues).value_or("");
  }
  if (const YamlField* url = RequireField(item, "url", kWhat, issues)) {
    hook.url = ReadText(url->value, "'url'", {.max_bytes = limits::kMaxConfigTextBytes}, issues)
                   .value_or("");
    if (!hook.url.empty() && !IsWebhookUrl(hook.url)) {
      issues->Error(url->value,
                    absl::StrCat("'url' ", Quoted(hook.url),
                                 " is not https:// (http:// goes to this machine only)"));
    }
  }
  RequireField(item, "secret_file", kWhat, issues);
  ReadFileName(item, "secret_file", folder, &hook.secret_file, issues);
  ReadFileName(item, "ca_file", folder, &hook.ca_file, issues);
  if (const YamlField* topics = FindField(item, "topics")) {
    ReadTopics(topics->value, &hook.topics, issues);
  }
  const bool twice = std::any_of(out->begin(), out->end(),
                                 [&](const auto& other) { return other.name == hook.name; });
  if (twice) issues->Error(item, absl::StrCat("webhook '", hook.name, "' is there twice"));
  out->push_back(std::move(hook));
}

}  // namespace

void ReadRequestsConfig(const YamlNode& node, ServerConfig::Requests* out, FileIssues* issues) {
  if (!ExpectMap(node, "'requests'", issues)) return;
  CheckKeys(node, {"sla", "expire_after", "escalate_to"}, issues);
  ReadTime(node, "sla", &out->sla, issues);
  ReadTime(node, "expire_after", &out->expire_after, issues);
  const YamlField* roles = FindField(node, "escalate_to");
  if (roles == nullptr || !ExpectList(roles->value, "'escalate_to'", issues)) return;
  out->escalate_to.clear();
  if (roles->value.items.size() > limits::kMaxEscalations) {
    issues->Error(roles->value, absl::StrCat("at most ", limits::kMaxEscalations, " escalations"));
    return;
  }
  std::vector<absl::string_view> names;
  for (const Role role : kRoles) names.push_back(RoleName(role));
  for (const YamlNode& item : roles->value.items) {
    const auto name = ReadText(item, "a role", {}, issues);
    if (!name) continue;
    if (FindRole(*name)) {
      out->escalate_to.push_back(*name);
    } else {
      issues->Error(item, absl::StrCat("unknown role ", Quoted(*name), DidYouMean(*name, names),
                                       "; expected ", OneOf(names)));
    }
  }
}

void ReadOperatorsConfig(const YamlNode& node, absl::string_view folder,
                         ServerConfig::Operators* out, FileIssues* issues) {
  if (!ExpectMap(node, "'operators'", issues)) return;
  CheckKeys(node, {"ca_file", "crl_file", "certificates"}, issues);
  ReadFileName(node, "ca_file", folder, &out->ca_file, issues);
  ReadFileName(node, "crl_file", folder, &out->crl_file, issues);
  const YamlField* map = FindField(node, "certificates");
  if (map == nullptr || !ExpectMap(map->value, "'certificates'", issues)) return;
  for (const YamlField& field : map->value.fields) {
    const auto upn = ReadText(field.value, "a UPN", {.max_bytes = limits::kMaxUpnBytes}, issues);
    if (!IsSha256(field.key)) {
      issues->Error(field.line, field.column,
                    absl::StrCat(Quoted(field.key),
                                 " is not the SHA-256 of a certificate: write 64 "
                                 "hex digits"));
    } else if (upn) {
      out->certificates[absl::AsciiStrToLower(field.key)] = *upn;
    }
  }
}

void ReadWebhooksConfig(const YamlNode& node, absl::string_view folder,
                        std::vector<ServerConfig::WebhookConfig>* out, FileIssues* issues) {
  if (!ExpectList(node, "'webhooks'", issues)) return;
  if (node.items.size() > limits::kMaxWebhooks) {
    issues->Error(node, absl::StrCat("at most ", limits::kMaxWebhooks, " webhooks"));
    return;
  }
  for (const YamlNode& item : node.items) ReadWebhook(item, folder, out, issues);
}

}  // namespace muster
