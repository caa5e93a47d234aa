// Directory ids: entryUUID (RFC 4530) and Active Directory's objectGUID ([MS-DTYP] 2.3.4). Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster {

// "{C3A1...}" or "c3a1..." (8-4-4-4-12 hexadecimal digits) in lowercase and without braces;
// nullopt when `text` is anything else.
std::optional<std::string> ParseGuidText(absl::string_view text);

// 16 bytes as Active Directory stores them (the first three fields little-endian) to text.
// nullopt unless `bytes` has exactly 16.
std::optional<std::string> GuidFromAdBytes(absl::string_view bytes);

// The reverse, for search filters. `guid` is text that ParseGuidText() made.
std::string GuidToAdBytes(absl::string_view guid);

// An id for something that the directory gave none: always the same for the same `name`.
std::string GuidFromName(absl::string_view name);

}  // namespace muster
