// Words inside dates and times: morning and afternoon in many languages, "klo", "Uhr", "at".
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "archive/stamp.h"

namespace muster::archive {

// What stands before or after a time. Empty: words that belong to no time. kNone: words that say
// nothing about the half of the day, or no words. Thread-safe.
std::optional<DayHalf> ReadTimeWords(absl::string_view words);

}  // namespace muster::archive
