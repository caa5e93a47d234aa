// Text into well-formed HTML that is also XML. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::html {

// Safe between tags and in a quoted attribute. Characters that XML has no place for become U+FFFD.
std::string Escape(absl::string_view text);

// One row of two cells; the first is its heading. Both are escaped.
std::string Row(absl::string_view heading, absl::string_view value);

// A paragraph of a person's text: line ends are kept. Empty text becomes `missing`, set apart.
std::string Text(absl::string_view text, absl::string_view missing);

}  // namespace muster::html
