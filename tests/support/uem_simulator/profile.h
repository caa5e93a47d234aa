// What an iPhone makes of an MDM command in XML: plists, and the restrictions in a profile. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/types.h"

namespace muster::uemsim {

// An XML property list: dict, array, string, integer, real, true, false, date and data (as a JSON
// string of its bytes in base64). A lone dict without the plist around it will do, as the UEM's
// custom commands have it. INVALID_ARGUMENT with the offset.
absl::StatusOr<Json> ParsePlist(absl::string_view xml);

// A configuration profile, plain or in a CMS envelope (DER), whose signature is not looked at.
absl::StatusOr<TrueProfile> ParseProfile(absl::string_view bytes);

struct CustomCommand {
  std::string request_type = {};  // "InstallProfile", …
  std::string payload = {};       // the profile's bytes
};
// INVALID_ARGUMENT: no plist, no RequestType, or an InstallProfile without a Payload.
absl::StatusOr<CustomCommand> ParseCustomCommand(absl::string_view xml);

}  // namespace muster::uemsim
