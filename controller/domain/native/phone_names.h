// What a policy file for phones can name. Pure.
#pragma once

#include "absl/strings/string_view.h"
#include "common/bridge_limits.h"

namespace muster::native {

// Stands for every web clip of an iPhone: a file that named it would close them all.
inline constexpr absl::string_view kEveryWebClip = "com.apple.webapp";
// Of one Apple web filter: each host takes two URLs.
inline constexpr size_t kMaxAppleHosts = limits::kMaxAppleDeniedUrls / 2;

// False for what no app can be called, and for kEveryWebClip.
bool CanNameApp(absl::string_view id);
bool IsHostName(absl::string_view host);

}  // namespace muster::native
