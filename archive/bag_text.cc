// Tag files as text: the declaration, the encodings, and the lines of bag-info.txt.
#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "archive/bag.h"
#include "archive/bag_lines.h"
#include "common/archive_limits.h"
#include "common/status_macros.h"
#include "unicode/ustring.h"

namespace muster::archive {
namespace {

constexpr absl::string_view kVersions[] = {"0.93", "0.94", "0.95", "0.96", "0.97", "1.0"};
constexpr absl::string_view kEncodings[] = {"UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII"};
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kLineBytes = 79;  // RFC 8493, 2.2.2

absl::Status Malformed(absl::string_view detail) { return BagError(BagCode::kMalformed, detail); }

absl::Status CheckUtf8(absl::string_view bytes) {
  UErrorCode error = U_ZERO_ERROR;
  int32_t units = 0;
  u_strFromUTF8(nullptr, 0, &units, bytes.data(), static_cast<int32_t>(bytes.size()), &error);
  if (error != U_BUFFER_OVERFLOW_ERROR && U_FAILURE(error)) {
    return Malformed("a tag file is not valid UTF-8");
  }
  if (absl::StartsWith(bytes, kByteOrderMark)) {
    return Malformed("a tag file begins with a byte order mark");
  }
  return absl::OkStatus();
}

// Big-endian unless its mark says otherwise (RFC 2781, 4.3).
absl::StatusOr<std::string> FromUtf16(absl::string_view bytes) {
  if (bytes.size() % 2 != 0) return Malformed("a tag file is cut in the middle of a character");
  const bool little = absl::StartsWith(bytes, "\xFF\xFE");
  if (little || absl::StartsWith(bytes, "\xFE\xFF")) bytes.remove_prefix(2);
  std::vector<UChar> units;
  units.reserve(bytes.size() / 2);
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const auto first = static_cast<unsigned char>(bytes[i]);
    const auto second = static_cast<unsigned char>(bytes[i + 1]);
    units.push_back(static_cast<UChar>(little ? second << 8 | first : first << 8 | second));
  }
  std::string out(units.size() * 3 + 1, '\0');
  UErrorCode error = U_ZERO_ERROR;
  int32_t used = 0;
  u_strToUTF8(out.data(), static_cast<int32_t>(out.size()), &used, units.data(),
              static_cast<int32_t>(units.size()), &error);
  if (U_FAILURE(error)) return Malformed("a tag file is not valid UTF-16");
  out.resize(static_cast<size_t>(used));
  return out;
}

std::string FromLatin1(absl::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0 | byte >> 6));
      out.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return out;
}

// The value of `line`, which must be "<label>: <value>".
absl::StatusOr<absl::string_view> DeclaredValue(absl::string_view line, absl::string_view label) {
  const std::string start = absl::StrCat(label, ":");
  if (!absl::StartsWith(line, start)) {
    return Malformed(absl::StrCat("bagit.txt has no line \"", start, " …\" in its place"));
  }
  return absl::StripAsciiWhitespace(line.substr(start.size()));
}

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

// Where the next line of `text` ends: at a space that unfolding gives back. Else at its end.
size_t FoldAt(absl::string_view text, size_t room) {
  size_t best = text.size();
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    if (i > room && best != text.size()) break;
    if (text[i] == ' ' && !IsSpace(text[i - 1]) && !IsSpace(text[i + 1])) best = i;
    if (i > room && best != text.size()) break;
  }
  return best;
}

}  // namespace

std::vector<absl::string_view> BagLines(absl::string_view text) {
  std::vector<absl::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    lines.push_back(text.substr(0, end));
    const bool pair = text.substr(end, 2) == "\r\n";
    text.remove_prefix(std::min(text.size(), end + (pair ? 2 : 1)));
  }
  return lines;
}

std::string FormatBagDeclaration() {
  return "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
}

absl::StatusOr<BagDeclaration> ParseBagDeclaration(absl::string_view bytes) {
  MUSTER_RETURN_IF_ERROR(CheckUtf8(bytes));
  const std::vector<absl::string_view> lines = BagLines(bytes);
  if (lines.size() != 2) return Malformed("bagit.txt is not its two lines");
  MUSTER_ASSIGN_OR_RETURN(const absl::string_view version,
                          DeclaredValue(lines[0], "BagIt-Version"));
  MUSTER_ASSIGN_OR_RETURN(const absl::string_view encoding,
                          DeclaredValue(lines[1], "Tag-File-Character-Encoding"));
  if (std::find(std::begin(kVersions), std::end(kVersions), version) == std::end(kVersions)) {
    return BagError(BagCode::kVersion, absl::StrCat("BagIt ", absl::Utf8SafeCEscape(version),
                                                    " is not read; 0.93 to 1.0 are"));
  }
  for (const absl::string_view known : kEncodings) {
    if (absl::EqualsIgnoreCase(known, encoding)) {
      return BagDeclaration{std::string(version), std::string(known)};
    }
  }
  return Malformed(absl::StrCat("the encoding ", absl::Utf8SafeCEscape(encoding),
                                " of its tag files is not read"));
}

absl::StatusOr<std::string> TagText(absl::string_view bytes, absl::string_view encoding) {
  if (bytes.size() > limits::kMaxTagFileBytes) {
    return BagError(BagCode::kOversize, absl::StrCat("a tag file of ", bytes.size(), " bytes"));
  }
  std::string text(bytes);
  if (encoding == "UTF-16") {
    MUSTER_ASSIGN_OR_RETURN(text, FromUtf16(bytes));
  } else if (encoding == "ISO-8859-1") {
    text = FromLatin1(bytes);
  }
  MUSTER_RETURN_IF_ERROR(CheckUtf8(text));
  if (text.find('\0') != std::string::npos) return Malformed("a tag file holds a NUL");
  return text;
}

std::string FormatBagInfo(const BagInfo& info) {
  std::string out;
  for (const auto& [label, value] : info) {
    std::string rest = value;
    for (char& c : rest) c = absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
    absl::StripAsciiWhitespace(&rest);
    absl::StrAppend(&out, label, ":", rest.empty() ? "" : " ");
    absl::string_view left = rest;
    size_t used = label.size() + 2;
    while (left.size() + used > kLineBytes) {
      const size_t end = FoldAt(left, used < kLineBytes ? kLineBytes - used : 1);
      if (end == left.size()) break;
      absl::StrAppend(&out, left.substr(0, end), "\n  ");
      left.remove_prefix(end + 1);
      used = 2;
    }
    absl::StrAppend(&out, left, "\n");
  }
  return out;
}

absl::StatusOr<BagInfo> ParseBagInfo(absl::string_view text) {
  BagInfo info;
  for (const absl::string_view line : BagLines(text)) {
    const absl::string_view trimmed = absl::StripAsciiWhitespace(line);
    if (trimmed.empty()) continue;
    if (line[0] == ' ' || line[0] == '\t') {
      if (info.empty()) return Malformed("bag-info.txt begins in the middle of a value");
      std::string& value = info.back().second;
      absl::StrAppend(&value, value.empty() ? "" : " ", trimmed);
      continue;
    }
    const size_t colon = line.find(':');
    const absl::string_view label = absl::StripAsciiWhitespace(line.substr(0, colon));
    if (colon == absl::string_view::npos || label.empty()) {
      return Malformed("a line of bag-info.txt is no \"label: value\"");
    }
    if (info.size() == limits::kMaxBagInfoFields) {
      return BagError(BagCode::kOversize,
                      absl::StrCat("bag-info.txt has over ", limits::kMaxBagInfoFields, " values"));
    }
    info.emplace_back(label, absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return info;
}

std::string FormatPayloadOxum(const PayloadOxum& oxum) {
  return absl::StrCat(oxum.bytes, ".", oxum.files);
}

absl::StatusOr<PayloadOxum> ParsePayloadOxum(absl::string_view value) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(value, '.');
  PayloadOxum oxum;
  if (!absl::SimpleAtoi(parts.first, &oxum.bytes) || !absl::SimpleAtoi(parts.second, &oxum.files) ||
      FormatPayloadOxum(oxum) != value) {
    return Malformed("Payload-Oxum is no \"<bytes>.<files>\"");
  }
  return oxum;
}

}  // namespace muster::archive
