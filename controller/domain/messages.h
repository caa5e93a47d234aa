// What a transition tells the requester and the person: topics, and texts with values filled in.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

// Every topic a webhook can ask for: one per transition of a request, a grant and a TRM status.
const std::vector<absl::string_view>& Topics();
bool IsTopic(absl::string_view topic);
// True when `pattern` is `topic`, or ends in ".*" and names its noun: "grant.*".
bool TopicMatches(absl::string_view pattern, absl::string_view topic);

// The names that a text may hold as {{name}}.
const std::vector<absl::string_view>& MessageValues();

// Fills in {{name}}; a value that is not given becomes "-". INVALID_ARGUMENT, saying which, for a
// name that is none of MessageValues() or braces that do not close. Values are put in as they are
// and never looked at again.
absl::StatusOr<std::string> FillMessage(absl::string_view text,
                                        const std::map<std::string, std::string>& values);

}  // namespace muster
