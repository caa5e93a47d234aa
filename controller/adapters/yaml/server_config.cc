#include "controller/adapters/yaml/server_config.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/uuid.h"
#include "controller/adapters/yaml/host_port.h"
#include "controller/adapters/yaml/operations_config.h"
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/adapters/yaml/yaml_tree.h"
#include "controller/domain/roles.h"

namespace muster {
namespace {

// A GUID is an objectGUID or entryUUID as text.
bool IsDnOrGuid(absl::string_view text) { return IsUuid(text) || text.find('=') < text.size(); }

class ConfigReader {
 public:
  ConfigReader(absl::string_view file_name, FileIssues* issues) : issues_(issues) {
    const size_t slash = file_name.rfind('/');
    if (slash != absl::string_view::npos) folder_ = std::string(file_name.substr(0, slash + 1));
  }

  ServerConfig Read(const YamlNode& root) {
    constexpr absl::string_view kWhat = "the configuration";
    if (!ExpectMap(root, kWhat, issues_)) return config_;
    CheckKeys(
        root,
        {"listen", "server_names", "data_dir", "how_to_ask", "sync_interval",
         "device_certificate_life", "rollout", "directory", "requests", "operators", "webhooks"},
        issues_);
    ReadListen(root);
    ReadServerNames(root);
    RequireField(root, "data_dir", kWhat, issues_);
    ReadPath(root, "data_dir", &config_.data_dir);
    if (const YamlField* how = FindField(root, "how_to_ask")) {
      const TextRule rule = {.max_bytes = limits::kMaxReasonBytes, .multiline = true};
      if (const auto text = ReadText(how->value, "'how_to_ask'", rule, issues_)) {
        config_.how_to_ask = *text;
      }
    }
    if (const YamlField* interval = FindField(root, "sync_interval")) {
      const auto value = ReadDuration(interval->value, "'sync_interval'", limits::kMinSyncInterval,
                                      limits::kMaxSyncInterval, issues_);
      config_.sync_interval = value.value_or(config_.sync_interval);
    }
    if (const YamlField* life = FindField(root, "device_certificate_life")) {
      const auto value =
          ReadDuration(life->value, "'device_certificate_life'", limits::kMinCertificateLife,
                       limits::kMaxCertificateLife, issues_);
      config_.certificate_life = value.value_or(config_.certificate_life);
    }
    if (const YamlField* rollout = FindField(root, "rollout")) ReadRollout(rollout->value);
    if (const YamlField* requests = FindField(root, "requests")) {
      ReadRequestsConfig(requests->value, &config_.requests, issues_);
    }
    if (const YamlField* operators = FindField(root, "operators")) {
      ReadOperatorsConfig(operators->value, folder_, &config_.operators, issues_);
    }
    if (const YamlField* webhooks = FindField(root, "webhooks")) {
      ReadWebhooksConfig(webhooks->value, folder_, &config_.webhooks, issues_);
    }
    if (const YamlField* directory = RequireField(root, "directory", kWhat, issues_)) {
      ReadDirectory(directory->value);
    }
    return config_;
  }

 private:
  const YamlField* Text(const YamlNode& map, absl::string_view key, std::string* out) {
    return ReadLine(map, key, out, issues_);
  }
  void ReadPath(const YamlNode& map, absl::string_view key, std::string* out) {
    ReadFileName(map, key, folder_, out, issues_);
  }

  void ReadRollout(const YamlNode& node) {
    if (!ExpectMap(node, "'rollout'", issues_)) return;
    CheckKeys(node, {"soak", "max_nack_percent"}, issues_);
    if (const YamlField* soak = FindField(node, "soak")) {
      const auto value = ReadDuration(soak->value, "'soak'", limits::kMinSyncInterval,
                                      limits::kMaxRolloutSoak, issues_);
      config_.rollout_soak = value.value_or(config_.rollout_soak);
    }
    const YamlField* percent = FindField(node, "max_nack_percent");
    if (percent == nullptr) return;
    const auto text = ReadText(percent->value, "'max_nack_percent'",
                               {.max_bytes = 8, .digits_are_text = true}, issues_);
    if (!text.has_value()) return;
    uint32_t value = 0;
    if (absl::SimpleAtoi(*text, &value) && value <= 100) {
      config_.rollout_max_nack_percent = value;
    } else {
      issues_->Error(percent->value, absl::StrCat("'max_nack_percent' ", Quoted(*text),
                                                  " is not a whole number from 0 to 100"));
    }
  }

  void ReadListen(const YamlNode& root) {
    const YamlField* field = Text(root, "listen", &config_.listen);
    if (field == nullptr) return;
    const auto host_port = SplitHostPort(config_.listen);
    if (host_port.has_value() && host_port->port >= 0) return;
    issues_->Error(field->value, absl::StrCat("'listen' ", Quoted(config_.listen),
                                              " is not an address; write host:port, e.g. "
                                              "0.0.0.0:7443 or \"[::]:7443\""));
  }

  void ReadServerNames(const YamlNode& root) {
    const YamlField* field = FindField(root, "server_names");
    if (field == nullptr || !ExpectList(field->value, "'server_names'", issues_)) return;
    if (field->value.items.size() > limits::kMaxServerNames) {
      issues_->Error(field->value,
                     absl::StrCat("'server_names' has ", field->value.items.size(),
                                  " entries; at most ", limits::kMaxServerNames, " are allowed"));
      return;
    }
    for (const YamlNode& item : field->value.items) {
      const auto name =
          ReadText(item, "a server name", {.max_bytes = limits::kMaxHostnameBytes}, issues_);
      if (!name.has_value()) continue;
      const bool v6 = absl::StrContains(*name, ':');
      const auto parsed = SplitHostPort(v6 ? absl::StrCat("[", *name, "]") : *name);
      auto& names = config_.server_names;
      if (!parsed.has_value()) {
        issues_->Error(item, absl::StrCat("server name ", Quoted(*name),
                                          " is not a host name or an IP address; write it without "
                                          "scheme and port"));
      } else if (std::find(names.begin(), names.end(), *name) != names.end()) {
        issues_->Error(item,
                       absl::StrCat("server name ", Quoted(*name), " is listed twice; keep one"));
      } else {
        names.push_back(*name);
      }
    }
  }

  void ReadDirectory(const YamlNode& node) {
    constexpr absl::string_view kWhat = "'directory'";
    if (!ExpectMap(node, kWhat, issues_)) return;
    CheckKeys(node, {"kind", "write_back", "groups", "roles", "attributes", "ldif_file", "ldap"},
              issues_);
    ServerConfig::Directory& directory = config_.directory;
    if (const YamlField* write_back = FindField(node, "write_back")) {
      directory.write_back =
          ReadBool(write_back->value, "'write_back'", issues_).value_or(directory.write_back);
    }
    if (const YamlField* groups = FindField(node, "groups")) ReadGroups(groups->value);
    if (const YamlField* roles = FindField(node, "roles")) ReadRoles(roles->value);
    ReadPath(node, "ldif_file", &directory.ldif_file);
    const YamlField* ldap = FindField(node, "ldap");
    if (ldap != nullptr) ReadLdapConfig(ldap->value, folder_, &directory.ldap, issues_);
    if (const YamlField* names = FindField(node, "attributes")) ReadAttributes(names->value);
    if (RequireField(node, "kind", kWhat, issues_) == nullptr) return;
    const YamlField* kind = Text(node, "kind", &directory.kind);
    if (kind == nullptr) return;
    if (directory.kind != "ldif" && directory.kind != "ldap") {
      issues_->Error(kind->value, absl::StrCat("unknown directory kind ", Quoted(directory.kind),
                                               "; expected one of ldif, ldap"));
      return;
    }
    const absl::string_view needed = directory.kind == "ldif" ? "ldif_file" : "ldap";
    const absl::string_view unused = directory.kind == "ldif" ? "ldap" : "ldif_file";
    RequireField(node, needed, absl::StrCat("a directory of kind ", directory.kind), issues_);
    if (const YamlField* field = FindField(node, unused)) {
      issues_->Error(field->line, field->column,
                     absl::StrCat("'", unused, "' has no effect with kind: ", directory.kind,
                                  "; remove it or change the kind"));
    }
  }

  void ReadGroups(const YamlNode& node) {
    if (!ExpectMap(node, "'groups'", issues_)) return;
    std::map<std::string, std::string> owner;  // lowercase group -> app id
    for (const YamlField& field : node.fields) {
      if (!IsAppId(field.key)) {
        issues_->Error(field.line, field.column,
                       absl::StrCat(Quoted(field.key), " is not an app id; use a-z, 0-9 and -"));
        continue;
      }
      const auto group = ReadText(field.value, absl::StrCat("the group of '", field.key, "'"),
                                  {.max_bytes = limits::kMaxConfigTextBytes}, issues_);
      if (!group.has_value()) continue;
      if (!IsDnOrGuid(*group)) {
        issues_->Error(field.value, absl::StrCat("group ", Quoted(*group),
                                                 " is neither a DN nor an objectGUID; write e.g. "
                                                 "cn=app-users,ou=groups,dc=agency,dc=example"));
        continue;
      }
      const auto [first, is_new] = owner.emplace(absl::AsciiStrToLower(*group), field.key);
      if (!is_new) {
        issues_->Error(field.value,
                       absl::StrCat("this group is already the approval group of app '",
                                    first->second, "'; each app needs its own group"));
        continue;
      }
      config_.directory.groups[field.key] = *group;
    }
  }

  // Two roles may share a group; the conflict is reported where it matters, by `roles show`.
  void ReadRoles(const YamlNode& node) {
    if (!ExpectMap(node, "'roles'", issues_)) return;
    std::vector<absl::string_view> names;
    for (const Role role : kRoles) names.push_back(RoleName(role));
    CheckKeys(node, names, issues_);
    for (const YamlField& field : node.fields) {
      const auto group = ReadText(field.value, absl::StrCat("the group of '", field.key, "'"),
                                  {.max_bytes = limits::kMaxConfigTextBytes}, issues_);
      if (!group.has_value()) continue;
      if (!IsDnOrGuid(*group)) {
        issues_->Error(field.value, absl::StrCat("group ", Quoted(*group),
                                                 " is neither a DN nor an objectGUID"));
        continue;
      }
      config_.directory.roles[field.key] = *group;
    }
  }

  void ReadAttributes(const YamlNode& node) {
    if (!ExpectMap(node, "'attributes'", issues_)) return;
    CheckKeys(node, {"office", "manager", "capstone", "employee"}, issues_);
    ServerConfig::Attributes& to = config_.directory.attributes;
    for (const auto& [key, out] : {std::pair{"office", &to.office},
                                   {"manager", &to.manager},
                                   {"capstone", &to.capstone},
                                   {"employee", &to.employee}}) {
      const YamlField* field = Text(node, key, out);
      const auto valid = [](char c) { return absl::ascii_isalnum(c) || c == '-'; };
      if (field == nullptr || std::all_of(out->begin(), out->end(), valid)) continue;
      issues_->Error(field->value, absl::StrCat("'", key, "' ", Quoted(*out),
                                                " is not the name of an attribute; write e.g. ",
                                                "extensionAttribute5"));
    }
  }

  FileIssues* issues_;
  std::string folder_;
  ServerConfig config_;
};

}  // namespace

absl::StatusOr<ServerConfig> ParseServerConfig(absl::string_view file_name,
                                               absl::string_view text) {
  FileIssues issues{std::string(file_name)};
  ServerConfig config;
  if (const std::optional<YamlNode> root = ParseYaml(text, &issues)) {
    config = ConfigReader(file_name, &issues).Read(*root);
  }
  if (issues.empty()) return config;
  std::vector<PolicyIssue> found = issues.Take();
  SortAndCapIssues(&found);
  return absl::InvalidArgumentError(absl::StrJoin(
      found, "\n",
      [](std::string* out, const PolicyIssue& issue) { out->append(IssueText(issue)); }));
}

}  // namespace muster
