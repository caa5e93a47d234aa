// When the next call may go to the UEM, by what the UEM's own headers say. Pure; thread-compatible.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

struct PacerOptions {
  uint32_t per_minute = 600;      // as the agency was told; the UEM's headers can only lower it
  uint64_t per_day = 0;           // 0: none is known
  uint32_t reserve_percent = 10;  // of what remains, for the agency's other programs
  uint32_t parallel = 4;
};

// Urgent calls (approvals, revocations, what proves them) may use the reserve; others may not.
class Pacer {
 public:
  explicit Pacer(PacerOptions options) : options_(options) {}
  // The earliest moment for the next call; at or before `now`: at once. InfiniteFuture: as many
  // are in flight as may be.
  absl::Time NextAt(bool urgent, absl::Time now) const;
  void Sent(absl::Time now);
  // 429 and 503 back off with growing waits and full use of Retry-After; any other answer ends
  // that.
  void Answered(const UemAnswer& answer, absl::Time now);

 private:
  PacerOptions options_;
  uint32_t in_flight_ = 0;
  uint32_t throttled_ = 0;  // in a row
  absl::Time not_before_ = absl::InfinitePast();
  absl::Time minute_began_ = absl::InfinitePast(), day_began_ = absl::InfinitePast();
  uint64_t this_minute_ = 0, this_day_ = 0;
  RateLimit last_;
};

}  // namespace muster::bridge
