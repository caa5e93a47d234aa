// What has to happen next before a person may use an app, in words for a service desk. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "muster/v1/grant.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {

// Of a request that is still open; empty for any other.
std::string NextStepFor(const v1::Request& request);
// Of a grant that is not live, or soon will not be; empty when there is nothing to do.
// `attest_since`: see OwesAttestation().
std::string NextStepFor(const v1::Grant& grant, bool member, std::optional<absl::Time> attest_since,
                        absl::Time now);

}  // namespace muster
