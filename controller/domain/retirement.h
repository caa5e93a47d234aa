// What an operator's reason to retire a device says of the records on it. Pure.
#pragma once

#include "absl/strings/string_view.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// DEVICE_LOST for a reason with the word lost, stolen or missing; WIPED for wiped, wipe, reset or
// erased; else OTHER. Any case; only whole words count.
v1::Incident::Cause CauseOfRetirement(absl::string_view reason);

}  // namespace muster
