#include "controller/domain/native_rulings.h"

#include "absl/strings/str_cat.h"
#include "common/crypto.h"

namespace muster {

std::vector<native::Ruling> MakeRulings(const PolicySet& set, const Entitlements& entitlements,
                                        const std::set<std::string>& denied, absl::Time now) {
  std::vector<native::Ruling> out;
  for (const auto& [id, app] : set.apps) {
    DecisionInputs in;
    in.app_id = id;
    in.app_name = app.name();
    in.emergency_denied = denied.contains(id);
    if (const auto trm = set.trm.find(id); trm != set.trm.end()) in.trm = trm->second.status();
    in.blocklisted = set.blocklist.contains(id);
    if (const auto held = entitlements.find(id); held != entitlements.end()) {
      in.entitlement = held->second;
    }
    in.now = now;
    const v1::Explanation decided = Decide(in);
    native::Ruling ruling;
    ruling.app_id = id;
    ruling.name = app.name();
    ruling.verdict = decided.verdict();
    ruling.reason = decided.reason();
    ruling.identities.assign(app.identities().begin(), app.identities().end());
    ruling.web_hosts.assign(app.web_hosts().begin(), app.web_hosts().end());
    out.push_back(std::move(ruling));
  }
  return out;
}

std::string PolicySha256(PolicySet set) {
  // Until when chats may still be exported comes of when the policies were applied, and is not in
  // the files.
  for (auto& [id, trm] : set.trm) trm.clear_export_until();
  std::string all;
  for (const v1::Platform::Id platform : kPlatforms) {
    const std::string content = CompileContent(set, platform).SerializeAsString();
    absl::StrAppend(&all, PlatformName(platform), " ", content.size(), "\n", content);
  }
  return Sha256Hex(all);
}

absl::StatusOr<native::NativeFile> MakeNativeFile(v1::NativePolicy::Format format,
                                                  const native::NativeInput& in) {
  switch (format) {
    case v1::NativePolicy::APPLE_PROFILE:
      return native::AppleProfile(in);
    case v1::NativePolicy::APPLE_DECLARATION:
      return native::AppleDeclaration(in);
    case v1::NativePolicy::ANDROID_POLICY:
      return native::AndroidPolicy(in);
    case v1::NativePolicy::WS1_APPGROUP:
      return native::Ws1AppGroup(in);
    case v1::NativePolicy::CHROMIUM:
      return native::Chromium(in);
    case v1::NativePolicy::FIREFOX:
      return native::Firefox(in);
    case v1::NativePolicy::UNSPECIFIED:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return absl::InvalidArgumentError("name the format of the file");
}

std::vector<v1::Platform::Id> PlatformsOf(v1::NativePolicy::Format format) {
  switch (format) {
    case v1::NativePolicy::APPLE_PROFILE:
    case v1::NativePolicy::APPLE_DECLARATION:
      return {v1::Platform::IOS};
    case v1::NativePolicy::ANDROID_POLICY:
      return {v1::Platform::ANDROID};
    case v1::NativePolicy::WS1_APPGROUP:
      return {v1::Platform::ANDROID, v1::Platform::IOS};
    case v1::NativePolicy::CHROMIUM:
    case v1::NativePolicy::FIREFOX:
      return {v1::Platform::LINUX};
    case v1::NativePolicy::UNSPECIFIED:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return {};
}

absl::string_view NativeFormatName(v1::NativePolicy::Format format) {
  switch (format) {
    case v1::NativePolicy::APPLE_PROFILE:
      return "apple-profile";
    case v1::NativePolicy::APPLE_DECLARATION:
      return "apple-declaration";
    case v1::NativePolicy::ANDROID_POLICY:
      return "android-policy";
    case v1::NativePolicy::WS1_APPGROUP:
      return "ws1-appgroup";
    case v1::NativePolicy::CHROMIUM:
      return "chromium";
    case v1::NativePolicy::FIREFOX:
      return "firefox";
    case v1::NativePolicy::UNSPECIFIED:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::NativePolicy_Format_NativePolicy_Format_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return "unspecified";
}

}  // namespace muster
