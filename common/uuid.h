// The text form of a UUID. Pure.
#pragma once

#include "absl/strings/string_view.h"

namespace muster {

// 8-4-4-4-12 hex digits in either case, and nothing else (no braces).
bool IsUuid(absl::string_view text);

}  // namespace muster
