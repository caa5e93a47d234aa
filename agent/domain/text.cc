#include "agent/domain/text.h"

#include <cstdint>

#include "common/utf8_check.h"

namespace muster::agent {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";

bool Continues(unsigned char c) { return (c & 0xC0) == 0x80; }

// Bytes of the well-formed character at the start of `s` (Unicode 15, table 3-7); 0: none.
size_t CharacterLength(absl::string_view s) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char first = at(0);
  if (first < 0x20 || first == 0x7F) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return s.size() > 1 && Continues(at(1)) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (s.size() < 3 || !Continues(at(1)) || !Continues(at(2))) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && at(1) > 0x9F) return 0;  // a surrogate
    return 3;
  }
  if (first < 0xF0 || first > 0xF4 || s.size() < 4) return 0;
  if (!Continues(at(1)) || !Continues(at(2)) || !Continues(at(3))) return 0;
  if (first == 0xF0 && at(1) < 0x90) return 0;
  if (first == 0xF4 && at(1) > 0x8F) return 0;
  return 4;
}

}  // namespace

std::string CleanText(absl::string_view bytes, size_t max_bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t length = CharacterLength(bytes);
    const absl::string_view next = length == 0 ? kReplacement : bytes.substr(0, length);
    if (out.size() + next.size() > max_bytes) break;
    out.append(next.data(), next.size());
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

bool IsUtf8(absl::string_view bytes) {
  Utf8Check check;
  check.Add(bytes);
  return !check.invalid_at() && !check.cut();
}

bool IsCleanText(absl::string_view bytes, size_t max_bytes) {
  if (bytes.size() > max_bytes) return false;
  while (!bytes.empty()) {
    const size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

void ForEachLine(absl::string_view text, const std::function<void(absl::string_view)>& line) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    line(text.substr(0, end));
    if (end == absl::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace muster::agent
