#include "agent/domain/person_of.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace muster::agent {

std::optional<uint32_t> PersonOf(uint32_t login_uid, uint32_t real_uid) {
  if (login_uid == kUnsetLoginUid || login_uid == real_uid) return real_uid;
  return std::nullopt;
}

std::optional<uint32_t> ParseLoginUid(absl::string_view text) {
  uint32_t uid = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(text), &uid)) return std::nullopt;
  return uid;
}

std::optional<uint32_t> ParseRealUid(absl::string_view status) {
  constexpr absl::string_view kKey = "\nUid:\t";
  const size_t at = status.find(kKey);
  if (at == absl::string_view::npos) return std::nullopt;
  absl::string_view rest = status.substr(at + kKey.size());
  rest = rest.substr(0, rest.find_first_of("\t\n"));
  uint32_t uid = 0;
  if (!absl::SimpleAtoi(rest, &uid)) return std::nullopt;
  return uid;
}

std::string ParseTerminal(absl::string_view stat) {
  // The program's name is in parentheses and may hold anything, also parentheses.
  const size_t name_end = stat.rfind(')');
  if (name_end == absl::string_view::npos) return "";
  const std::vector<absl::string_view> fields = absl::StrSplit(stat.substr(name_end + 1), ' ');
  constexpr size_t kTty = 5;  // " S ppid pgrp session tty_nr"
  uint32_t tty = 0;
  if (fields.size() <= kTty || !absl::SimpleAtoi(fields[kTty], &tty) || tty == 0) return "";
  const uint32_t major = (tty >> 8) & 0xfff, minor = (tty & 0xff) | ((tty >> 12) & 0xfff00);
  constexpr uint32_t kPtsFirst = 136, kPtsLast = 143, kTtyMajor = 4, kConsoles = 64;
  if (major >= kPtsFirst && major <= kPtsLast) {
    return absl::StrCat("/dev/pts/", (major - kPtsFirst) * 256 + minor);
  }
  if (major == kTtyMajor && minor < kConsoles) return absl::StrCat("/dev/tty", minor);
  return "";
}

}  // namespace muster::agent
