// Which stretches of a chat's time are proven to be kept, and where something may be missing. Pure.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// What exports of one chat prove, from any device of the person.
//
// An export proves [first_at, made_at]: the app wrote everything it had. From the chat's start when
// it begins there (from_start), unless another export shows that the chat was older: then the chat
// was deleted and began anew. Two are contiguous when the later one was found to continue the
// earlier (`continues`), begins where the chat began, or begins before the earlier one ends and no
// device could compare them: another one read it, or read it before the earlier one. Where a device
// did compare them and found no common end, time alone proves nothing.
// Exports that are damaged or whose dates are ambiguous prove nothing. One that may be truncated
// proves nothing before its first message.
//
// More exports never prove less, except by showing that another one began anew.
struct Coverage {
  // Sorted, never overlapping; two that touch differ in level. The newest limits::kMaxIntervals.
  std::vector<v1::CoveredInterval> intervals;
  // Ends of what is proven without a gap from `began_at` on; `began_at` itself: nothing is.
  absl::Time seen_until;       // E2
  absl::Time receipted_until;  // E3
  // The first stretch between two exports, or before the first, of which nothing is known; where
  // two exports overlap in time but not in their messages, the stretch in which they do not agree.
  std::optional<std::pair<absl::Time, absl::Time>> gap;
  // The end of the newest export whatever lies before it; the clock runs from here while a gap is
  // an incident's matter. Never before `began_at`.
  absl::Time newest_until;
  // The end of what is receipted when gaps do not count: the oldest time that an export shows and
  // no receipt does, else `newest_until`.
  absl::Time newest_receipted_until;
  v1::Evidence::Level newest_level = v1::Evidence::E0_NONE;  // E0: none proves anything
  bool earlier_unreceipted = false;  // one below the newest has no receipt and is needed
  bool mismatch = false;             // a receipt came that does not fit, and no good one since
  // Of the exports that prove something, those in overlaps once. An estimate: never more than their
  // sum, never less than the largest.
  uint64_t messages = 0;
  uint32_t exports = 0;  // all that were given
  bool group = false;
};

// `began_at`: the clock of the chat began, or an incident decided about what lies before. Order of
// `exports` does not matter.
Coverage CoverageOf(const std::vector<v1::ExportRecord>& exports, absl::Time began_at);

}  // namespace muster
