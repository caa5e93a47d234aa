#include "agent/adapters/linux/slow_lane.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>

#include "common/agent_limits.h"

namespace muster::agent {
namespace {

// Files that never answer take a thread each, not the lane.
TEST(SlowLane, GoesOnBesideTasksThatHang) {
  constexpr int kHanging = 3, kTries = 3'000;
  std::atomic<bool> release{false};
  std::atomic<int> hanging{0}, done{0};
  SlowLane lane(1'000);
  for (int n = 0; n < kHanging; ++n) {
    ASSERT_TRUE(lane.Offer([&] {
      ++hanging;
      while (!release) usleep(1'000);
    }));
  }
  for (int i = 0; i < kTries && (done == 0 || hanging < kHanging); ++i) {
    lane.Offer([&] { ++done; });
    usleep(5'000);
  }
  EXPECT_EQ(hanging, kHanging);
  EXPECT_GT(done, 0);
  release = true;
}

TEST(SlowLane, TakesNoMoreThanItHolds) {
  std::atomic<bool> release{false}, started{false};
  SlowLane lane(2);
  ASSERT_TRUE(lane.Offer([&] {
    started = true;
    while (!release) usleep(1'000);
  }));
  while (!started) usleep(1'000);
  EXPECT_TRUE(lane.Offer([] {}));
  EXPECT_TRUE(lane.Offer([] {}));
  EXPECT_FALSE(lane.Offer([] {}));
  release = true;
}

}  // namespace
}  // namespace muster::agent
