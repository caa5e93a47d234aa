// The clock of this machine, with the kernel's word on how far it may be off.
#pragma once

#include <string>

#include "common/clock.h"

namespace muster {

// Thread-safe.
class HostClock final : public Clock {
 public:
  absl::Time Now() const override { return clock_.Now(); }
  // Asks the kernel, adjtimex(2), each time: whatever keeps the clock in step tells it.
  std::string Source() const override;

 private:
  SystemClock clock_;
};

// In words: "system clock, in step within 64 ms", rounded up to a power of two so that an entry
// does not differ from the next for nothing; "system clock, in step with nothing". `state` and
// `max_error_us` are what adjtimex(2) returns and struct timex has.
std::string ClockSourceText(int state, int64_t max_error_us);

}  // namespace muster
