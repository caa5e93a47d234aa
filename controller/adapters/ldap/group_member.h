// One person in or out of one group: written one value at a time, read back, never inferred.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/adapters/ldap/directory_server.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/flow/directory.h"

namespace muster {

struct MemberChange {
  std::string group;  // DN or id
  std::string person_id;
  bool member = true;  // afterwards
};

// As Directory::AddMember() and RemoveMember(). What is already so is success once read back: 68
// and 53 from Active Directory, 20 and 16 from OpenLDAP.
absl::Status SetMember(LdapConnection* connection, const DirectoryServer& server,
                       const MemberChange& change);

// As Directory::ConfirmGone(): looks at the account, compares every step of the path it came by,
// then walks up from the person through every group to the approval group.
absl::Status ConfirmMemberGone(LdapConnection* connection, const DirectoryServer& server,
                               const PastMember& member, const PersonAttributes& attributes,
                               absl::Time now);

}  // namespace muster
