// Distinguished names as keys: the one place that decides whether two DNs are the same. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

// A canonical form of `dn`, equal for DNs that differ only in case, in spaces around ',', '+' and
// '=', in runs of spaces inside a value, in the order of a multi-valued RDN, or in how a character
// was escaped (RFC 4514; the quoted form of RFC 2253 is read too). Only ASCII letters are folded:
// "É" and "é" stay different, which can lose a match but never makes two persons one.
// Idempotent. INVALID_ARGUMENT when `dn` is empty or not a DN.
absl::StatusOr<std::string> NormalizeDn(absl::string_view dn);

}  // namespace muster
