// A directory on an LDAP server: Active Directory, Samba or OpenLDAP. Groups are walked from our
// side, starting at the approval groups; see DESIGN, section 7, for why.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_join.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "controller/adapters/ldap/directory_server.h"
#include "controller/adapters/ldap/group_member.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldap/ldap_options.h"
#include "controller/adapters/ldap/replica_feed.h"
#include "controller/adapters/ldap/server_pool.h"
#include "controller/flow/directory.h"

namespace muster {

// Thread-safe: one operation at a time, over one kept connection; reading() never waits for one. A
// kept connection that turns out dead is opened anew; a server that does not answer is left for the
// next. Persons of other domains are not counted as members.
class LdapDirectory final : public Directory {
 public:
  // Checks the options (CheckLdapOptions) and takes the password over; connects at the first use.
  static absl::StatusOr<std::unique_ptr<LdapDirectory>> Open(LdapOptions options);
  ~LdapDirectory() override;

  std::string source() const override {
    return "ldap " + (options_.uris.empty() ? options_.domain : absl::StrJoin(options_.uris, " "));
  }
  std::string kind() const override { return "ldap"; }

  // By DirSync, syncrepl or paged search: the best that the server gives this account. UNAVAILABLE:
  // no answer in time, no trusted encryption or a lost connection, at every server;
  // UNAUTHENTICATED: wrong name or secret; FAILED_PRECONDITION: an approval group or the base is
  // missing, or nobody is below the base; DATA_LOSS: the answer was cut short or is malformed, or
  // two persons share an id, a UPN or an account name; PERMISSION_DENIED: something may not be
  // read.
  absl::StatusOr<DirectorySnapshotPtr> Read(
      const std::map<std::string, std::string>& approval_groups, ReadDepth depth) override;

  absl::Status ConfirmGone(const PastMember& member) override;
  v1::DirectoryReading reading() const override;
  // On a connection of its own, bound as the person; the next server where one does not answer.
  absl::Status CheckPassword(const v1::Person& person, const std::string& password) override;

  // `group`: DN or GUID. Besides the errors of connecting: NOT_FOUND: no such group or person;
  // PERMISSION_DENIED: the account may not change the group; FAILED_PRECONDITION: the directory
  // refuses, such as to empty a groupOfNames; ABORTED: it reads back without the change.
  absl::Status AddMember(const std::string& group, const std::string& person_id) override;
  absl::Status RemoveMember(const std::string& group, const std::string& person_id) override;

 private:
  absl::StatusOr<std::string> CurrentDn(const std::string& person_id) ABSL_LOCKS_EXCLUDED(mu_);
  using Groups = std::map<std::string, std::string>;

  LdapDirectory(LdapOptions options, Secret password);

  // Runs `operation` on the kept connection, or again on a new one if that was lost, at each server
  // at most once. `Result` is what `operation` returns: a Status or a StatusOr.
  template <typename Result, typename Operation>
  Result WithConnection(const Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::StatusOr<DirectorySnapshotPtr> ReadOnce(const Groups& groups, ReadDepth depth)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<DirectorySnapshotPtr> ReadChanges(const Groups& groups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<DirectorySnapshotPtr> ReadFull(const Groups& groups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<DirectorySnapshotPtr> ReadPages(const Groups& groups)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::unique_ptr<ReplicaFeed> NewFeed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Keep(std::unique_ptr<ReplicaFeed> feed, std::unique_ptr<ReplicaState> state, bool full)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetReplica() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SetMemberOf(const MemberChange& change);
  void ShowServers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ShowRead(const std::string& method, const std::string& why, bool full)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const LdapOptions options_;  // without the password
  const Secret password_;
  const SystemClock clock_;
  Mutex mu_;
  ServerPool pool_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<LdapConnection> connection_ ABSL_GUARDED_BY(mu_);
  DirectoryServer server_ ABSL_GUARDED_BY(mu_);
  // What is known by streams of changes, and of which copy of the directory. Null: nothing.
  std::unique_ptr<ReplicaFeed> feed_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<ReplicaState> state_ ABSL_GUARDED_BY(mu_);
  std::string replica_of_ ABSL_GUARDED_BY(mu_);
  mutable Mutex reading_mu_;
  v1::DirectoryReading reading_ ABSL_GUARDED_BY(reading_mu_);
};

}  // namespace muster
