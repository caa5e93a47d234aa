// Text that others wrote: any bytes in, valid UTF-8 out. Pure.
#pragma once

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::agent {

// Valid UTF-8 of at most `max_bytes`: what is not valid, and every control character, becomes
// U+FFFD, and a character that does not fit whole is left out. Protocol Buffers refuse others.
std::string CleanText(absl::string_view bytes, size_t max_bytes);

// True for what Protocol Buffers write and read again, control characters too.
bool IsUtf8(absl::string_view bytes);

// True when CleanText would change nothing.
bool IsCleanText(absl::string_view bytes, size_t max_bytes);

// Calls `line` for every line, without its end and without copying.
void ForEachLine(absl::string_view text, const std::function<void(absl::string_view)>& line);

}  // namespace muster::agent
