#include "controller/domain/coverage.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive_limits.h"
#include "tests/controller/domain/export_records.h"

namespace muster {
namespace {

double DayOf(absl::Time at) { return absl::FDivDuration(at - kNow, absl::Hours(24)); }

// All of a Coverage in a line: "E2 to 10, E3 to 0, gap 10-12, newest 20 E2, receipted 0 | 0-10 E2,
// 12-20 E2 | 20 of 2".
std::string Text(const Coverage& c) {
  std::string out =
      absl::StrCat("E2 to ", DayOf(c.seen_until), ", E3 to ", DayOf(c.receipted_until));
  if (c.gap) absl::StrAppend(&out, ", gap ", DayOf(c.gap->first), "-", DayOf(c.gap->second));
  absl::StrAppend(&out, ", newest ", DayOf(c.newest_until), " E", c.newest_level, ", receipted ",
                  DayOf(c.newest_receipted_until), c.earlier_unreceipted ? ", earlier not" : "",
                  c.mismatch ? ", mismatch" : "", c.group ? ", group" : "");
  const auto interval = [](std::string* to, const v1::CoveredInterval& i) {
    absl::StrAppend(to, DayOf(FromProto(i.from())), "-", DayOf(FromProto(i.until())), " E",
                    i.level());
  };
  return absl::StrCat(out, " | ", absl::StrJoin(c.intervals, ", ", interval), " | ", c.messages,
                      " of ", c.exports);
}

struct CoverageCase {
  const char* what;
  std::vector<ExportOf> exports;
  const char* want;
};

void CheckCoverage(const std::vector<CoverageCase>& cases) {
  for (const CoverageCase& c : cases) {
    EXPECT_EQ(Text(CoverageOf(Records(c.exports), kNow)), c.want) << c.what;
    std::vector<ExportOf> reversed(c.exports.rbegin(), c.exports.rend());
    EXPECT_EQ(Text(CoverageOf(Records(reversed), kNow)), c.want) << c.what << ", reversed";
  }
}

TEST(CoverageOf, OneExport) {
  CheckCoverage({
      {"none", {}, "E2 to 0, E3 to 0, newest 0 E0, receipted 0 |  | 0 of 0"},
      {"older than the clock",
       {{"a", -5, 10}},
       "E2 to 10, E3 to 0, newest 10 E2, receipted 0 | -5-10 E2 | 10 of 1"},
      {"from the chat's start",
       {{.sha = "a", .first = 3, .made = 10, .from_start = true}},
       "E2 to 10, E3 to 0, newest 10 E2, receipted 0 | 0-10 E2 | 10 of 1"},
      {"receipted",
       {{.sha = "a", .first = 3, .made = 10, .receipted = true, .from_start = true}},
       "E2 to 10, E3 to 10, newest 10 E3, receipted 10 | 0-10 E3 | 10 of 1"},
      {"not from the start",
       {{"a", 3, 10}},
       "E2 to 0, E3 to 0, gap 0-3, newest 10 E2, receipted 3 | 3-10 E2 | 10 of 1"},
      {"the app left out the oldest, whatever it begins with",
       {{.sha = "a", .first = 3, .made = 10, .from_start = true, .truncated = true}},
       "E2 to 0, E3 to 0, gap 0-3, newest 10 E2, receipted 3 | 3-10 E2 | 10 of 1"},
      {"damaged",
       {{.sha = "a", .made = 10, .from_start = true, .damaged = true}},
       "E2 to 0, E3 to 0, newest 0 E0, receipted 0 |  | 0 of 1"},
      {"ambiguous dates",
       {{.sha = "a", .made = 10, .receipted = true, .ambiguous = true, .group = true}},
       "E2 to 0, E3 to 0, newest 0 E0, receipted 0, group |  | 0 of 1"},
      {"before the clock began",
       {{"a", -9, -2}},
       "E2 to 0, E3 to 0, newest 0 E2, receipted 0 | -9--2 E2 | 10 of 1"},
      {"quiet since day 4, but made on day 10",
       {{.sha = "a", .first = -1, .made = 10, .last = 4}},
       "E2 to 10, E3 to 0, newest 10 E2, receipted 0 | -1-10 E2 | 10 of 1"},
      {"its receipt does not fit",
       {{.sha = "a", .first = -1, .made = 10, .mismatch = "RECEIPT_SIZE"}},
       "E2 to 10, E3 to 0, newest 10 E2, receipted 0, mismatch | -1-10 E2 | 10 of 1"},
      {"a good one came since",
       {{.sha = "a", .first = -1, .made = 10, .receipted = true, .mismatch = "RECEIPT_SIZE"}},
       "E2 to 10, E3 to 10, newest 10 E3, receipted 10 | -1-10 E3 | 10 of 1"},
  });
}

TEST(CoverageOf, WhatIsContiguous) {
  CheckCoverage({
      {"found to continue",
       {{"a", -1, 10}, {"b", 9, 20, "a", 10, 4}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0, earlier not | -1-20 E2 | 16 of 2"},
      {"a chain",
       {{"a", -1, 10}, {"b", 9, 20, "a"}, {"c", 19, 30, "b"}},
       "E2 to 30, E3 to 0, newest 30 E2, receipted 0, earlier not | -1-30 E2 | 30 of 3"},
      {"a chain to nothing known",
       {{"a", -1, 10}, {"c", 19, 30, "b"}},
       "E2 to 10, E3 to 0, gap 10-19, newest 30 E2, receipted 0, earlier not | -1-10 E2, 19-30 E2 "
       "| 20 of 2"},
      {"a chain through a damaged one",
       {{"a", -1, 10},
        {.sha = "b", .first = 9, .made = 20, .continues = "a", .damaged = true},
        {"c", 19, 30, "b"}},
       "E2 to 10, E3 to 0, gap 10-19, newest 30 E2, receipted 0, earlier not | -1-10 E2, 19-30 E2 "
       "| 20 of 3"},
      {"the same laptop compared them and found no common end",
       {{"a", -1, 10}, {"b", 9, 20}},
       "E2 to 10, E3 to 0, gap 9-10, newest 20 E2, receipted 0, earlier not | -1-20 E2 | 20 of 2"},
      {"another laptop could not compare",
       {{"a", -1, 10}, {.sha = "b", .first = 9, .made = 20, .device = "other"}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0, earlier not | -1-20 E2 | 20 of 2"},
      {"another laptop, not before it ends",
       {{"a", -1, 10}, {.sha = "b", .first = 10.5, .made = 20, .device = "other"}},
       "E2 to 10, E3 to 0, gap 10-10.5, newest 20 E2, receipted 0, earlier not | -1-10 E2, 10.5-20 "
       "E2 | 20 of 2"},
      {"an older one comes late and fills the gap",
       {{"a", -1, 10},
        {"c", 19, 30},
        {.sha = "b", .first = 9, .made = 20, .continues = "a", .seen = 31}},
       "E2 to 30, E3 to 0, newest 30 E2, receipted 0, earlier not | -1-30 E2 | 30 of 3"},
      {"vanished messages end no chain",
       {{"a", -1, 10}, {"b", 9, 20, "a"}, {"c", -1, 25, "b"}},
       "E2 to 25, E3 to 0, newest 25 E2, receipted 0 | -1-25 E2 | 10 of 3"},
      {"a contained one adds nothing",
       {{"a", -1, 20}, {"b", 5, 10}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0 | -1-20 E2 | 10 of 2"},
      {"identical twins",
       {{"a", -1, 20}, {"b", -1, 20}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0 | -1-20 E2 | 10 of 2"},
      {"one twin is receipted",
       {{"a", -1, 20}, {.sha = "b", .first = -1, .made = 20, .receipted = true}},
       "E2 to 20, E3 to 20, newest 20 E3, receipted 20 | -1-20 E3 | 10 of 2"},
  });
}

// Deleting a chat and writing again begins a new one: its start is not the chat's.
TEST(CoverageOf, AChatThatBeganAnew) {
  const ExportOf anew = {.sha = "b", .first = 12, .made = 20, .from_start = true};
  CheckCoverage({
      {"after one from the start",
       {{.sha = "a", .first = 1, .made = 10, .from_start = true}, anew},
       "E2 to 10, E3 to 0, gap 10-12, newest 20 E2, receipted 0, earlier not | 0-10 E2, 12-20 E2 | "
       "20 of 2"},
      {"on another phone and laptop",
       {{.sha = "a", .first = -9, .made = 10, .device = "other"}, anew},
       "E2 to 10, E3 to 0, gap 10-12, newest 20 E2, receipted 0, earlier not | -9-10 E2, 12-20 E2 "
       "| 20 of 2"},
      {"both hold the same beginning",
       {{.sha = "a", .first = 1, .made = 10, .from_start = true},
        {.sha = "b", .first = 1, .made = 20, .messages = 30, .from_start = true}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0 | 0-20 E2 | 30 of 2"},
  });
}

TEST(CoverageOf, Receipts) {
  CheckCoverage({
      {"the newest has none",
       {{.sha = "a", .first = -1, .made = 10, .receipted = true}, {"b", 9, 20, "a"}},
       "E2 to 20, E3 to 10, newest 20 E2, receipted 10 | -1-10 E3, 10-20 E2 | 20 of 2"},
      {"an earlier one that is needed has none",
       {{"a", -1, 10}, {.sha = "b", .first = 9, .made = 20, .continues = "a", .receipted = true}},
       "E2 to 20, E3 to 0, newest 20 E3, receipted 0, earlier not | -1-9 E2, 9-20 E3 | 20 of 2"},
      {"an earlier one that is not needed has none",
       {{"a", -1, 10}, {.sha = "b", .first = -1, .made = 20, .continues = "a", .receipted = true}},
       "E2 to 20, E3 to 20, newest 20 E3, receipted 20 | -1-20 E3 | 10 of 2"},
      {"one in the middle has none",
       {{.sha = "a", .first = -1, .made = 10, .receipted = true},
        {"b", 9, 20, "a"},
        {.sha = "c", .first = 19, .made = 30, .continues = "b", .receipted = true}},
       "E2 to 30, E3 to 10, newest 30 E3, receipted 10, earlier not | -1-10 E3, 10-19 E2, 19-30 E3 "
       "| 30 of 3"},
      {"none is needed: the next holds its time",
       {{.sha = "a", .first = -1, .made = 10, .receipted = true},
        {"b", 9, 20, "a"},
        {.sha = "c", .first = 8, .made = 30, .continues = "b", .receipted = true}},
       "E2 to 30, E3 to 30, newest 30 E3, receipted 30 | -1-30 E3 | 20 of 3"},
      {"beyond a gap",
       {{.sha = "a", .first = -1, .made = 10, .receipted = true},
        {.sha = "b", .first = 15, .made = 20, .receipted = true}},
       "E2 to 10, E3 to 10, gap 10-15, newest 20 E3, receipted 20 | -1-10 E3, 15-20 E3 | 20 of 2"},
  });
}

TEST(CoverageOf, MessagesOfOverlapsCountOnce) {
  CheckCoverage({
      {"the whole chat each time",
       {{"a", -1, 10, "", 100}, {"b", -1, 20, "a", 150, 100}, {"c", -1, 30, "b", 180, 150}},
       "E2 to 30, E3 to 0, newest 30 E2, receipted 0 | -1-30 E2 | 180 of 3"},
      {"an overlap of more than there is",
       {{"a", -1, 10, "", 100}, {"b", 9, 20, "a", 15, 100}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0, earlier not | -1-20 E2 | 100 of 2"},
      {"an overlap with what is not there counts nothing off",
       {{"a", -1, 10, "", 100},
        {.sha = "b",
         .first = 9,
         .made = 20,
         .continues = "x",
         .messages = 50,
         .overlap = 20,
         .device = "other"}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0, earlier not | -1-20 E2 | 150 of 2"},
      {"larger than the one that holds its time",
       {{"a", 2, 10, "", 100}, {"b", -1, 20, "", 80}},
       "E2 to 20, E3 to 0, newest 20 E2, receipted 0 | -1-20 E2 | 100 of 2"},
  });
}

// A device's clock may be wrong; what it reported cannot be younger than the report.
TEST(CoverageOf, NothingIsProvenForTheTimeAfterTheReport) {
  v1::ExportRecord record = ExportOf{"a", -1, 400}.Record();
  *record.mutable_reported_at() = ToProto(At(10));
  EXPECT_EQ(CoverageOf({record}, kNow).seen_until, At(10));
}

TEST(CoverageOf, WithoutMessagesItShowsThatNoneWereWritten) {
  v1::ExportRecord record = ExportOf{"a", 0, 10}.Record();
  record.mutable_seen()->clear_first_at();
  record.mutable_seen()->clear_last_at();
  EXPECT_EQ(Text(CoverageOf({record}, kNow)),
            "E2 to 0, E3 to 0, gap 0-10, newest 10 E2, receipted 10 | 10-10 E2 | 10 of 1");
  record.mutable_seen()->set_from_start(true);
  EXPECT_EQ(CoverageOf({record}, kNow).seen_until, At(10));
  record.mutable_seen()->clear_made_at();
  EXPECT_EQ(CoverageOf({record}, kNow).newest_level, v1::Evidence::E0_NONE);
}

TEST(CoverageOf, TheFirstOfTwoGapsIsShown) {
  const auto records = Records({{.sha = "a", .first = -1, .made = 10, .receipted = true},
                                {.sha = "b", .first = 15, .made = 20, .receipted = true},
                                {"c", 25, 30}});
  EXPECT_EQ(Text(CoverageOf(records, kNow)),
            "E2 to 10, E3 to 10, gap 10-15, newest 30 E2, receipted 25 | -1-10 E3, 15-20 E3, 25-30 "
            "E2 | 30 of 3");
}

TEST(CoverageOf, ShowsTheNewestIntervals) {
  std::vector<ExportOf> many;
  for (int i = 0; i < 100; ++i) many.push_back({absl::StrCat(i), i * 2.0, i * 2 + 1.0});
  const Coverage c = CoverageOf(Records(many), kNow);
  ASSERT_EQ(c.intervals.size(), limits::kMaxIntervals);
  EXPECT_EQ(FromProto(c.intervals.back().until()), At(199));
  EXPECT_EQ(c.seen_until, At(1));
  EXPECT_EQ(c.newest_receipted_until, kNow);
}

}  // namespace
}  // namespace muster
