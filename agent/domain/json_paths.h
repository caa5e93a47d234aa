// Strings of a JSON text by where they stand, without building the text's tree: a hostile or
// large file costs no memory. Pure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

// The keys from the root down; an array's elements are "#0", "#1" ….
using JsonPath = std::vector<std::string>;

// Calls `each` for every string and boolean ("true", "false") no deeper than
// limits::kMaxJsonDepth. Stops where the text is no JSON; false then, and where it is too deep.
bool ForEachJsonString(absl::string_view json,
                       const std::function<void(const JsonPath&, const std::string&)>& each);

}  // namespace muster::agent
