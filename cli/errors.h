// What musterctl says and returns when a call is refused (DESIGN, section 12). Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/exit_code.h"

namespace muster::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitOther = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitRejected = 3;
inline constexpr int kExitNotAllowed = 4;
inline constexpr int kExitNotFound = 5;
inline constexpr int kExitUnavailable = 6;

// "musterctl: <what is wrong>\n  next: <what to do>\n"; without a `next` line where the
// controller's own message already says what to do.
std::string ErrorText(const absl::Status& status);

}  // namespace muster::cli
