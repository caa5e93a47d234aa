#include "controller/adapters/ldif/extended_dn.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {

ExtendedDn ParseExtendedDn(absl::string_view text) {
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "<GUID=")) return {"", std::string(text)};
  size_t end = rest.find('>');
  if (end == absl::string_view::npos) return {"", std::string(text)};
  const std::optional<std::string> guid = ParseGuidText(rest.substr(0, end));
  rest.remove_prefix(end + 1);
  if (!guid.has_value() || !absl::ConsumePrefix(&rest, ";")) return {"", std::string(text)};
  if (absl::StartsWith(rest, "<SID=")) {
    end = rest.find(">;");
    if (end == absl::string_view::npos) return {"", std::string(text)};
    rest.remove_prefix(end + 2);
  }
  return {*guid, std::string(rest)};
}

std::string DnOrId(absl::string_view text) {
  if (!absl::StartsWith(text, "<")) return std::string(text);
  ExtendedDn parts = ParseExtendedDn(text);
  return parts.guid.empty() ? std::move(parts.dn) : std::move(parts.guid);
}

}  // namespace muster
