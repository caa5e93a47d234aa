// A cohort policy's content, cut into chunks. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "muster/v1/policy.pb.h"

namespace muster {

// The content as serialised muster.v1.CohortContent parts, each at most limits::kMaxChunkBytes,
// in the order of the app ids. Where it is cut depends on the ids alone, so that a change of one
// app changes one chunk. An app that fills more than a chunk is left out: ApplyPolicies refuses
// such an app before it gets here.
std::vector<std::string> SplitContent(const v1::CohortContent& content);

// The largest app that fits a chunk together with its TRM status.
bool FitsChunk(const v1::App& app);

// Names what is in the policy whatever its version and dates: equal for equal content.
std::string ContentSha256(const v1::CohortPolicy& policy);

}  // namespace muster
