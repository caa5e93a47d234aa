// Phones and what is or is not enforced on them, for operators.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// One line per enrolled phone and app that is not as it should be or that a grant is about; with a
// state, every app in it. A phone that nothing was reported of is a line without an app, UNKNOWN.
// INVALID_ARGUMENT: no such state, a bad cursor; NOT_FOUND: no such app or person.
absl::Status ReportPhones(const Services& services, const v1::ReportPhonesRequest& in,
                          v1::ReportPhonesResponse& out);

}  // namespace muster
