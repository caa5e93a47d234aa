// A directory on an LDAP server: Active Directory, Samba or OpenLDAP. Persons are read in pages,
// groups walked from our side, starting at the approval groups; see DESIGN, section 7, for why.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldif/directory_entry.h"
#include "controller/flow/directory.h"

namespace muster {

// Thread-safe: one operation at a time, over one kept connection. A kept connection that turns out
// dead is opened anew once. Not counted as members: those who have a group as their Active
// Directory primary group only, and persons of other domains.
class LdapDirectory final : public Directory {
 public:
  // Checks the options (CheckLdapOptions) and takes the password over; connects at the first use.
  static absl::StatusOr<std::unique_ptr<LdapDirectory>> Open(LdapOptions options);

  std::string source() const override { return "ldap " + options_.uris.front(); }
  std::string kind() const override { return "ldap"; }

  // UNAVAILABLE: no answer in time, no trusted encryption or a lost connection; UNAUTHENTICATED:
  // wrong bind DN or password; FAILED_PRECONDITION: an approval group or the base is missing, or
  // nobody is below the base; DATA_LOSS: the answer was cut short or is malformed, or two persons
  // share an id, a UPN or an account name; PERMISSION_DENIED: something may not be read.
  absl::StatusOr<DirectorySnapshotPtr> Read(
      const std::map<std::string, std::string>& approval_groups, ReadDepth depth) override;

  absl::Status ConfirmGone(const PastMember& member) override;
  v1::DirectoryReading reading() const override;

  // `group`: DN or GUID. Besides the errors of connecting: NOT_FOUND: no such group or person;
  // PERMISSION_DENIED: the account may not change the group; FAILED_PRECONDITION: the directory
  // refuses, such as to empty a groupOfNames; ABORTED: it reads back without the change.
  absl::Status AddMember(const std::string& group, const std::string& person_id) override;
  absl::Status RemoveMember(const std::string& group, const std::string& person_id) override;

 private:
  // Where entries are found by id.
  struct Server {
    bool active_directory = false;
    std::vector<std::string> naming_contexts;
  };

  LdapDirectory(LdapOptions options, Secret password)
      : options_(std::move(options)), password_(std::move(password)) {}

  // Runs `operation` on the kept connection, or once more on a new one if that was lost. `Result`
  // is what `operation` returns: a Status or a StatusOr.
  template <typename Result, typename Operation>
  Result WithConnection(const Operation& operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Connect() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::StatusOr<DirectorySnapshot> ReadAll(
      const std::map<std::string, std::string>& approval_groups) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::optional<DirectoryEntry>> Find(const std::string& dn_or_guid,
                                                     const std::vector<std::string>& attributes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::optional<DirectoryEntry>> FindByGuid(
      const std::string& guid, const std::vector<std::string>& attributes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SetMember(const std::string& group, const std::string& person_id, bool member);
  absl::Status Modify(const std::string& group, const std::string& person_id, bool member)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<bool> HasMember(const std::string& group_dn, const std::string& attribute,
                                 const std::string& person_dn) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const LdapOptions options_;  // without the password
  const Secret password_;
  Mutex mu_;
  std::unique_ptr<LdapConnection> connection_ ABSL_GUARDED_BY(mu_);
  Server server_ ABSL_GUARDED_BY(mu_);
};

}  // namespace muster
