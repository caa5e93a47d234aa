// A Kerberos ticket from a keytab, for signing in by GSSAPI without a word of it in the
// environment or in a file.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace muster {

// A ticket in this process's memory; gone with the object. Thread-compatible.
class KerberosTicket {
 public:
  // Asks the realm's KDC (krb5.conf or DNS say where). UNAVAILABLE: no KDC answers;
  // FAILED_PRECONDITION: the keytab cannot be read or lacks the principal; UNAUTHENTICATED: the
  // KDC refuses it.
  static absl::StatusOr<std::unique_ptr<KerberosTicket>> Get(const std::string& principal,
                                                             const std::string& keytab_file);
  ~KerberosTicket();
  KerberosTicket(const KerberosTicket&) = delete;
  KerberosTicket& operator=(const KerberosTicket&) = delete;

  // While one lives, GSSAPI in this thread signs in with the ticket. They do not nest.
  class Use {
   public:
    explicit Use(const KerberosTicket& ticket);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

 private:
  struct State;
  explicit KerberosTicket(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace muster
