// OpenLDAP's stream of changes: content synchronisation by polling (RFC 4533, refreshOnly).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/adapters/ldap/directory_server.h"
#include "controller/adapters/ldap/ldap_query.h"
#include "controller/adapters/ldap/replica_feed.h"

namespace muster {

inline constexpr char kSyncRequestOid[] = "1.3.6.1.4.1.4203.1.9.1.1";

// The whole is read in pages, and syncrepl tells what came after: a server that was killed leaves
// what it wrote last out of a refresh, until something else is written. For the same reason a
// refresh that names what is left, instead of what was deleted, is not believed: the whole is read
// anew. slapd names deletions where it keeps a session log (syncprov-sessionlog).
class ContentSyncFeed final : public ReplicaFeed {
 public:
  ContentSyncFeed(const DirectoryServer& server, const PersonAttributes& attributes)
      : server_(server), attributes_(attributes) {}

  std::string method() const override { return "syncrepl"; }
  absl::Status Load(LdapConnection* connection, ReplicaState* state) override;
  absl::Status Update(LdapConnection* connection, ReplicaState* state) override;

 private:
  absl::Status PutWhole(LdapConnection* connection, std::vector<DirectoryEntry> entries,
                        ReplicaState* state);
  absl::Status Take(LdapReply reply, ReplicaState* state, std::vector<DirectoryEntry>* changed);
  absl::Status TakeInfo(const std::string& value, ReplicaState* state);
  absl::Status Finish(const LdapResult& result, const std::string& doing);

  const DirectoryServer server_;
  const PersonAttributes attributes_;
  std::string cookie_;
};

}  // namespace muster
