// One look at one person's obligations, and everything that follows from it, as one commit.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"

namespace muster {

// True when something changed, so that there may be more to do at once. ABORTED: look again.
absl::StatusOr<bool> ReviewOnce(const Services& services, const std::string& person_id);

}  // namespace muster
