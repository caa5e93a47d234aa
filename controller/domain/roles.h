// Who may do what: the one table of roles and calls. Pure.
#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace muster {

enum class Role {
  kServiceDesk,
  kSocApprover,
  kUemAdmin,
  kTrmOfficer,
  kRecordsOfficer,
  kAuditor,
  kAdmin,
};
inline constexpr std::array kRoles = {Role::kServiceDesk, Role::kSocApprover,    Role::kUemAdmin,
                                      Role::kTrmOfficer,  Role::kRecordsOfficer, Role::kAuditor,
                                      Role::kAdmin};

absl::string_view RoleName(Role role);                 // "soc-approver"
std::optional<Role> FindRole(absl::string_view name);  // by RoleName
std::string RoleNames(const std::vector<Role>& roles, absl::string_view separator);

using Roles = std::set<Role>;

// What the audit log keeps of a call that was allowed. A refused one is always an entry.
enum class Recorded {
  kEachCall,  // it shows people, devices or what they did: who asked for what is an entry
  kChange,    // what it changes is an entry; when it changes nothing, there is none
  kNever,     // what the agency has decided for everybody: catalogue, TRM, policy, guidance
};

// One call of AdminService.
struct Permission {
  absl::string_view method;  // "ApproveRequest"
  absl::string_view verb;    // "request approve": what musterctl and people call it
  Recorded recorded;
  std::vector<Role> roles;  // who may

  // The verb of the entry about a call: "read.person" of GetPerson, "request.approve".
  std::string EntryVerb() const;
};

// In the order of AdminService. A method without a row is allowed to nobody; Login and Logout
// have none, because they come before any role.
const std::vector<Permission>& Permissions();
// nullptr: no such call.
const Permission* FindPermission(absl::string_view method);

// OK when one of `held` may call `method`; else PERMISSION_DENIED, with the roles that may.
absl::Status CheckPermission(absl::string_view method, const Roles& held, absl::string_view upn);

// Pairs that nobody should hold together: whoever asks must not decide, whoever decides must not
// run the machinery, whoever checks must do neither (NIST SP 800-53, AC-5).
std::vector<std::pair<Role, Role>> RolesApart();
// Those of RolesApart() that are both in `held`, as "service-desk + soc-approver".
std::vector<std::string> RoleConflicts(const Roles& held);

}  // namespace muster
