#include "cli/duration.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace muster::cli {
namespace {

TEST(ParseDuration, TakesUnitsLargestFirst) {
  const std::pair<const char*, absl::Duration> kCases[] = {
      {"180d", absl::Hours(24 * 180)}, {"12h", absl::Hours(12)},
      {"30m", absl::Minutes(30)},      {"45s", absl::Seconds(45)},
      {"1h30m", absl::Minutes(90)},    {"1d2h3m4s", absl::Seconds(93'784)},
      {"0d1s", absl::Seconds(1)},      {"3650d", absl::Hours(24 * 3650)},
  };
  for (const auto& [text, want] : kCases) {
    const auto got = ParseDuration(text);
    ASSERT_TRUE(got.ok()) << text << ": " << got.status();
    EXPECT_EQ(*got, want) << text;
  }
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "180", "d", "-1d", "1.5h", "1 d", "30m1h", "1h1h", "1w", "0d", "0s",
                           "1H", "d1", "99999999999999999999d", "1h "}) {
    const auto got = ParseDuration(text);
    EXPECT_EQ(
        got.status().message(),
        "'" + std::string(text) + "' is not a duration; write it like 180d, 12h, 30m or 1h30m");
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(ParseDuration("3650d1s").status().message(), "'3650d1s' is longer than 3650d");
}

TEST(DurationText, LeavesZeroUnitsOut) {
  const std::pair<absl::Duration, const char*> kCases[] = {
      {absl::Hours(24 * 180), "180d"}, {absl::Hours(1), "1h"},
      {absl::Minutes(90), "1h30m"},    {absl::Seconds(93'784), "1d2h3m4s"},
      {absl::ZeroDuration(), "0s"},    {absl::Milliseconds(1'250), "1s250ms"},
      {absl::Milliseconds(7), "7ms"},  {-absl::Minutes(5), "-5m"},
  };
  for (const auto& [d, want] : kCases) EXPECT_EQ(DurationText(d), want);
}

}  // namespace
}  // namespace muster::cli
