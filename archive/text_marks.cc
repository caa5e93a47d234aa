#include "archive/text_marks.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstring>

namespace muster::archive {

CodePoint DecodeFirst(absl::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  if (bytes[0] < 0x80) return {bytes[0], 1};
  int32_t at = 0;
  const int32_t size = static_cast<int32_t>(text.size() < 8 ? text.size() : 8);
  UChar32 value;
  U8_NEXT(bytes, at, size, value);
  if (value < 0) return {0xFFFD, 1};
  return {static_cast<char32_t>(value), static_cast<unsigned>(at)};
}

void AppendUtf8(char32_t value, std::string& out) {
  uint8_t bytes[U8_MAX_LENGTH];
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes, size, value);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

bool IsMark(char32_t value) {
  if (value < 0x61C) return false;
  return value == 0x61C || (value >= 0x200B && value <= 0x200F) ||
         (value >= 0x202A && value <= 0x202E) || (value >= 0x2060 && value <= 0x2069) ||
         value == 0xFEFF;
}

bool IsSpace(char32_t value) {
  if (value < 0x80) return value == ' ' || value == '\t';
  return value == 0xA0 || value == 0x202F || value == 0x3000 || value == 0x205F ||
         (value >= 0x2000 && value <= 0x200A);
}

absl::string_view SkipMarks(absl::string_view text) {
  while (!text.empty() && static_cast<uint8_t>(text[0]) >= 0xD8) {
    const CodePoint first = DecodeFirst(text);
    if (!IsMark(first.value)) break;
    text.remove_prefix(first.bytes);
  }
  return text;
}

absl::string_view TrimUnseen(absl::string_view text) {
  const auto seen = [](char c) { return c > ' ' && static_cast<uint8_t>(c) < 0x80; };
  if (!text.empty() && seen(text.front()) && seen(text.back())) return text;
  while (!text.empty()) {
    const CodePoint first = DecodeFirst(text);
    if (!IsMark(first.value) && !IsSpace(first.value)) break;
    text.remove_prefix(first.bytes);
  }
  while (!text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
    const CodePoint last = DecodeFirst(text.substr(at));
    if (at + last.bytes != text.size()) break;
    if (!IsMark(last.value) && !IsSpace(last.value)) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}

std::string WithoutMarks(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint first = DecodeFirst(text);
    // What is no UTF-8 stays what it is.
    if (!IsMark(first.value)) out.append(text.data(), first.bytes);
    text.remove_prefix(first.bytes);
  }
  return out;
}

std::string FoldText(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char ascii = text[0];
    if (static_cast<uint8_t>(ascii) < 0x80) {
      out += ascii >= 'A' && ascii <= 'Z' ? static_cast<char>(ascii | 0x20)
             : ascii == '\t'              ? ' '
                                          : ascii;
      text.remove_prefix(1);
      continue;
    }
    const CodePoint first = DecodeFirst(text);
    text.remove_prefix(first.bytes);
    if (IsMark(first.value)) continue;
    if (IsSpace(first.value)) {
      out += ' ';
    } else if (first.value == 0x2019 || first.value == 0x2018) {
      out += '\'';
    } else {
      AppendUtf8(
          static_cast<char32_t>(u_foldCase(static_cast<UChar32>(first.value), U_FOLD_CASE_DEFAULT)),
          out);
    }
  }
  return out;
}

absl::string_view FirstLine(absl::string_view text) {
  if (text.empty()) return text;
  if (const void* feed = std::memchr(text.data(), '\n', text.size())) {
    text = text.substr(0, static_cast<size_t>(static_cast<const char*>(feed) - text.data()));
  }
  if (text.empty()) return text;
  if (const void* back = std::memchr(text.data(), '\r', text.size())) {
    text = text.substr(0, static_cast<size_t>(static_cast<const char*>(back) - text.data()));
  }
  return text;
}

}  // namespace muster::archive
