// Apple declaration com.apple.configuration.app.settings, from iOS 27.
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/crypto.h"
#include "controller/domain/native/phone_file.h"

namespace muster::native {

// A declaration has no room for a comment. Its server token is any text that changes with the
// content, so it says where the file comes from: content, policy, its hash, time.
absl::StatusOr<NativeFile> AppleDeclaration(const NativeInput& in) {
  PhoneApps apps = AppsOn(in, v1::Platform::IOS);
  if (apps.apps.empty()) return NothingBlocked("iOS");
  nlohmann::json payload = {{"Allowed", {{"DeniedApps", apps.ids()}}}};
  const std::string content = Sha256Hex(IndentedJson(payload)).substr(0, 32);
  nlohmann::json declaration = {
      {"Type", "com.apple.configuration.app.settings"},
      {"Identifier", absl::StrCat(TenantIdentifier(in), ".phones.apps")},
      {"ServerToken",
       absl::StrCat(content, ".", in.version, ".", PlainText(in.sha256), ".",
                    absl::FormatTime("%Y%m%dT%H%M%SZ", in.generated_at, absl::UTCTimeZone()))},
      {"Payload", std::move(payload)}};
  NativeFile out;
  out.bytes = IndentedJson(declaration);
  out.media_type = "application/json";
  out.notes = std::move(apps.notes);
  out.notes.push_back(
      "Acts from iOS 27 on, on supervised iPhones and iPads alone; older ones do not know it and "
      "need "
      "the apple-profile. Not on a Mac.");
  out.notes.push_back(
      "Adds to what other declarations deny; nothing in them can take an app off this list.");
  out.notes.push_back(
      "Closes apps alone: web clients and other roads to install are closed by the apple-profile.");
  out.notes.push_back(
      "An app is known by its exact bundle id: a client of somebody else's, or a copy that was "
      "signed again, has another one.");
  out.notes.push_back(
      "Version, hash and time stand in ServerToken; a server that writes a token of its own loses "
      "them.");
  return out;
}

}  // namespace muster::native
