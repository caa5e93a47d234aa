#include "controller/adapters/ldap/ldap_options.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster {
namespace {

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

absl::Status CheckUri(const std::string& uri, const LdapOptions& options) {
  const bool ldaps = absl::StartsWith(uri, "ldaps://");
  if (!ldaps && !absl::StartsWith(uri, "ldap://")) {
    return Invalid("the directory's URI must start with ldaps:// or ldap://");
  }
  // libldap takes a list of URIs, of which a later one could be without encryption.
  if (HostOfUri(uri).empty() || uri.find_first_of(" ,\t\r\n") != std::string::npos) {
    return Invalid("each URI of the directory must name one server, as in ldaps://dc1.example.gov");
  }
  const absl::string_view path = absl::string_view(uri).substr(uri.find("://") + 3);
  const size_t slash = path.find('/');
  if (slash != absl::string_view::npos && slash + 1 != path.size()) {
    return Invalid("the directory's URI must end after the host and port");
  }
  if (options.kerberos()) {
    if (!ldaps) return absl::OkStatus();
    return Invalid(
        "Kerberos signs and seals by itself, which Active Directory refuses inside TLS; use "
        "ldap:// with a keytab");
  }
  if (!ldaps && !options.start_tls) {
    return Invalid(
        "ldap:// without StartTLS would send the bind password in clear; use ldaps:// or switch "
        "start_tls on");
  }
  if (ldaps && options.start_tls) {
    return Invalid("ldaps:// is encrypted from the start; switch start_tls off or use ldap://");
  }
  return absl::OkStatus();
}

absl::Status CheckCredentials(const LdapOptions& options) {
  if (options.kerberos()) {
    if (options.principal.empty()) {
      return Invalid("the directory's keytab needs a principal, as in svc-muster@EXAMPLE.GOV");
    }
    if (options.start_tls) {
      return Invalid("Kerberos signs and seals by itself; switch start_tls off");
    }
    if (!options.bind_dn.empty() || !options.bind_password.empty()) {
      return Invalid("the directory takes a keytab or a bind_dn with a password, not both");
    }
    return absl::OkStatus();
  }
  if (options.bind_dn.empty()) return Invalid("the directory needs a bind_dn");
  if (options.bind_password.empty()) {
    return Invalid("the directory's bind password is empty; check the password file");
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view HostOfUri(absl::string_view uri) {
  uri.remove_prefix(uri.find("://") + 3);
  if (absl::StartsWith(uri, "[")) return uri.substr(0, uri.find(']') + 1);
  return uri.substr(0, uri.find_first_of(":/"));
}

absl::Status CheckLdapOptions(const LdapOptions& options) {
  if (options.uris.empty() == options.domain.empty()) {
    return Invalid("the directory needs either its servers' URIs or the domain that lists them");
  }
  if (options.uris.size() > limits::kMaxDirectoryServers) {
    return Invalid(absl::StrCat("the directory has ", options.uris.size(), " servers; at most ",
                                limits::kMaxDirectoryServers));
  }
  for (const std::string& uri : options.uris) MUSTER_RETURN_IF_ERROR(CheckUri(uri, options));
  MUSTER_RETURN_IF_ERROR(CheckCredentials(options));
  if (options.base_dn.empty()) return Invalid("the directory needs a base_dn to search below");
  if (options.timeout <= absl::ZeroDuration() || options.timeout > limits::kMaxLdapTimeout) {
    return Invalid("the directory's timeout must be above 0 and at most 10 minutes");
  }
  return absl::OkStatus();
}

}  // namespace muster
