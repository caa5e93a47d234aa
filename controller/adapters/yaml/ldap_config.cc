#include "controller/adapters/yaml/ldap_config.h"

#include <stdlib.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "controller/adapters/yaml/host_port.h"
#include "controller/adapters/yaml/yaml_fields.h"

namespace muster {
namespace {

class LdapReader {
 public:
  LdapReader(const YamlNode& node, absl::string_view folder, LdapConfig* out, FileIssues* issues)
      : node_(node), folder_(folder), out_(*out), issues_(issues) {}

  void Read() {
    if (!ExpectMap(node_, "'ldap'", issues_)) return;
    CheckKeys(node_,
              {"uri", "uris", "domain", "start_tls", "ca_file", "bind_dn", "bind_password_file",
               "principal", "keytab_file", "base_dn", "timeout"},
              issues_);
    if (const YamlField* start_tls = FindField(node_, "start_tls")) {
      out_.start_tls = ReadBool(start_tls->value, "'start_tls'", issues_).value_or(false);
    }
    kerberos_ = FindField(node_, "keytab_file") != nullptr;
    ReadServers();
    ReadFileName(node_, "ca_file", folder_, &out_.ca_file, issues_);
    RequireField(node_, "base_dn", "'ldap'", issues_);
    const YamlField* base = ReadLine(node_, "base_dn", &out_.base_dn, issues_);
    if (base != nullptr && !absl::StrContains(out_.base_dn, '=')) {
      issues_->Error(base->value, absl::StrCat("'base_dn' ", Quoted(out_.base_dn),
                                               " is not a DN; write e.g. dc=agency,dc=example"));
    }
    ReadPassword();
    ReadKerberos();
    if (const YamlField* timeout = FindField(node_, "timeout")) {
      out_.timeout = ReadDuration(timeout->value, "'timeout'", limits::kMinLdapTimeout,
                                  limits::kMaxLdapTimeout, issues_)
                         .value_or(out_.timeout);
    }
  }

 private:
  void ReadServers() {
    const YamlField* uri = FindField(node_, "uri");
    const YamlField* uris = FindField(node_, "uris");
    const YamlField* domain = FindField(node_, "domain");
    const int given = (uri != nullptr) + (uris != nullptr) + (domain != nullptr);
    if (given == 0) RequireField(node_, "uri", "'ldap'", issues_);
    if (given > 1) {
      issues_->Error(node_, "'uri', 'uris' and 'domain' each say where the servers are; keep one");
      return;
    }
    if (uri != nullptr) AddUri(uri->value, "'uri'");
    if (uris != nullptr) ReadUris(uris->value);
    if (domain != nullptr) ReadDomain();
  }

  void ReadUris(const YamlNode& list) {
    if (!ExpectList(list, "'uris'", issues_)) return;
    if (list.items.size() > limits::kMaxDirectoryServers) {
      issues_->Error(list, absl::StrCat("'uris' has ", list.items.size(), " entries; at most ",
                                        limits::kMaxDirectoryServers, " are allowed"));
      return;
    }
    for (const YamlNode& item : list.items) AddUri(item, "an entry of 'uris'");
  }

  void ReadDomain() {
    const YamlField* field = ReadLine(node_, "domain", &out_.domain, issues_);
    const auto valid = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.'; };
    if (field == nullptr) return;
    if (!std::all_of(out_.domain.begin(), out_.domain.end(), valid)) {
      issues_->Error(field->value, absl::StrCat("'domain' ", Quoted(out_.domain),
                                                " is not a DNS name; write e.g. agency.example"));
    }
  }

  void AddUri(const YamlNode& at, absl::string_view what) {
    const auto text = ReadText(at, what, {.max_bytes = limits::kMaxConfigTextBytes}, issues_);
    if (!text.has_value()) return;
    absl::string_view rest = *text;
    const bool tls = absl::ConsumePrefix(&rest, "ldaps://");
    const bool clear = !tls && absl::ConsumePrefix(&rest, "ldap://");
    absl::ConsumeSuffix(&rest, "/");
    const auto host_port = SplitHostPort(rest);
    if ((!tls && !clear) || !host_port.has_value()) {
      issues_->Error(at, absl::StrCat(what, " ", Quoted(*text),
                                      " is not an LDAP address; write ldaps://host or "
                                      "ldap://host with start_tls: true"));
    } else if (kerberos_ && tls) {
      issues_->Error(at,
                     "Kerberos signs and seals by itself, which is refused inside TLS; write "
                     "ldap://");
    } else if (tls && out_.start_tls) {
      issues_->Error(at, "ldaps:// is TLS from the start; remove start_tls, or write ldap://");
    } else if (clear && !kerberos_ && !out_.start_tls && !IsLoopback(host_port->host)) {
      issues_->Error(at,
                     "ldap:// without start_tls sends the password and the members in clear; "
                     "write ldaps:// or add start_tls: true");
    } else if (std::find(out_.uris.begin(), out_.uris.end(), *text) != out_.uris.end()) {
      issues_->Error(at, absl::StrCat(Quoted(*text), " is listed twice; keep one"));
    }
    out_.uris.push_back(*text);
  }

  void ReadPassword() {
    ReadLine(node_, "bind_dn", &out_.bind_dn, issues_);
    ReadSecretFile("bind_password_file", &out_.bind_password_file);
    const bool has_dn = FindField(node_, "bind_dn") != nullptr;
    const bool has_password = FindField(node_, "bind_password_file") != nullptr;
    if (has_dn == has_password) return;
    issues_->Error(node_, absl::StrCat("'", has_dn ? "bind_dn" : "bind_password_file", "' needs '",
                                       has_dn ? "bind_password_file" : "bind_dn",
                                       "'; give both, or neither to bind anonymously"));
  }

  void ReadKerberos() {
    ReadLine(node_, "principal", &out_.principal, issues_);
    ReadSecretFile("keytab_file", &out_.keytab_file);
    const bool has_principal = FindField(node_, "principal") != nullptr;
    if (has_principal != kerberos_) {
      issues_->Error(node_, absl::StrCat("'", kerberos_ ? "keytab_file" : "principal", "' needs '",
                                         kerberos_ ? "principal" : "keytab_file",
                                         "'; give both, or bind_dn with bind_password_file"));
    }
    if (!kerberos_) return;
    if (const YamlField* dn = FindField(node_, "bind_dn")) {
      issues_->Error(dn->line, dn->column,
                     "'bind_dn' has no effect with a keytab; keep one way to sign in");
    }
    if (out_.start_tls) {
      issues_->Error(node_, "'start_tls' has no effect with a keytab; remove it");
    }
  }

  // A file, or what systemd hands over, decrypted and in memory (systemd.exec, "LoadCredential").
  void ReadSecretFile(absl::string_view key, std::string* out) {
    const YamlField* field = FindField(node_, key);
    constexpr absl::string_view kMark = "$CREDENTIALS_DIRECTORY/";
    if (field == nullptr || !absl::StartsWith(field->value.text, kMark)) {
      return ReadFileName(node_, key, folder_, out, issues_);
    }
    if (ReadLine(node_, key, out, issues_) == nullptr) return;
    const std::string name = out->substr(kMark.size());
    const char* given = getenv("CREDENTIALS_DIRECTORY");
    if (given == nullptr) {
      issues_->Error(field->value,
                     absl::StrCat("systemd handed no credentials to musterd; add LoadCredential=",
                                  name, ":FILE to its unit, or name a file here"));
      return;
    }
    *out = absl::StrCat(given, "/", name);
  }

  const YamlNode& node_;
  const absl::string_view folder_;
  LdapConfig& out_;
  FileIssues* issues_;
  bool kerberos_ = false;
};

}  // namespace

void ReadLdapConfig(const YamlNode& node, absl::string_view folder, LdapConfig* out,
                    FileIssues* issues) {
  LdapReader(node, folder, out, issues).Read();
}

}  // namespace muster
