// Active Directory's stream of changes: DirSync ([MS-ADTS] 3.1.1.3.4.1.3). Persons, groups and the
// containers above them in one stream, from the root of the naming context.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/adapters/ldap/directory_server.h"
#include "controller/adapters/ldap/replica_feed.h"

namespace muster {

inline constexpr char kDirSyncOid[] = "1.2.840.113556.1.4.841";

// The whole is read with every value; changes carry added and removed members alone. An account
// without the right "Replicating Directory Changes" gets what it may read; deletions may be hidden
// from it, and then the approval groups are read anew with every change read, since a deleted
// person leaves a group without a change of the group.
class DirSyncFeed final : public ReplicaFeed {
 public:
  DirSyncFeed(const DirectoryServer& server, const PersonAttributes& attributes)
      : server_(server), attributes_(attributes) {}

  std::string method() const override { return "DirSync"; }
  std::vector<std::string> notes() const override;
  absl::Status Load(LdapConnection* connection, ReplicaState* state) override;
  absl::Status Update(LdapConnection* connection, ReplicaState* state) override;

 private:
  absl::Status Stream(LdapConnection* connection, bool changes_only, const EntrySink& sink);
  absl::StatusOr<bool> StreamPart(LdapConnection* connection, bool changes_only,
                                  const EntrySink& sink);
  absl::Status Apply(LdapConnection* connection, const DirectoryEntry& change, ReplicaState* state);
  absl::Status ReadAgain(LdapConnection* connection, const std::string& id, ReplicaState* state);
  absl::StatusOr<bool> MaySeeDeletions(LdapConnection* connection) const;

  const DirectoryServer server_;
  const PersonAttributes attributes_;
  bool own_rights_only_ = false;  // LDAP_DIRSYNC_OBJECT_SECURITY
  bool sees_deletions_ = false;
  std::string cookie_;
};

}  // namespace muster
