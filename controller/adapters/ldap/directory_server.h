// What the server at the other end is and can do, and how entries are found on it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/adapters/ldap/ldap_connection.h"
#include "controller/adapters/ldif/directory_entry.h"

namespace muster {

struct DirectoryServer {
  bool active_directory = false;
  std::vector<std::string> naming_contexts;  // never empty
  std::string naming_context;                // the one that holds the persons' base
  std::set<std::string> controls;            // OIDs that it supports
  // Active Directory: which copy of the database this is ([MS-ADTS] 3.1.1.1.9). A cookie of
  // another one means nothing here.
  std::string ds_service_name, invocation_id;

  bool Supports(const std::string& oid) const { return controls.contains(oid); }
  // Equal for two connections that may go on with each other's cookie.
  std::string Identity(const std::string& uri) const;
};

absl::StatusOr<DirectoryServer> DescribeServer(LdapConnection* connection,
                                               const std::string& base_dn);

// The entry that a DN, or an id as ParseGuidText() makes it, names, its ranged attributes whole;
// nullopt: there is none. DATA_LOSS: two have this id, or nobody knows.
absl::StatusOr<std::optional<DirectoryEntry>> FindEntry(LdapConnection* connection,
                                                        const DirectoryServer& server,
                                                        const std::string& dn_or_id,
                                                        const std::vector<std::string>& attributes);

// Attributes to ask for. What a member turns out to be is known only once it is read.
std::vector<std::string> PersonAttributeNames(const PersonAttributes& attributes);
std::vector<std::string> AllAttributeNames(const PersonAttributes& attributes);
// No members: a group of 20,000 must not be read to change one.
const std::vector<std::string>& IdentityAttributeNames();

}  // namespace muster
