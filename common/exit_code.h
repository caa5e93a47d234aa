// The exit codes of all three programs (DESIGN, section 12). Pure.
#pragma once

#include "absl/status/status.h"

namespace muster {

// 0 ok · 2 usage or bad input · 3 rejected by the rules · 4 not allowed · 5 not found ·
// 6 not reachable or busy · 1 anything else.
int ExitCode(const absl::Status& status);

}  // namespace muster
