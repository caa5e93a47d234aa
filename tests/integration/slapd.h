// A real OpenLDAP server for one test: its own folder, CA, certificate and loopback ports. Needs
// Debian's slapd and ldap-utils, not root. Thread-compatible.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster {

class Slapd {
 public:
  struct Options {
    std::string ldif;  // loaded before the start; entries without entryUUID get one
    // Paged searches are unlimited; others end after 1,000 entries with sizeLimitExceeded.
    std::string size_limit = "size.soft=1000 size.hard=1000 size.pr=1000 size.prtotal=unlimited";
    std::string access = "access to * by * read";
    std::string session_log = "syncprov-sessionlog 1000";  // it can name what was deleted
  };

  // Returns when the server answers. INTERNAL, with the server's log, when it does not.
  static absl::StatusOr<std::unique_ptr<Slapd>> Start(const Options& options);
  ~Slapd();  // ends the server and removes the folder
  Slapd(const Slapd&) = delete;
  Slapd& operator=(const Slapd&) = delete;

  // dc=mdm,dc=test with ou=people and ou=groups, which every `ldif` may rely on.
  static constexpr char kBaseDn[] = "dc=mdm,dc=test";
  static constexpr char kAdminDn[] = "cn=admin,dc=mdm,dc=test";  // may do anything
  static constexpr char kPassword[] = "correct horse";

  std::string ldap_uri() const;   // 127.0.0.1, offers StartTLS
  std::string ldaps_uri() const;  // 127.0.0.1
  int ldap_port() const { return ldap_port_; }
  int ldaps_port() const { return ldaps_port_; }
  const std::string& folder() const { return folder_; }
  std::string ca_file() const { return folder_ + "/ca.pem"; }
  // A CA that issued nothing here.
  std::string other_ca_file() const { return folder_ + "/other-ca.pem"; }

  // Applies change records as the administrator.
  absl::Status Modify(const std::string& ldif);

  void Stop();             // SIGTERM, waits
  void Kill();             // SIGKILL, waits
  absl::Status Restart();  // on the same ports, with the same data

 private:
  Slapd() = default;
  absl::Status Prepare(const Options& options);
  absl::Status Launch();
  absl::Status WaitUntilReady();
  void End(int signal);
  std::string Log() const;

  std::string folder_;
  int ldap_port_ = 0, ldaps_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace muster
