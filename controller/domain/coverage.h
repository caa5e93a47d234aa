// Which stretches of a chat's time are proven to be kept, and where something may be missing. Pure.
#pragma once

#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// What exports of one chat prove, from any device of the person.
//
// An export proves [first_at, made_at]: the app wrote everything it had. From the chat's start when
// it begins there (from_start). Two are contiguous when the later one was found to continue the
// earlier (`continues`), begins where the chat began, or, read by another device, begins before the
// earlier one ends. Exports that are damaged or whose dates are ambiguous prove nothing. One that
// may be truncated proves nothing before its first message.
struct Coverage {
  std::vector<v1::CoveredInterval> intervals;  // sorted, apart, at most limits::kMaxIntervals
  // Ends of what is proven without a gap from `began_at` on; `began_at` itself: nothing is.
  absl::Time seen_until;       // E2
  absl::Time receipted_until;  // E3
  // The first stretch between two exports, or before the first, of which nothing is known.
  std::optional<std::pair<absl::Time, absl::Time>> gap;
  // The end of the newest export whatever lies before it; the clock runs from here while a gap is
  // an incident's matter.
  absl::Time newest_until;
  v1::Evidence::Level newest_level = v1::Evidence::E0_NONE;
  bool earlier_unreceipted = false;  // an export below the newest has no receipt
  bool mismatch = false;             // a receipt came that does not fit
  uint64_t messages = 0;             // of all exports, those in overlaps once
  uint32_t exports = 0;
  bool group = false;
};

// `began_at`: the clock of the chat began. Order of `exports` does not matter.
Coverage CoverageOf(const std::vector<v1::ExportRecord>& exports, absl::Time began_at);

}  // namespace muster
