// How to reach a directory and sign in to it, and what is wrong with that as written.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/adapters/ldif/directory_entry.h"

namespace muster {

struct LdapOptions {
  // In the order to be tried: "ldaps://dc1.example.gov" or "ldap://...", without path. Empty: the
  // servers that DNS lists for `domain` (RFC 2782: _ldap._tcp.<domain>).
  std::vector<std::string> uris;
  std::string domain;
  bool start_tls = false;  // for ldap:// with a password; off for ldaps:// and with Kerberos
  std::string ca_file;     // PEM; empty: Debian's bundle of public CAs
  std::string bind_dn;     // a DN; Active Directory also takes a UPN
  std::string bind_password;
  // Instead of DN and password: Kerberos (GSSAPI), signed and sealed, on ldap://.
  std::string principal;                       // "svc-muster@EXAMPLE.GOV"
  std::string keytab_file;                     // holds its key
  std::string base_dn;                         // persons are searched below it
  absl::Duration timeout = absl::Seconds(10);  // to connect, and for every answer
  PersonAttributes attributes;                 // where office, manager and Capstone role are kept

  bool kerberos() const { return !keytab_file.empty(); }
};

// INVALID_ARGUMENT with the option to correct: no encryption, no server or several in one URI, no
// bind DN or password (a bind without password succeeds without proving anything, RFC 4513, 5.1.2).
absl::Status CheckLdapOptions(const LdapOptions& options);

// "dc1.example.gov" of "ldaps://dc1.example.gov:636"; with brackets for an IPv6 address.
absl::string_view HostOfUri(absl::string_view uri);

}  // namespace muster
