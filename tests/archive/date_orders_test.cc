#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "archive/export_reader.h"

namespace muster::archive {
namespace {

ExportSummary ReadDates(const std::vector<const char*>& dates, const char* time = "10:00",
                        std::optional<DateOrder> order = {}) {
  ExportReader reader({.order = order, .files = {}, .file_name = "", .names = {}});
  for (const char* date : dates) reader.Add(absl::StrCat(date, ", ", time, " - Bob: hi\n"));
  return reader.Finish();
}

// "dmy 2019-07-04..2019-07-04", each alternative behind, then the first word of each problem.
std::string Say(const ExportSummary& summary) {
  const auto range = [](const DatedRange& r) {
    return absl::StrCat(DateOrderName(r.order), " ", absl::FormatCivilTime(absl::CivilDay(r.first)),
                        "..", absl::FormatCivilTime(absl::CivilDay(r.last)));
  };
  std::string out = range(summary.range);
  for (const DatedRange& way : summary.alternatives) absl::StrAppend(&out, " | ", range(way));
  if (summary.backwards) out += " backwards";
  for (const std::string& problem : summary.problems) {
    if (absl::StrContains(problem, "two orders")) out += " two-orders";
    if (absl::StrContains(problem, "one place")) out += " thin";
    if (absl::StrContains(problem, "daylight")) out += " daylight";
    if (absl::StrContains(problem, "calendar")) out += " calendar";
    if (absl::StrContains(problem, "Buddhist")) out += " buddhist";
  }
  return out;
}

TEST(DateOrders, TheTextProvesItsOrder) {
  const std::pair<std::vector<const char*>, const char*> kCases[] = {
      {{"13/7/2019"}, "dmy 2019-07-13..2019-07-13"},
      {{"7/13/2019"}, "mdy 2019-07-13..2019-07-13"},
      {{"2019/7/13"}, "ymd 2019-07-13..2019-07-13"},
      {{"2019/7/4", "2019/8/5"}, "ymd 2019-07-04..2019-08-05"},
      {{"4/7/2019", "13/7/2019"}, "dmy 2019-07-04..2019-07-13"},
      // Nothing to tell apart.
      {{"7/7/2019"}, "dmy 2019-07-07..2019-07-07"},
      {{"4/7/2019"},
       "dmy 2019-07-04..2019-07-04 | dmy 2019-07-04..2019-07-04 | mdy 2019-04-07..2019-04-07"},
      {{"1/2/2019", "2/2/2019", "3/2/2019"},
       "dmy 2019-02-01..2019-02-03 | dmy 2019-02-01..2019-02-03 | mdy 2019-01-02..2019-03-02"},
      // One way runs forwards, the other to and fro.
      {{"5/1/2019", "7/2/2019", "3/3/2019", "9/4/2019", "1/5/2019"}, "dmy 2019-01-05..2019-05-01"},
      {{"1/5/2019", "2/7/2019", "3/3/2019", "4/9/2019", "5/1/2019"}, "mdy 2019-01-05..2019-05-01"},
      {{"11/1/2019", "2/2/2019"}, "dmy 2019-01-11..2019-02-02 thin"},
      // A forged line does not turn it round in silence.
      {{"13/7/2019", "14/7/2019", "7/15/2019"}, "dmy 2019-07-13..2019-07-15 two-orders"},
      {{"7/13/2019", "14/7/2019", "7/15/2019"}, "mdy 2019-07-13..2019-07-15 two-orders"},
      {{"2019/7/13", "2019/7/14", "15/7/2019"}, "ymd 2019-07-13..2019-07-15 two-orders"},
      // Two digits in front are a year where days and months in front cannot be.
      {{"24-05-13", "24-05-14", "24-05-28"},
       "dmy 2013-05-24..2028-05-24 | dmy 2013-05-24..2028-05-24 | ymd 2024-05-13..2024-05-28"},
      {{"24/05/23", "25/05/23"}, "dmy 2023-05-24..2023-05-25"},
      {{"19/12/30", "19/12/31", "20/01/01"}, "ymd 2019-12-30..2020-01-01"},
      {{"1/1/63"}, "dmy 2063-01-01..2063-01-01 buddhist"},
      {{"1441/7/4"}, "ymd 1441-07-04..1441-07-04 calendar"},
      {{"14/7/2562"}, "dmy 2019-07-14..2019-07-14"},
      {{"14/7/2019", "13/7/2019"}, "dmy 2019-07-13..2019-07-14 backwards"},
  };
  for (const auto& [dates, want] : kCases) {
    EXPECT_EQ(Say(ReadDates(dates)), want) << absl::StrJoin(dates, " ");
  }
}

TEST(DateOrders, AGivenOrderHolds) {
  const ExportSummary summary = ReadDates({"4/7/2019"}, "10:00", DateOrder::kMonthDayYear);
  EXPECT_EQ(Say(summary), "mdy 2019-04-07..2019-04-07");
  EXPECT_FALSE(summary.ambiguous);
}

TEST(DateOrders, AnHourBackMayBeDaylightSaving) {
  ExportReader reader({});
  reader.Add("27/10/2019, 02:59 - Bob: a\n27/10/2019, 02:00 - Bob: b\n");
  EXPECT_EQ(Say(reader.Finish()), "dmy 2019-10-27..2019-10-27 backwards daylight");
}

}  // namespace
}  // namespace muster::archive
