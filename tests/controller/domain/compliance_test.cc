#include "controller/domain/compliance.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "common/time_proto.h"
#include "tests/support/days.h"

namespace muster {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);  // 2027-01-15T08:00:00Z
v1::Obligation Chat(const std::string& person, const std::string& office,
                    v1::Obligation::State state = v1::Obligation::ACCRUING,
                    v1::Evidence::Level level = v1::Evidence::E3_RECEIPTED) {
  v1::Obligation out;
  out.set_person_id(person);
  out.set_person_upn(person + "@x");
  out.set_office(office);
  out.set_state(state);
  out.set_level(level);
  out.set_compliant(true);
  out.set_messages(10);
  *out.mutable_uncovered_since() = ToProto(kNow - kDay);
  *out.mutable_due_at() = ToProto(kNow + 19 * kDay);
  return out;
}

// A figure never says more than is known, whatever the record's own word is.
TEST(IsCompliant, OnlyWithEvidenceAndNothingOpen) {
  const std::pair<v1::Obligation::State, bool> kCases[] = {
      {v1::Obligation::UNSPECIFIED, false},
      {v1::Obligation::CLEAR, true},
      {v1::Obligation::ACCRUING, true},
      {v1::Obligation::DUE_SOON, true},
      {v1::Obligation::URGENT, true},
      {v1::Obligation::OVERDUE, false},
      {v1::Obligation::EXPORTED, true},
      {v1::Obligation::RECEIPTED, true},
      {v1::Obligation::GAP_SUSPECTED, false},
      {v1::Obligation::EXPORT_BLOCKED, false},
      {v1::Obligation::RECEIPT_MISMATCH, false},
      {v1::Obligation::UNKNOWN, false},
      {v1::Obligation::LOSS_SUSPECTED, false},
  };
  for (const auto& [state, want] : kCases) {
    EXPECT_EQ(IsCompliant(Chat("a", "F", state), kNow), want) << v1::Obligation::State_Name(state);
    v1::Obligation not_said = Chat("a", "F", state);
    not_said.set_compliant(false);
    EXPECT_FALSE(IsCompliant(not_said, kNow));
    EXPECT_FALSE(IsCompliant(Chat("a", "F", state, v1::Evidence::E2_SEEN), kNow));
  }
}

TEST(CountsAsOverdue, AlsoWhereAWorseStateHidesIt) {
  v1::Obligation mismatch = Chat("a", "F", v1::Obligation::RECEIPT_MISMATCH);
  EXPECT_FALSE(CountsAsOverdue(mismatch, kNow));
  *mismatch.mutable_due_at() = ToProto(kNow);
  EXPECT_FALSE(CountsAsOverdue(mismatch, kNow));
  EXPECT_TRUE(CountsAsOverdue(mismatch, kNow + absl::Nanoseconds(1)));
  EXPECT_TRUE(CountsAsOverdue(Chat("a", "F", v1::Obligation::OVERDUE), kNow));
}

TEST(ComplianceTable, CountsByOfficeAndInAll) {
  ComplianceTable table(ComplianceGroup::kOffice, kNow);
  table.Add(Chat("a", "Field"));
  table.Add(Chat("a", "Field", v1::Obligation::UNKNOWN));
  table.Add(Chat("b", "Field", v1::Obligation::OVERDUE, v1::Evidence::E2_SEEN));
  table.Add(Chat("c", "", v1::Obligation::URGENT, v1::Evidence::E1_STATED));
  table.Add(Chat("c", "", v1::Obligation::GAP_SUSPECTED, v1::Evidence::E0_NONE));
  table.Add(Chat("c", "", v1::Obligation::RECEIPTED));
  v1::Obligation over = Chat("d", "", v1::Obligation::CLEAR);  // only its messages count
  *over.mutable_ended_at() = ToProto(kNow);
  table.Add(over);
  v1::Incident lost;
  lost.set_office("Field");
  lost.set_state(v1::Incident::CONFIRMED);
  table.Add(lost);
  for (const auto state : {v1::Incident::NOT_A_LOSS, v1::Incident::CLOSED}) {
    lost.set_state(state);
    table.Add(lost);
  }
  const auto items = table.Items();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].ShortDebugString(),
            "group: \"(no office)\" persons: 1 obligations: 3 compliant: 1 due_soon: 1 gaps: 1 "
            "level_e0: 1 level_e1: 1 level_e3: 1 messages: 20 oldest_uncovered { seconds: "
            "1799913600 } messages_receipted: 10");
  EXPECT_EQ(items[1].ShortDebugString(),
            "group: \"Field\" persons: 2 obligations: 3 compliant: 1 overdue: 1 unknown: 1 "
            "losses: 1 level_e2: 1 level_e3: 2 messages: 30 oldest_uncovered { seconds: "
            "1799913600 } messages_receipted: 20");
  EXPECT_EQ(table.Total().ShortDebugString(),
            "group: \"total\" persons: 3 obligations: 6 compliant: 2 overdue: 1 due_soon: 1 "
            "unknown: 1 gaps: 1 losses: 1 level_e0: 1 level_e1: 1 level_e2: 1 level_e3: 3 "
            "messages: 50 oldest_uncovered { seconds: 1799913600 } messages_receipted: 30");
  v1::ComplianceFigures sum = items[0];
  AddFigures(items[1], sum);
  sum.set_group("total");
  EXPECT_EQ(sum.ShortDebugString(), table.Total().ShortDebugString());
}

TEST(ComplianceTable, ByPersonAndBounded) {
  ComplianceTable table(ComplianceGroup::kPerson, kNow);
  for (size_t i = 0; i < limits::kMaxFigureGroups + 2; ++i) {
    table.Add(Chat(absl::StrCat("p", 100'000 + i), "F"));
  }
  const auto items = table.Items();
  ASSERT_EQ(items.size(), limits::kMaxFigureGroups + 1);
  EXPECT_EQ(items[0].group(), kOtherGroups);
  EXPECT_EQ(items[0].persons(), 2u);
  EXPECT_EQ(items[1].group(), "p100000@x");
}

// Across the day that is 23 hours long in New York.
TEST(OverdueItem, CountsCalendarDaysOfTheAgency) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/New_York", &zone));
  v1::Obligation o = Chat("a", "F", v1::Obligation::OVERDUE);
  const absl::Time due = absl::FromCivil(absl::CivilSecond(2027, 3, 13, 23, 59, 59), zone);
  *o.mutable_due_at() = ToProto(due);
  const absl::Time next_day = absl::FromCivil(absl::CivilDay(2027, 3, 14), zone);
  const std::pair<absl::Time, uint32_t> kCases[] = {
      {next_day, 21},
      {next_day + absl::Hours(23) - absl::Seconds(1), 21},
      {next_day + absl::Hours(23), 22},
  };
  for (const auto& [now, days] : kCases) {
    const auto item = OverdueItem(o, zone, now);
    ASSERT_TRUE(item.has_value());
    EXPECT_EQ(item->days(), days) << now;
    EXPECT_EQ(FromProto(item->since()), next_day);
  }
  EXPECT_FALSE(OverdueItem(Chat("a", "F"), zone, kNow).has_value());
}

TEST(FiscalQuarter, BeginsInOctober) {
  const absl::TimeZone utc = absl::UTCTimeZone();
  const std::tuple<absl::CivilDay, FiscalQuarter> kCases[] = {
      {absl::CivilDay(2026, 9, 30), {2026, 4}},  {absl::CivilDay(2026, 10, 1), {2027, 1}},
      {absl::CivilDay(2026, 12, 31), {2027, 1}}, {absl::CivilDay(2027, 1, 1), {2027, 2}},
      {absl::CivilDay(2027, 3, 31), {2027, 2}},  {absl::CivilDay(2027, 4, 1), {2027, 3}},
      {absl::CivilDay(2027, 7, 1), {2027, 4}},
  };
  for (const auto& [day, want] : kCases) {
    const absl::Time at = absl::FromCivil(day, utc);
    EXPECT_EQ(FiscalQuarterOf(at, utc), want) << day;
    const auto [from, until] = BoundsOf(want, utc);
    EXPECT_TRUE(from <= at && at < until) << day;
  }
  EXPECT_EQ(QuarterName({2027, 1}), "FY2027 Q1");
  EXPECT_EQ(MonthsOf({2027, 1}), (std::vector<std::string>{"2026-10", "2026-11", "2026-12"}));
  EXPECT_EQ(MonthsOf({2027, 2}), (std::vector<std::string>{"2027-01", "2027-02", "2027-03"}));
  EXPECT_TRUE(CheckQuarter({2027, 4}).ok());
  for (const FiscalQuarter bad : {FiscalQuarter{2027, 0}, {2027, 5}, {1999, 1}, {10'000, 1}}) {
    EXPECT_EQ(CheckQuarter(bad).code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace muster
