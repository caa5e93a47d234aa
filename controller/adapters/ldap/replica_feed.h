// Where a replica's contents and changes come from.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldap/replica_state.h"

namespace muster {

// Thread-compatible. After any error neither the feed nor the state may be used again: the next
// read begins with new ones.
class ReplicaFeed {
 public:
  virtual ~ReplicaFeed() = default;
  virtual std::string method() const = 0;
  virtual std::vector<std::string> notes() const { return {}; }

  // Everything, into an empty state. UNIMPLEMENTED: this server does not give it by this method
  // to this account; the message says why.
  virtual absl::Status Load(LdapConnection* connection, ReplicaState* state) = 0;
  // What changed since. ABORTED: the server cannot say any more; everything must be read anew.
  virtual absl::Status Update(LdapConnection* connection, ReplicaState* state) = 0;
};

}  // namespace muster
