// Which of several directory servers is in use, and what became of the others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/clock.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldap/ldap_options.h"
#include "muster/v1/person.pb.h"

namespace muster {

// Thread-compatible. Stays with a server until it fails: every change of a domain controller costs
// a full read.
class ServerPool {
 public:
  ServerPool(const LdapOptions& options, const Clock& clock);

  // To the server in use, or else to the next one that answers; each is tried once. UNAVAILABLE:
  // none answers, with each one's reason. Any other error is the first one met: a refused password
  // is tried nowhere else, so that no account gets locked.
  absl::StatusOr<std::unique_ptr<LdapConnection>> Connect(const Secret& password);
  // The server in use failed in the middle of its work: the next Connect() begins with another.
  void Leave(const absl::Status& why);
  // What the server in use calls its database.
  void SetInvocationId(const std::string& id);

  size_t size() const { return servers_.size(); }
  const std::string& current() const;  // URI
  const std::vector<v1::DirectoryReading::Server>& servers() const { return servers_; }

 private:
  absl::Status Refresh();
  void Note(size_t server, const std::string& state);

  const LdapOptions& options_;
  const Clock& clock_;
  std::vector<v1::DirectoryReading::Server> servers_;
  size_t current_ = 0;
};

// The URIs of `options`, or what DNS lists for its domain, best first (RFC 2782). UNAVAILABLE: DNS
// lists none.
absl::StatusOr<std::vector<std::string>> ServerUris(const LdapOptions& options);

}  // namespace muster
