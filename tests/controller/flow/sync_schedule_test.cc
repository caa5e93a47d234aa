#include "controller/flow/sync_schedule.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

TEST(SyncSchedule, FullAtTheStartDailyAndAfterAReadThatCannotBeTrusted) {
  SyncSchedule schedule(absl::Seconds(5));
  const struct {
    const char* what;
    absl::Duration at;
    std::optional<ReadDepth> due;
    absl::Status result;
  } kSteps[] = {
      {"at the start", absl::Seconds(0), ReadDepth::kFull, absl::UnavailableError("down")},
      {"too early", absl::Seconds(4), std::nullopt, absl::OkStatus()},
      {"a full one that failed is tried again", absl::Seconds(5), ReadDepth::kFull,
       absl::OkStatus()},
      {"then changes", absl::Seconds(10), ReadDepth::kChanges, absl::DataLossError("contradicted")},
      {"not in full at once", absl::Seconds(15), ReadDepth::kChanges, absl::OkStatus()},
      {"in full", absl::Seconds(65), ReadDepth::kFull, absl::OkStatus()},
      {"then changes again", absl::Seconds(70), ReadDepth::kChanges, absl::OkStatus()},
      {"until a day later", absl::Hours(24) + absl::Seconds(64), ReadDepth::kChanges,
       absl::OkStatus()},
      {"in full daily", absl::Hours(24) + absl::Seconds(70), ReadDepth::kFull, absl::OkStatus()},
  };
  for (const auto& step : kSteps) {
    const absl::Time now = kStart + step.at;
    EXPECT_EQ(schedule.Due(now), step.due) << step.what;
    if (step.due) schedule.Ran(*step.due, step.result, now);
  }
  EXPECT_EQ(schedule.Left(kStart + absl::Hours(24) + absl::Seconds(72)), absl::Seconds(3));
}

}  // namespace
}  // namespace muster
