// Text of others made fit for a terminal and a notice. Pure.
//
// Names and guidance come from signed policy, yet a slip in it must not move anybody's cursor,
// rename a window or answer a question that nobody asked.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::agent {

// One line of printable UTF-8, at most `max_bytes`; what is cut ends with "...". Escape sequences
// go as a whole; control and format characters (bidi, zero width) go; white space of any kind is
// one space; an invalid byte is a question mark.
std::string PlainText(absl::string_view text, size_t max_bytes);

// For a terminal that does not read UTF-8, where the second byte of a letter may be a control
// character: every character beyond ASCII is a question mark. `text` is that of PlainText.
std::string AsciiText(absl::string_view text);

}  // namespace muster::agent
