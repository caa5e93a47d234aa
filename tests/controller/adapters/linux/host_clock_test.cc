#include "controller/adapters/linux/host_clock.h"

#include <gtest/gtest.h>
#include <sys/timex.h>

#include "absl/strings/match.h"

namespace muster {
namespace {

TEST(ClockSourceText, RoundsUpToAPowerOfTwo) {
  struct Case {
    int state;
    int64_t max_error_us;
    const char* want;
  };
  const Case kCases[] = {
      {TIME_OK, 0, "system clock, in step within 1 ms"},
      {TIME_OK, 1'000, "system clock, in step within 1 ms"},
      {TIME_OK, 1'001, "system clock, in step within 2 ms"},
      {TIME_INS, 33'000, "system clock, in step within 64 ms"},
      {TIME_OK, 16'000'000, "system clock, in step within 16384 ms"},
      {TIME_ERROR, 1'000, "system clock, in step with nothing"},
      {TIME_OK, -1, "system clock, in step with nothing"},
      {-1, 0, "system clock, and the kernel does not say whether it is in step"},
  };
  for (const Case& c : kCases) EXPECT_EQ(ClockSourceText(c.state, c.max_error_us), c.want);
}

TEST(HostClock, AsksTheKernel) {
  EXPECT_TRUE(absl::StartsWith(HostClock().Source(), "system clock, ")) << HostClock().Source();
}

}  // namespace
}  // namespace muster
