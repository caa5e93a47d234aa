// What of a loss report is signed: the document without what stands in its signature block. Pure.
//
// The block begins after the line `<!-- signature -->` and ends before `<!-- /signature -->`. The
// SHA-256 of all the other lines, the two marks among them, is what a LossReport names. By hand:
//   sed '/^<!-- signature -->$/,/^<!-- \/signature -->$/{//!d}' report.html | sha256sum
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

inline constexpr char kSignatureBegins[] = "<!-- signature -->\n";
inline constexpr char kSignatureEnds[] = "<!-- /signature -->\n";

// `html` with `block` (whole lines, or empty) in its signature block. INVALID_ARGUMENT: it has not
// exactly one.
absl::StatusOr<std::string> WithSignatureBlock(absl::string_view html, absl::string_view block);

// Lowercase hex. INVALID_ARGUMENT as above.
absl::StatusOr<std::string> LossReportSha256(absl::string_view html);

}  // namespace muster
