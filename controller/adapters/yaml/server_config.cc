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
#include "controller/adapters/yaml/yaml_fields.h"
#include "controller/adapters/yaml/yaml_tree.h"

namespace muster {
namespace {

struct HostPort {
  absl::string_view host;
  int port = -1;  // -1: none given
};

// "host", "host:port", "[v6]:port"; nullopt for anything else.
std::optional<HostPort> SplitHostPort(absl::string_view text) {
  HostPort out;
  absl::string_view rest;
  if (absl::StartsWith(text, "[")) {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos) return std::nullopt;
    out.host = text.substr(1, close - 1);
    rest = text.substr(close + 1);
    if (!absl::StrContains(out.host, ':')) return std::nullopt;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  const bool host_ok =
      !out.host.empty() && std::all_of(out.host.begin(), out.host.end(), [](char c) {
        return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == ':' || c == '_';
      });
  if (!host_ok) return std::nullopt;
  if (rest.empty()) return out;
  if (!absl::ConsumePrefix(&rest, ":") || rest.empty() || rest.size() > 5) return std::nullopt;
  if (!std::all_of(rest.begin(), rest.end(), [](char c) { return absl::ascii_isdigit(c); })) {
    return std::nullopt;
  }
  if (!absl::SimpleAtoi(rest, &out.port) || out.port > 65'535) return std::nullopt;
  return out;
}

bool IsLoopback(absl::string_view host) {
  const bool v4 = std::all_of(host.begin(), host.end(),
                              [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  return host == "localhost" || host == "::1" || (v4 && absl::StartsWith(host, "127."));
}

// objectGUID or entryUUID as text: 8-4-4-4-12 hex digits.
bool IsGuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

bool IsDnOrGuid(absl::string_view text) { return IsGuid(text) || text.find('=') < text.size(); }

class ConfigReader {
 public:
  ConfigReader(absl::string_view file_name, FileIssues* issues) : issues_(issues) {
    const size_t slash = file_name.rfind('/');
    if (slash != absl::string_view::npos) folder_ = std::string(file_name.substr(0, slash + 1));
  }

  ServerConfig Read(const YamlNode& root) {
    constexpr absl::string_view kWhat = "the configuration";
    if (!ExpectMap(root, kWhat, issues_)) return config_;
    CheckKeys(root,
              {"listen", "server_names", "data_dir", "how_to_ask", "sync_interval",
               "device_certificate_life", "rollout", "directory"},
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
    if (const YamlField* directory = RequireField(root, "directory", kWhat, issues_)) {
      ReadDirectory(directory->value);
    }
    return config_;
  }

 private:
  // Leaves `out` alone when the key is absent or wrong.
  const YamlField* Text(const YamlNode& map, absl::string_view key, std::string* out) {
    const YamlField* field = FindField(map, key);
    if (field == nullptr) return nullptr;
    const auto text = ReadText(field->value, absl::StrCat("'", key, "'"),
                               {.max_bytes = limits::kMaxConfigTextBytes}, issues_);
    if (!text.has_value()) return nullptr;
    *out = *text;
    return field;
  }

  void ReadPath(const YamlNode& map, absl::string_view key, std::string* out) {
    if (Text(map, key, out) == nullptr) return;
    if (!absl::StartsWith(*out, "/")) *out = absl::StrCat(folder_, *out);
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
    CheckKeys(node, {"kind", "write_back", "groups", "ldif_file", "ldap"}, issues_);
    ServerConfig::Directory& directory = config_.directory;
    if (const YamlField* write_back = FindField(node, "write_back")) {
      directory.write_back =
          ReadBool(write_back->value, "'write_back'", issues_).value_or(directory.write_back);
    }
    if (const YamlField* groups = FindField(node, "groups")) ReadGroups(groups->value);
    ReadPath(node, "ldif_file", &directory.ldif_file);
    const YamlField* ldap = FindField(node, "ldap");
    if (ldap != nullptr) ReadLdap(ldap->value);
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

  void ReadLdap(const YamlNode& node) {
    constexpr absl::string_view kWhat = "'ldap'";
    if (!ExpectMap(node, kWhat, issues_)) return;
    CheckKeys(
        node,
        {"uri", "start_tls", "ca_file", "bind_dn", "bind_password_file", "base_dn", "timeout"},
        issues_);
    ServerConfig::Ldap& ldap = config_.directory.ldap;
    if (const YamlField* start_tls = FindField(node, "start_tls")) {
      ldap.start_tls = ReadBool(start_tls->value, "'start_tls'", issues_).value_or(false);
    }
    RequireField(node, "uri", kWhat, issues_);
    if (const YamlField* uri = Text(node, "uri", &ldap.uri)) CheckUri(uri->value, ldap);
    ReadPath(node, "ca_file", &ldap.ca_file);
    RequireField(node, "base_dn", kWhat, issues_);
    const YamlField* base = Text(node, "base_dn", &ldap.base_dn);
    if (base != nullptr && !absl::StrContains(ldap.base_dn, '=')) {
      issues_->Error(base->value, absl::StrCat("'base_dn' ", Quoted(ldap.base_dn),
                                               " is not a DN; write e.g. dc=agency,dc=example"));
    }
    Text(node, "bind_dn", &ldap.bind_dn);
    ReadPath(node, "bind_password_file", &ldap.bind_password_file);
    const bool has_dn = FindField(node, "bind_dn") != nullptr;
    const bool has_password = FindField(node, "bind_password_file") != nullptr;
    if (has_dn != has_password) {
      issues_->Error(node, absl::StrCat("'", has_dn ? "bind_dn" : "bind_password_file", "' needs '",
                                        has_dn ? "bind_password_file" : "bind_dn",
                                        "'; give both, or neither to bind anonymously"));
    }
    if (const YamlField* timeout = FindField(node, "timeout")) {
      const auto value = ReadDuration(timeout->value, "'timeout'", limits::kMinLdapTimeout,
                                      limits::kMaxLdapTimeout, issues_);
      ldap.timeout = value.value_or(ldap.timeout);
    }
  }

  void CheckUri(const YamlNode& at, const ServerConfig::Ldap& ldap) {
    absl::string_view rest = ldap.uri;
    const bool tls = absl::ConsumePrefix(&rest, "ldaps://");
    const bool clear = !tls && absl::ConsumePrefix(&rest, "ldap://");
    absl::ConsumeSuffix(&rest, "/");
    const auto host_port = SplitHostPort(rest);
    if ((!tls && !clear) || !host_port.has_value()) {
      issues_->Error(at, absl::StrCat("'uri' ", Quoted(ldap.uri),
                                      " is not an LDAP address; write ldaps://host or "
                                      "ldap://host with start_tls: true"));
    } else if (tls && ldap.start_tls) {
      issues_->Error(at, "ldaps:// is TLS from the start; remove start_tls, or write ldap://");
    } else if (clear && !ldap.start_tls && !IsLoopback(host_port->host)) {
      issues_->Error(at,
                     "ldap:// without start_tls sends the password and the members in clear; "
                     "write ldaps:// or add start_tls: true");
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
