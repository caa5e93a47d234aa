// Who holds which role: read from directory groups with every sync, asked for with every call.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/domain/roles.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// The difference between the stored holders and those just read, with an audit entry for each.
// `keep`: the read is in doubt, so nobody loses a role but those whom it shows disabled or expired.
absl::Status WriteRoleHolders(const Services& services, const Actor& actor,
                              const Snapshot& snapshot, const DirectorySnapshot& read,
                              const PersonsByApp& holders, bool keep, Mutation& mutation);

// The roles of a person of the directory who is enabled and not expired; nobody else has any.
absl::StatusOr<Roles> RolesOf(const Services& services, const Snapshot& snapshot,
                              const std::string& person_id);

// The table of roles and verbs, and who holds what. NOT_FOUND: no such person.
absl::Status DescribeRoles(const Services& services, const Actor& actor, const Roles& own,
                           const std::string& person_upn, v1::RolesView& out);

}  // namespace muster
