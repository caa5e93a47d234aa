#include "agent/domain/plain_text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace muster::agent {
namespace {

constexpr uint32_t kInvalid = 0xffffffff;
constexpr uint32_t kEscape = 0x1b, kBell = 0x07, kCancel = 0x18, kSubstitute = 0x1a;
constexpr absl::string_view kCut = "...";

struct Letter {
  uint32_t point = kInvalid;
  size_t bytes = 1;  // an invalid byte stands for itself
};

// The first character, after RFC 3629: no overlong forms, no surrogates.
Letter First(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  uint32_t point = lead & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3fu);
  }
  const uint32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < least || point > 0x10ffff || surrogate) return {};
  return {point, bytes};
}

bool IsSpace(uint32_t p) {
  return p == ' ' || (p >= '\t' && p <= '\r') || p == 0x85 || p == 0xa0 || p == 0x1680 ||
         (p >= 0x2000 && p <= 0x200a) || p == 0x2028 || p == 0x2029 || p == 0x202f || p == 0x205f ||
         p == 0x3000;
}

// Without a picture of their own: controls, joiners, marks of direction, fillers, tags,
// variation selectors, what is private or no character.
bool IsHidden(uint32_t p) {
  constexpr std::pair<uint32_t, uint32_t> kHidden[] = {
      {0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},     {0x34f, 0x34f},
      {0x61c, 0x61c},     {0x115f, 0x1160},   {0x17b4, 0x17b5}, {0x180b, 0x180f},
      {0x200b, 0x200f},   {0x202a, 0x202e},   {0x2060, 0x206f}, {0x3164, 0x3164},
      {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
      {0xffa0, 0xffa0},   {0xfff0, 0xfffb},   {0xfffe, 0xffff}, {0x1bca0, 0x1bca3},
      {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff}};
  return std::any_of(std::begin(kHidden), std::end(kHidden),
                     [p](const auto& range) { return p >= range.first && p <= range.second; });
}

// Removes an escape sequence whose introducer is gone already: `kind` is the byte after ESC, for
// a C1 control its equivalent (ECMA-48, 5.3).
void SkipSequence(uint32_t kind, absl::string_view& text) {
  const bool string = kind == ']' || kind == 'P' || kind == 'X' || kind == '^' || kind == '_';
  const bool intermediate = kind >= 0x20 && kind <= 0x2f;
  if (kind != '[' && !string && !intermediate) return;
  while (!text.empty()) {
    const Letter at = First(text);
    if (at.point == kEscape && !string) return;  // the next sequence begins
    text.remove_prefix(at.bytes);
    if (at.point == kCancel || at.point == kSubstitute) return;
    if (!string) {
      const uint32_t first_final = kind == '[' ? 0x40 : 0x30;
      if (at.point >= first_final) return;
      continue;
    }
    if (at.point == kBell || at.point == 0x9c) return;
    if (at.point == kEscape) {
      if (!text.empty() && text[0] == '\\') text.remove_prefix(1);
      return;
    }
  }
}

// True when an escape sequence began at `at`, which is removed already, and is gone.
bool SkipEscape(uint32_t at, absl::string_view& text) {
  if (at == kEscape) {
    const Letter kind = text.empty() ? Letter{} : First(text);
    if (kind.point == kInvalid || kind.point < 0x20 || kind.point > 0x7e) return true;
    text.remove_prefix(kind.bytes);
    SkipSequence(kind.point, text);
    return true;
  }
  if (at < 0x80 || at > 0x9f || at == 0x85) return false;
  SkipSequence(at - 0x40, text);
  return true;
}

// The longest beginning of at most `max` bytes that ends between two characters.
absl::string_view Beginning(absl::string_view text, size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80) --max;
  return text.substr(0, max);
}

}  // namespace

std::string PlainText(absl::string_view text, size_t max_bytes) {
  std::string out;
  bool space = false;
  while (!text.empty() && out.size() <= max_bytes) {
    const Letter at = First(text);
    const absl::string_view letter = text.substr(0, at.bytes);
    text.remove_prefix(at.bytes);
    if (at.point == kInvalid) {
      if (std::exchange(space, false)) out.push_back(' ');
      out.push_back('?');
      continue;
    }
    if (SkipEscape(at.point, text)) continue;
    if (IsSpace(at.point)) {
      space = !out.empty();
      continue;
    }
    if (IsHidden(at.point)) continue;
    if (std::exchange(space, false)) out.push_back(' ');
    out.append(letter.data(), letter.size());
  }
  if (out.size() <= max_bytes) return out;
  const size_t room = max_bytes - std::min(max_bytes, kCut.size());
  std::string cut(Beginning(out, room));
  while (!cut.empty() && cut.back() == ' ') cut.pop_back();
  const absl::string_view mark = kCut.substr(0, max_bytes);
  return cut.append(mark.data(), mark.size());
}

std::string AsciiText(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Letter at = First(text);
    out.push_back(at.point < 0x80 ? static_cast<char>(at.point) : '?');
    text.remove_prefix(at.bytes);
  }
  return out;
}

}  // namespace muster::agent
