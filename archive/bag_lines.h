// Lines of tag files, which LF, CR or both end (RFC 8493, 2.1.3). Pure.
#pragma once

#include <vector>

#include "absl/strings/string_view.h"

namespace muster::archive {

// Without their ends; views into `text`. What follows the last end is a line unless empty.
std::vector<absl::string_view> BagLines(absl::string_view text);

}  // namespace muster::archive
