// From the policies in force to what a native policy file is made of. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/decision.h"
#include "controller/domain/native/native_policy.h"
#include "controller/domain/policy_set.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

using Entitlements = std::map<std::string, EntitlementFacts>;  // by app id

// The verdict on every app of the catalogue, by app id, with its identities on all platforms.
// `entitlements`: of the person that the file is for; `denied`: apps that an emergency deny names.
std::vector<native::Ruling> MakeRulings(const PolicySet& set, const Entitlements& entitlements,
                                        const std::set<std::string>& denied, absl::Time now);

// Lowercase hex; equal for policies that say the same, whoever compiled them.
std::string PolicySha256(PolicySet set);

// The file of this format. INVALID_ARGUMENT: no format, or nothing to put into it.
absl::StatusOr<native::NativeFile> MakeNativeFile(v1::NativePolicy::Format format,
                                                  const native::NativeInput& in);

// The platforms whose cohort policy a format says again.
std::vector<v1::Platform::Id> PlatformsOf(v1::NativePolicy::Format format);

// "apple-profile", as musterctl calls it.
absl::string_view NativeFormatName(v1::NativePolicy::Format format);
inline constexpr v1::NativePolicy::Format kNativeFormats[] = {
    v1::NativePolicy::APPLE_PROFILE,  v1::NativePolicy::APPLE_DECLARATION,
    v1::NativePolicy::ANDROID_POLICY, v1::NativePolicy::WS1_APPGROUP,
    v1::NativePolicy::CHROMIUM,       v1::NativePolicy::FIREFOX};

}  // namespace muster
