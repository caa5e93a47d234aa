// Days of the 20-day clock where calendars are hard.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "controller/domain/obligation.h"

namespace muster {
namespace {

absl::TimeZone Zone(const std::string& name) {
  absl::TimeZone out;
  EXPECT_TRUE(absl::LoadTimeZone(name, &out)) << name;
  return out;
}

absl::Time Utc(const std::string& text) {
  absl::Time out;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%dT%H:%M:%S", text, absl::UTCTimeZone(), &out, nullptr))
      << text;
  return out;
}

std::string Text(absl::Time at) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%S", at, absl::UTCTimeZone());
}

struct DayCase {
  const char* what;
  const char* zone;
  const char* since;  // UTC
  int day;
  const char* begins;  // UTC
};

TEST(StartOfDay, IsLocalMidnightWhateverTheClockDoes) {
  const DayCase kCases[] = {
      {"a plain month", "UTC", "2027-01-15T08:00:00", 21, "2027-02-05T00:00:00"},
      {"the first second of a day", "UTC", "2027-01-15T00:00:00", 14, "2027-01-29T00:00:00"},
      {"the last second of a day", "UTC", "2027-01-15T23:59:59", 14, "2027-01-29T00:00:00"},
      {"a year ends", "America/New_York", "2027-12-20T17:00:00", 21, "2028-01-10T05:00:00"},
      {"a leap day", "America/New_York", "2028-02-10T17:00:00", 20, "2028-03-01T05:00:00"},
      {"no leap day", "America/New_York", "2027-02-10T17:00:00", 20, "2027-03-02T05:00:00"},
      {"from a leap day on", "America/New_York", "2028-02-29T17:00:00", 21, "2028-03-21T04:00:00"},
      {"it is yesterday there", "America/New_York", "2027-01-15T04:59:59", 1,
       "2027-01-15T05:00:00"},
      {"clocks go forward", "America/New_York", "2028-03-01T17:00:00", 11, "2028-03-12T05:00:00"},
      {"went forward", "America/New_York", "2028-03-01T17:00:00", 21, "2028-03-22T04:00:00"},
      {"clocks go back", "America/New_York", "2027-10-25T16:00:00", 13, "2027-11-07T04:00:00"},
      {"went back", "America/New_York", "2027-10-25T16:00:00", 21, "2027-11-15T05:00:00"},
      {"a midnight that does not exist, 2018-11-04", "America/Sao_Paulo", "2018-10-14T15:00:00", 21,
       "2018-11-04T03:00:00"},
      {"the day after it", "America/Sao_Paulo", "2018-10-14T15:00:00", 22, "2018-11-05T02:00:00"},
      {"a midnight that does not exist, 2023-03-26", "Asia/Beirut", "2023-03-05T12:00:00", 21,
       "2023-03-25T22:00:00"},
      {"a day that does not exist, 2011-12-30", "Pacific/Apia", "2011-12-10T12:00:00", 20,
       "2011-12-30T10:00:00"},
      {"the day after it begins at once", "Pacific/Apia", "2011-12-10T12:00:00", 21,
       "2011-12-30T10:00:00"},
      {"a midnight that comes twice, the first", "America/St_Johns", "2010-11-01T12:00:00", 6,
       "2010-11-07T02:30:00"},
  };
  for (const DayCase& c : kCases) {
    const absl::TimeZone zone = Zone(c.zone);
    const absl::Time since = Utc(c.since);
    EXPECT_EQ(Text(StartOfDay(since, c.day, zone)), c.begins) << c.what;
    EXPECT_GE(ClockDay(since, Utc(c.begins), zone), c.day) << c.what;
    EXPECT_LT(ClockDay(since, Utc(c.begins) - absl::Nanoseconds(1), zone), c.day) << c.what;
  }
}

TEST(DueAt, IsTheLastSecondOfDay20) {
  const absl::TimeZone zone = Zone("America/New_York");
  EXPECT_EQ(Text(DueAt(Utc("2027-10-25T16:00:00"), zone)), "2027-11-15T04:59:59");
  EXPECT_EQ(Text(DueAt(Utc("2028-03-01T05:00:00"), zone)), "2028-03-22T03:59:59");
}

TEST(ClockDay, NeverNegative) {
  const absl::TimeZone zone = Zone("America/New_York");
  EXPECT_EQ(ClockDay(Utc("2027-01-15T08:00:00"), Utc("2026-01-15T08:00:00"), zone), 0);
  EXPECT_EQ(ClockDay(Utc("2027-01-15T08:00:00"), Utc("2027-01-15T08:00:00"), zone), 0);
}

// Hour by hour through every change: a day begins exactly when ClockDay says so, and none ends.
TEST(ClockDay, IsTheDaysWhoseStartHasCome) {
  for (const auto& [name, since] : {std::pair("America/New_York", "2027-10-25T16:00:00"),
                                    std::pair("America/New_York", "2028-02-25T16:00:00"),
                                    std::pair("UTC", "2027-12-25T16:00:00"),
                                    std::pair("America/Sao_Paulo", "2018-10-25T16:00:00"),
                                    std::pair("Asia/Beirut", "2023-03-10T16:00:00"),
                                    std::pair("Pacific/Apia", "2011-12-20T16:00:00"),
                                    std::pair("America/St_Johns", "2010-10-30T16:00:00"),
                                    std::pair("America/Havana", "2023-10-30T16:00:00")}) {
    const absl::TimeZone zone = Zone(name);
    const absl::Time from = Utc(since);
    int before = 0;
    for (absl::Time now = from; now < from + absl::Hours(24 * 25); now += absl::Minutes(10)) {
      const int day = ClockDay(from, now, zone);
      EXPECT_LE(StartOfDay(from, day, zone), now) << name << " " << Text(now);
      EXPECT_GT(StartOfDay(from, day + 1, zone), now) << name << " " << Text(now);
      EXPECT_GE(day, before) << name << " " << Text(now);
      before = day;
    }
    EXPECT_EQ(before, absl::ToCivilDay(from + absl::Hours(24 * 25) - absl::Minutes(10), zone) -
                          absl::ToCivilDay(from, zone))
        << name;
  }
}

}  // namespace
}  // namespace muster
