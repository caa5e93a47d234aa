// Bytes to code points, and which of them may stand in a file that people review. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace muster {

// The code point at `text[pos]` and its length in bytes; nullopt where UTF-8 is invalid
// (overlong, surrogate, beyond U+10FFFF or cut short). Requires pos < text.size().
struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 0;
};
std::optional<CodePoint> DecodeUtf8(absl::string_view text, size_t pos);

// C0 and C1 control characters and DEL.
bool IsControl(uint32_t c);

// Characters that reorder or hide text, so that a reviewer reads something else than the
// program does: bidirectional controls, zero-width characters and byte order marks.
bool IsDeceptive(uint32_t c);

}  // namespace muster
