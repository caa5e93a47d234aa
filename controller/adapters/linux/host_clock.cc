#include "controller/adapters/linux/host_clock.h"

#include <sys/timex.h>

#include "absl/strings/str_cat.h"

namespace muster {

std::string ClockSourceText(int state, int64_t max_error_us) {
  if (state < 0) return "system clock, and the kernel does not say whether it is in step";
  if (state == TIME_ERROR || max_error_us < 0) return "system clock, in step with nothing";
  int64_t within_ms = 1;
  while (within_ms * 1'000 < max_error_us && within_ms < int64_t{1} << 40) within_ms *= 2;
  return absl::StrCat("system clock, in step within ", within_ms, " ms");
}

std::string HostClock::Source() const {
  timex answer = {};
  const int state = adjtimex(&answer);
  return ClockSourceText(state, answer.maxerror);
}

}  // namespace muster
