// A server between an LDAP client and a real slapd, on loopback: ends TLS with the slapd's own
// certificate, speaks plain LDAP onward, and answers as LdapResponder says.
#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "tests/integration/ldap_faults.h"
#include "tests/integration/ldap_responder.h"
#include "tests/integration/slapd.h"

namespace muster {

// Thread-safe. A thread per connection; all have ended when the destructor returns. `slapd` may be
// restarted meanwhile, but must outlive nothing here.
class LdapProxy {
 public:
  // INTERNAL: no port, or the slapd's certificate cannot be read.
  static absl::StatusOr<std::unique_ptr<LdapProxy>> Start(const Slapd& slapd,
                                                          const LdapBehaviour& behaviour);
  ~LdapProxy();
  LdapProxy(const LdapProxy&) = delete;
  LdapProxy& operator=(const LdapProxy&) = delete;

  std::string uri() const;  // ldaps, 127.0.0.1
  FaultPlan& plan() { return plan_; }
  // For connections that are opened from now on.
  void SetBehaviour(const LdapBehaviour& behaviour);

 private:
  // One client and its connection to the slapd. Each descriptor is closed by the destructor only,
  // so that End() never hits another's.
  struct Connection {
    ~Connection();
    void End();  // wakes its thread, which then ends
    int client = -1, server = -1;
    std::atomic<bool> done = false;
    std::thread thread;
  };

  LdapProxy() = default;
  absl::Status Open(const Slapd& slapd);
  void Accept();
  void Serve(Connection& connection, const LdapBehaviour& behaviour);
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls_{nullptr, &SSL_CTX_free};
  int listener_ = -1, port_ = 0, server_port_ = 0;
  FaultPlan plan_;
  std::atomic<bool> stopping_ = false;
  Mutex mu_;
  LdapBehaviour behaviour_ ABSL_GUARDED_BY(mu_);
  std::list<Connection> connections_ ABSL_GUARDED_BY(mu_);
  std::thread acceptor_;
};

}  // namespace muster
