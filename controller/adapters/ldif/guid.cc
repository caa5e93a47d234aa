#include "controller/adapters/ldif/guid.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/crypto.h"
#include "common/uuid.h"

namespace muster {
namespace {

// Where the bytes of the text form stand in the binary form.
constexpr size_t kAdOrder[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

std::string Dashed(absl::string_view bytes) {
  const std::string hex = absl::BytesToHexString(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

}  // namespace

std::optional<std::string> ParseGuidText(absl::string_view text) {
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') text = text.substr(1, 36);
  if (!IsUuid(text)) return std::nullopt;
  return absl::AsciiStrToLower(text);
}

std::optional<std::string> GuidFromAdBytes(absl::string_view bytes) {
  if (bytes.size() != 16) return std::nullopt;
  std::string ordered(16, '\0');
  for (size_t i = 0; i < 16; ++i) ordered[i] = bytes[kAdOrder[i]];
  return Dashed(ordered);
}

std::string GuidToAdBytes(absl::string_view guid) {
  const std::string bytes = absl::HexStringToBytes(absl::StrReplaceAll(guid, {{"-", ""}}));
  std::string stored(16, '\0');
  for (size_t i = 0; i < 16 && i < bytes.size(); ++i) stored[kAdOrder[i]] = bytes[i];
  return stored;
}

std::string GuidFromName(absl::string_view name) {
  std::string bytes = Sha256(name).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);  // version 8, RFC 9562, 5.8
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  return Dashed(bytes);
}

}  // namespace muster
