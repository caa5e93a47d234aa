// Carries out what time alone makes of requests and grants: escalation and expiry, reminders,
// recertification, lapse and the end of break-glass. Decided from the store each time, so running
// it late, twice or after a crash comes to the same.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/services.h"

namespace muster {

// Looks at every open request and every grant that holds. One record's trouble does not stop the
// others; the first error is returned at the end.
absl::Status RunDeadlines(const Services& services);

}  // namespace muster
