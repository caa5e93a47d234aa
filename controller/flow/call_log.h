// Calls of operators as entries of the audit log: who looked at what, and what was refused.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controller/flow/services.h"
#include "google/protobuf/message.h"

namespace muster {

// Called before the answer to `method` is given; `outcome` is what it came to, and what is
// returned, but for an answer whose entry could not be written: that is UNAVAILABLE instead.
// An entry is written for a call that the table of roles says is one, unless it was
// INVALID_ARGUMENT, and for every call that ended with PERMISSION_DENIED.
absl::Status RecordCall(const Services& services, const Actor& actor, absl::string_view method,
                        const google::protobuf::Message& request, const absl::Status& outcome);

}  // namespace muster
