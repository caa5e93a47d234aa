// The MDM command that installs a configuration profile, as the UEM's custom commands take it.
// Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::bridge {

// `profile`: its bytes, signed or not. The answer is a lone <dict>, without the plist around it:
// that is how public examples of custom commands are written. It has no CommandUUID: the UEM
// gives the command its own.
std::string InstallProfileCommand(absl::string_view profile);

}  // namespace muster::bridge
