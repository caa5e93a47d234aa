// When the next call may go to the UEM, by what the UEM's own headers say. Pure; thread-compatible.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "bridge/domain/uem.h"

namespace muster::bridge {

struct PacerOptions {
  uint32_t per_minute = 600;      // as the agency was told; the UEM's headers can only lower it
  uint64_t per_day = 0;           // 0: none is known
  uint32_t reserve_percent = 10;  // of the UEM's limits, for the agency's other programs
  uint32_t parallel = 4;
};

// Urgent calls (approvals, revocations, what proves them) may use the reserve; others may not. Of
// the minute at most 5 % are kept for them, since it comes back soon.
//
// A call counts from when it is sent until a minute after its answer. So it does not matter whether
// the UEM counts sliding minutes or fixed ones, nor when within a call it counts it: no minute of
// the UEM's has more than `per_minute`. A day is counted by half hours, in the same way. The UEM's
// own count (limit, remaining, reset) is of a window whose length it does not say, and other
// programs share it: below the reserve other calls wait for its reset, and at nothing urgent ones
// do. A header that cannot be true (more remains than the limit, a reset that is over or more than
// a day away) says nothing; where no reset is told, one call a minute asks again.
//
// A clock that goes back makes nothing wait longer than it would have.
class Pacer {
 public:
  explicit Pacer(PacerOptions options);
  // The earliest moment for the next call; at or before `now`: at once. InfiniteFuture: as many
  // are in flight as may be, an answer has to come first.
  absl::Time NextAt(bool urgent, absl::Time now) const;
  void Sent(absl::Time now);
  // Throttled answers (429, 503) make it wait: 1 s, doubled while that goes on, at most
  // limits::kMaxUemBackoff, and always as long as Retry-After says (up to a day; what is farther
  // away counts as the backoff's cap). Any other answer after such a wait ends that.
  void Answered(const UemAnswer& answer, absl::Time now);

 private:
  // What the UEM said last of its own count.
  struct Told {
    int64_t left = 0;  // less what was sent since
    int64_t reserve = 0;
    absl::Time at;
    std::optional<absl::Time> reset_at;  // empty: it does not say
  };
  absl::Time MinuteAt(bool urgent, absl::Time now) const;
  absl::Time DayAt(bool urgent, absl::Time now) const;
  absl::Time ToldAt(bool urgent, absl::Time now) const;
  void Throttle(const RateLimit& limit, absl::Time now);
  void Tell(const RateLimit& limit, absl::Time now);
  void Forget(absl::Time now);

  const PacerOptions options_;
  uint32_t in_flight_ = 0;
  uint32_t throttled_ = 0;  // in a row
  absl::Time wait_from_ = absl::InfinitePast(), wait_until_ = absl::InfinitePast();
  std::deque<absl::Time> minute_;                    // answers of the last minute, oldest first
  std::deque<std::pair<absl::Time, uint64_t>> day_;  // beginning of a half hour, answers in it
  std::optional<Told> told_;
};

}  // namespace muster::bridge
