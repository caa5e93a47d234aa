// The `ldap` section of musterd's configuration.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/adapters/yaml/yaml_tree.h"

namespace muster {

struct LdapConfig {
  // ldaps://host[:port] or ldap://host[:port], in the order to be tried; or the domain whose
  // servers DNS lists.
  std::vector<std::string> uris;
  std::string domain;
  bool start_tls = false;              // upgrade ldap:// before anything is sent
  std::string ca_file;                 // PEM; empty: the system's authorities
  std::string bind_dn;                 // empty: anonymous
  std::string bind_password_file;      // as keytab_file: may be "$CREDENTIALS_DIRECTORY/NAME" there
  std::string principal, keytab_file;  // Kerberos, instead of the two above
  std::string base_dn;
  absl::Duration timeout = absl::Seconds(10);
};

// Relative paths are taken from `folder`. Opens no file.
void ReadLdapConfig(const YamlNode& node, absl::string_view folder, LdapConfig* out,
                    FileIssues* issues);

}  // namespace muster
