// One authenticated, encrypted LDAPv3 connection over libldap, and what its result codes mean.
#pragma once

#include <ldap.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "controller/adapters/ldap/ldap_options.h"
#include "controller/adapters/ldap/socket_watchdog.h"

namespace muster {

// A password in memory of its own, wiped at the end. libldap's own send buffer is beyond our
// reach. Movable, never copied, never printed.
class Secret {
 public:
  explicit Secret(std::string* text);  // takes it over and wipes `text`
  ~Secret();
  Secret(Secret&&) = default;
  Secret& operator=(Secret&&) = delete;
  const std::vector<char>& bytes() const { return bytes_; }

 private:
  std::vector<char> bytes_;
};

// libldap writes to sockets without MSG_NOSIGNAL: a server that went away would end the program.
// Blocks SIGPIPE for this thread and swallows the one that came meanwhile.
class SigpipeGuard {
 public:
  SigpipeGuard();
  ~SigpipeGuard();
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

 private:
  sigset_t before_;
  bool was_pending_ = false;
};

// Thread-compatible. Every call of it, and of libldap on its handle, needs a SigpipeGuard; calls of
// libldap on its handle need a SocketWatchdog::Guard too.
class LdapConnection {
 public:
  enum class State { kAlive, kTimedOut, kLost };

  // Certificate checks cannot be switched off; Kerberos must sign and seal. UNAVAILABLE: no answer,
  // or no trusted encryption; UNAUTHENTICATED: the bind DN, password or key is wrong;
  // FAILED_PRECONDITION: the CA file is no good.
  static absl::StatusOr<std::unique_ptr<LdapConnection>> Connect(const std::string& uri,
                                                                 const LdapOptions& options,
                                                                 const Secret& password);
  ~LdapConnection();
  LdapConnection(const LdapConnection&) = delete;
  LdapConnection& operator=(const LdapConnection&) = delete;

  LDAP* handle() const { return ld_; }
  timeval timeout() const { return absl::ToTimeval(timeout_); }
  SocketWatchdog* watchdog() { return &watchdog_; }
  // Not kAlive: this connection is of no more use.
  State state() const { return state_; }

  // The status for result `code` of an operation ("read the persons below ou=people"), never ok.
  // UNAVAILABLE: no answer or busy; DATA_LOSS: a size, time or administrative limit;
  // PERMISSION_DENIED; NOT_FOUND: no such object; FAILED_PRECONDITION: any other refusal.
  // `server_says`: the diagnostic message, if any.
  absl::Status Error(int code, absl::string_view doing, absl::string_view server_says);
  // The same for an operation that libldap itself just failed or ran out of time on.
  absl::Status LocalError(absl::string_view doing);
  absl::Status TimeoutError(absl::string_view doing);

 private:
  LdapConnection(LDAP* ld, const std::string& uri, const LdapOptions& options)
      : ld_(ld), uri_(uri), timeout_(options.timeout), watchdog_(options.timeout + kGrace) {}
  // libldap's own timeouts, where it has them, come first.
  static constexpr absl::Duration kGrace = absl::Milliseconds(250);
  static int OnConnect(LDAP* ld, Sockbuf* socket, LDAPURLDesc* server, sockaddr* address,
                       ldap_conncb* self);
  static void OnClose(LDAP* ld, Sockbuf* socket, ldap_conncb* self);
  absl::Status Configure(const LdapOptions& options);
  absl::Status Encrypt(const LdapOptions& options);
  absl::Status Bind(const LdapOptions& options, const Secret& password);
  absl::Status BindWithPassword(const LdapOptions& options, const Secret& password);
  absl::Status BindWithKerberos(const LdapOptions& options);
  absl::Status BindError(int code, const std::string& who, absl::string_view check);
  absl::Status EncryptError(int code, const LdapOptions& options);
  std::string Diagnostic() const;

  LDAP* const ld_;
  const std::string uri_;
  const absl::Duration timeout_;
  State state_ = State::kAlive;
  SocketWatchdog watchdog_;
  ldap_conncb callbacks_ = {&OnConnect, &OnClose, this};  // libldap keeps the address
};

// What Active Directory means by "data 52e" in the words of a refused sign-in; empty: it says
// nothing that is known ([MS-ERREF] 2.2).
absl::string_view ExplainRefusedSignIn(absl::string_view server_says);

}  // namespace muster
