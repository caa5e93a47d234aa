#include "controller/domain/rollout.h"

#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

v1::Rollout Running(uint32_t wave, size_t devices) {
  std::vector<std::string> ids;
  for (size_t i = 0; i < devices; ++i) ids.push_back(absl::StrCat("dev-", i));
  v1::Rollout rollout;
  rollout.set_name("cohort/linux");
  rollout.set_state(v1::Rollout::RUNNING);
  BeginWave(rollout, wave, ids, kNow);
  return rollout;
}

std::set<int> Inside(const v1::Rollout& rollout, int devices) {
  std::set<int> out;
  for (int i = 0; i < devices; ++i) {
    if (InWave(rollout, absl::StrCat("dev-", i))) out.insert(i);
  }
  return out;
}

TEST(Rollout, WavesHoldTheirShareAndEachHoldsTheOneBefore) {
  const struct {
    int devices;
    size_t first, second;
  } kCases[] = {{1, 1, 1}, {2, 1, 1}, {10, 1, 1}, {11, 1, 2}, {200, 2, 20}, {1'000, 10, 100}};
  for (const auto& c : kCases) {
    const auto n = static_cast<size_t>(c.devices);
    const std::set<int> first = Inside(Running(1, n), c.devices);
    const std::set<int> second = Inside(Running(2, n), c.devices);
    EXPECT_EQ(first.size(), c.first) << c.devices;
    EXPECT_EQ(second.size(), c.second) << c.devices;
    EXPECT_TRUE(std::includes(second.begin(), second.end(), first.begin(), first.end()));
    EXPECT_EQ(Inside(Running(3, n), c.devices).size(), n);
  }
  EXPECT_EQ(Running(1, 0).cutoff(), "ffffffffffffffff");  // Nobody to protect.
  // Who was in it stays in it, also when many devices have joined since.
  v1::Rollout alone = Running(1, 1);
  std::vector<std::string> many;
  for (int i = 0; i < 1'000; ++i) many.push_back(absl::StrCat("dev-", i));
  BeginWave(alone, 2, many, kNow);
  EXPECT_TRUE(InWave(alone, "dev-0"));
  v1::Rollout damaged = Running(3, 5);
  damaged.set_cutoff("?");
  EXPECT_EQ(Inside(damaged, 5).size(), 0u);
}

TEST(Rollout, AWaveIsOverWhenItsDevicesHaveAnswered) {
  using enum RolloutStep;
  const RolloutOptions options;  // one minute, 2 %
  const absl::Duration minute = absl::Minutes(1), soon = absl::Seconds(1);
  const struct {
    const char* what;
    uint32_t wave;
    WaveCounts counts;
    absl::Duration passed;
    RolloutStep want;
  } kCases[] = {
      {"nobody answered yet", 1, {10, 0, 0}, soon, kStay},
      {"some did", 1, {10, 9, 0}, soon, kStay},
      {"all did", 1, {10, 10, 0}, soon, kNextWave},
      {"more than are connected now did", 1, {8, 10, 0}, soon, kNextWave},
      {"some did, and it soaked", 1, {10, 9, 0}, minute, kNextWave},
      {"connected and silent is no proof", 1, {10, 0, 0}, absl::Hours(5), kStay},
      {"nobody is connected", 1, {0, 0, 0}, soon, kStay},
      {"nobody is connected for the whole time", 1, {0, 0, 0}, minute, kNextWave},
      {"those that block nothing have answered too", 1, {10, 4, 0, 6}, soon, kNextWave},
      {"if only by their report", 1, {10, 0, 0, 10}, soon, kNextWave},
      {"the last wave ends it", 3, {10, 10, 0}, soon, kComplete},
      {"one refusal in ten", 2, {10, 9, 1}, soon, kPause},
      {"the first answer of ten is a refusal", 2, {10, 0, 1}, soon, kPause},
      {"the first answer of a hundred is a refusal", 2, {100, 0, 1}, soon, kStay},
      {"two in a hundred are borne", 2, {100, 98, 2}, soon, kNextWave},
      {"three are not", 2, {100, 97, 3}, soon, kPause},
      {"nor in the last wave", 3, {100, 97, 3}, soon, kPause},
      {"refusals outrank the soak", 1, {0, 0, 1}, absl::Hours(5), kPause},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(NextStep(Running(c.wave, 100), c.counts, options, kNow + c.passed), c.want) << c.what;
  }
  for (const auto state : {v1::Rollout::PAUSED, v1::Rollout::ABORTED, v1::Rollout::COMPLETE}) {
    v1::Rollout rollout = Running(1, 10);
    rollout.set_state(state);
    EXPECT_EQ(NextStep(rollout, {10, 10, 0}, options, kNow + minute), kStay);
    EXPECT_EQ(NextStep(rollout, {10, 0, 10}, options, kNow + minute), kStay);
  }
}

TEST(Rollout, ActionsFitStates) {
  using enum RolloutAction;
  const struct {
    v1::Rollout::State state;
    RolloutAction action;
    bool ok;
  } kCases[] = {
      {v1::Rollout::RUNNING, kPause, true},    {v1::Rollout::RUNNING, kResume, false},
      {v1::Rollout::RUNNING, kAbort, true},    {v1::Rollout::PAUSED, kPause, false},
      {v1::Rollout::PAUSED, kResume, true},    {v1::Rollout::PAUSED, kAbort, true},
      {v1::Rollout::ABORTED, kPause, false},   {v1::Rollout::ABORTED, kResume, false},
      {v1::Rollout::ABORTED, kAbort, false},   {v1::Rollout::COMPLETE, kPause, false},
      {v1::Rollout::COMPLETE, kResume, false}, {v1::Rollout::COMPLETE, kAbort, false},
  };
  for (const auto& c : kCases) {
    v1::Rollout rollout;
    rollout.set_state(c.state);
    EXPECT_EQ(CheckAction(rollout, c.action).ok(), c.ok)
        << v1::Rollout::State_Name(c.state) << " " << RolloutActionName(c.action);
  }
}

}  // namespace
}  // namespace muster
