#include "agent/domain/person_of.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
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

}  // namespace muster::agent
