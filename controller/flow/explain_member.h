// Why a person counts, or does not, in the approval groups: what has to hold, one by one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/services.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

// For one app, or with `app_id` empty for every app that has an approval group or of which the
// person has a grant. From the store: what the last read of the directory saw. NOT_FOUND: no such
// person or app.
absl::StatusOr<std::vector<v1::MemberExplanation>> ExplainMember(const Services& services,
                                                                 const std::string& person_upn,
                                                                 const std::string& app_id);

}  // namespace muster
