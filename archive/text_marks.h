// Characters that cannot be seen, and the folding of words, in what the apps write.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace muster::archive {

// One character and its length in bytes; what is no UTF-8 is U+FFFD of one byte.
struct CodePoint {
  char32_t value = 0;
  unsigned bytes = 1;
};
// `text` is not empty.
CodePoint DecodeFirst(absl::string_view text);
void AppendUtf8(char32_t value, std::string& out);

bool IsMark(char32_t value);   // direction, joiners without width, byte order mark
bool IsSpace(char32_t value);  // of any width, not a line break

// Without marks and spaces at the ends; a view into `text`.
absl::string_view SkipMarks(absl::string_view text);  // marks alone, at the beginning
absl::string_view TrimUnseen(absl::string_view text);
std::string WithoutMarks(absl::string_view text);
// In one case, without marks, every space an ASCII one: for comparison only.
std::string FoldText(absl::string_view text);

// Ends at the first line break, or nowhere.
absl::string_view FirstLine(absl::string_view text);

}  // namespace muster::archive
