// What the REST client of Workspace ONE is told by its owner, who has read the files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::bridge {

// No field of the REST interface says for certain whether the UEM owns an Android phone or only a
// work profile on it. So nothing is claimed, unless the agency itself says what its ownership
// marks mean.
enum class AndroidManagement {
  kUnknown,              // nothing is claimed of any Android phone
  kByOwnership,          // corporate, shared: fully managed; employee's: personal work profile
  kByOwnershipWithCope,  // the same, but corporate phones have a personal side
};

// By its word in the configuration: "unknown", "by-ownership", "by-ownership-cope".
std::optional<AndroidManagement> AndroidManagementOf(absl::string_view word);

struct Ws1Options {
  std::string url;                                    // "https://host", no slash at its end
  std::string token_url;                              // whole
  std::string client_id, client_secret, tenant_code;  // secrets: never in a log, error or URL
  uint64_t organization_group = 0;                    // its number
  AndroidManagement android_management = AndroidManagement::kUnknown;
  // The UEM's privacy settings keep back what people installed, on every phone; else on those only
  // that are not the agency's own. No field of a phone says so.
  bool personal_apps_hidden = false;
  // UUID -> number of each user group that smart groups name: the older calls know numbers only.
  // What is not here goes by its UUID.
  std::map<std::string, uint64_t> user_group_numbers;
};

}  // namespace muster::bridge
