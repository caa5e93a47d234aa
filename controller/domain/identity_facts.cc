// How platforms, origins and the facts about an app are worded.
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/domain/policy_set.h"

namespace muster {
namespace {

template <typename Enum, size_t kCount>
absl::string_view NameIn(const std::pair<Enum, absl::string_view> (&names)[kCount], Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unspecified";
}

}  // namespace

absl::string_view PlatformName(v1::Platform::Id platform) {
  static constexpr std::pair<v1::Platform::Id, absl::string_view> kNames[] = {
      {v1::Platform::ANDROID, "android"},
      {v1::Platform::IOS, "ios"},
      {v1::Platform::MACOS, "macos"},
      {v1::Platform::WINDOWS, "windows"},
      {v1::Platform::LINUX, "linux"}};
  return NameIn(kNames, platform);
}

absl::string_view OriginName(v1::Origin::Kind origin) {
  static constexpr std::pair<v1::Origin::Kind, absl::string_view> kNames[] = {
      {v1::Origin::DPKG, "dpkg"},
      {v1::Origin::RPM, "rpm"},
      {v1::Origin::FLATPAK, "flatpak"},
      {v1::Origin::SNAP, "snap"},
      {v1::Origin::BUNDLE, "bundle"},
      {v1::Origin::ANDROID_PACKAGE, "package"},
      {v1::Origin::WINGET, "winget"},
      {v1::Origin::PFN, "pfn"},
      {v1::Origin::APPIMAGE, "appimage"},
      {v1::Origin::DESKTOP_ENTRY, "desktop-entry"},
      {v1::Origin::UNPACKAGED, "unpackaged"},
      {v1::Origin::WEB_APP, "web-app"}};
  return NameIn(kNames, origin);
}

std::vector<std::string> IdentityFacts(const v1::AppIdentity& identity) {
  const absl::string_view platform = PlatformName(identity.platform());
  std::vector<std::string> facts;
  if (!identity.package_id().empty()) {
    facts.push_back(
        absl::StrCat(platform, " ", OriginName(identity.origin()), " ", identity.package_id()));
  }
  for (const std::string& path : identity.paths()) {
    facts.push_back(absl::StrCat(platform, " path ", path));
  }
  if (!identity.signer().empty()) {
    facts.push_back(absl::StrCat(platform, " signer ", identity.signer()));
  }
  if (!identity.file_hash().empty()) facts.push_back(absl::StrCat("sha256 ", identity.file_hash()));
  return facts;
}

std::string WebHostFact(absl::string_view host) { return absl::StrCat("web host ", host); }

std::vector<std::string> FactsOfApp(const v1::App& app) {
  std::vector<std::string> facts;
  for (const v1::AppIdentity& identity : app.identities()) {
    for (std::string& fact : IdentityFacts(identity)) facts.push_back(std::move(fact));
  }
  for (const std::string& host : app.web_hosts()) facts.push_back(WebHostFact(host));
  return facts;
}

}  // namespace muster
