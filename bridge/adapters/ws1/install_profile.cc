#include "bridge/adapters/ws1/install_profile.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace muster::bridge {

std::string InstallProfileCommand(absl::string_view profile) {
  return absl::StrCat(
      "<dict><key>RequestType</key><string>InstallProfile</string>"
      "<key>Payload</key><data>",
      absl::Base64Escape(profile), "</data></dict>");
}

}  // namespace muster::bridge
