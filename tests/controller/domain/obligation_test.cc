#include "controller/domain/obligation.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "tests/controller/domain/export_records.h"

namespace muster {
namespace {

using State = v1::Obligation;

ClockSettings NewYork() {
  ClockSettings out;
  EXPECT_TRUE(absl::LoadTimeZone("America/New_York", &out.zone));
  return out;
}

// What is so; of days after kNow, which is 3 in the morning in New York.
struct ClockFacts {
  std::vector<ExportOf> exports = {};
  std::optional<double> ended = std::nullopt;
  bool gone = false, blocked = false, loss_decided = false, stated = false;
  double last_seen = 1'000;
  std::string incident = "";

  ObligationFacts Get() const {
    ObligationFacts out;
    out.began_at = kNow;
    if (ended) out.ended_at = At(*ended);
    out.gone = gone;
    out.coverage = CoverageOf(Records(exports), kNow);
    out.export_blocked = blocked;
    out.stated = stated;
    out.loss_decided = loss_decided;
    out.incident_id = incident;
    out.last_seen_at = At(last_seen);
    return out;
  }
};

std::string Name(const v1::Obligation& o) {
  return absl::StrCat(State::State_Name(o.state()), o.compliant() ? " compliant" : "");
}

std::string StateAt(const ClockFacts& facts, double day) {
  return Name(Evaluate({}, facts.Get(), NewYork(), At(day)));
}

ExportOf Seen(double until) { return {"a", -1, until}; }
ExportOf Receipted(double until) {
  return {.sha = "a", .first = -1, .made = until, .receipted = true};
}

struct StateCase {
  const char* what;
  ClockFacts facts;
  double day;
  const char* want;
};

void CheckStates(const std::vector<StateCase>& cases) {
  for (const StateCase& c : cases) EXPECT_EQ(StateAt(c.facts, c.day), c.want) << c.what;
}

// Midnight in New York is 5:00 UTC: 21 hours after kNow.
constexpr double kMidnight = -3.0 / 24, kSecond = 1.0 / 86'400;

TEST(Evaluate, TheClockWithoutAnExport) {
  CheckStates({
      {"at once", {}, 0, "ACCRUING"},
      {"day 13 ends", {}, 14 + kMidnight - kSecond, "ACCRUING"},
      {"day 14 begins", {}, 14 + kMidnight, "DUE_SOON"},
      {"day 17 ends", {}, 18 + kMidnight - kSecond, "DUE_SOON"},
      {"day 18 begins", {}, 18 + kMidnight, "URGENT"},
      {"day 20 ends", {}, 21 + kMidnight - kSecond, "URGENT"},
      {"day 21 begins", {}, 21 + kMidnight, "OVERDUE"},
      {"much later", {}, 400, "OVERDUE"},
  });
}

TEST(Evaluate, TheClockAfterAnExport) {
  CheckStates({
      {"seen today", {.exports = {Seen(5)}}, 5, "EXPORTED"},
      {"seen", {.exports = {Seen(5)}}, 19 + kMidnight - kSecond, "EXPORTED"},
      {"due", {.exports = {Seen(5)}}, 19 + kMidnight, "DUE_SOON"},
      {"urgent", {.exports = {Seen(5)}}, 23 + kMidnight, "URGENT"},
      {"overdue", {.exports = {Seen(5)}}, 26 + kMidnight, "OVERDUE"},
      {"receipted today", {.exports = {Receipted(5)}}, 5, "CLEAR compliant"},
      {"the day ends", {.exports = {Receipted(5)}}, 6 + kMidnight - kSecond, "CLEAR compliant"},
      {"the next day", {.exports = {Receipted(5)}}, 6 + kMidnight, "ACCRUING compliant"},
      {"due soon", {.exports = {Receipted(5)}}, 19 + kMidnight, "DUE_SOON compliant"},
      {"urgent", {.exports = {Receipted(5)}}, 26 + kMidnight - kSecond, "URGENT compliant"},
      {"overdue", {.exports = {Receipted(5)}}, 26 + kMidnight, "OVERDUE"},
      {"the newer one has no receipt",
       {.exports = {Receipted(5), {"b", 4, 9, "a"}}},
       10,
       "EXPORTED compliant"},
      {"until what is receipted is too old",
       {.exports = {Receipted(5), {"b", 4, 25, "a"}}},
       26,
       "EXPORTED"},
      {"an earlier one has none",
       {.exports = {Seen(5),
                    {.sha = "b", .first = 4, .made = 9, .continues = "a", .receipted = true}}},
       9,
       "RECEIPTED compliant"},
      {"and that is too long ago",
       {.exports = {Seen(5),
                    {.sha = "b", .first = 4, .made = 25, .continues = "a", .receipted = true}}},
       25,
       "RECEIPTED"},
  });
}

TEST(Evaluate, TheWorstThatHolds) {
  const ExportOf beyond = {.sha = "b", .first = 8, .made = 10, .receipted = true};
  const ExportOf bad = {.sha = "a", .first = -1, .made = 5, .mismatch = "RECEIPT_SIZE"};
  CheckStates({
      {"silent", {.exports = {Receipted(5)}, .last_seen = 6}, 9, "UNKNOWN"},
      {"not yet", {.exports = {Receipted(5)}, .last_seen = 6}, 9 - kSecond, "ACCRUING compliant"},
      {"silent, but urgent", {.exports = {Receipted(5)}, .last_seen = 6}, 24, "UNKNOWN"},
      {"overdue, though silent", {.exports = {Receipted(5)}, .last_seen = 6}, 27, "OVERDUE"},
      {"a gap", {.exports = {Receipted(5), beyond}}, 10, "GAP_SUSPECTED"},
      {"a gap, and urgent", {.exports = {Receipted(5), beyond}}, 29, "GAP_SUSPECTED"},
      {"a gap, and overdue", {.exports = {Receipted(5), beyond}}, 31, "OVERDUE"},
      {"a gap, and silent", {.exports = {Receipted(5), beyond}, .last_seen = 10}, 14, "UNKNOWN"},
      {"blocked", {.exports = {Receipted(5)}, .blocked = true}, 6, "EXPORT_BLOCKED compliant"},
      {"blocked, and urgent", {.blocked = true}, 19, "EXPORT_BLOCKED"},
      {"blocked, and overdue", {.blocked = true}, 21, "OVERDUE"},
      {"blocked, and a gap",
       {.exports = {Receipted(5), beyond}, .blocked = true},
       10,
       "GAP_SUSPECTED"},
      {"a bad receipt", {.exports = {bad}}, 5, "RECEIPT_MISMATCH"},
      {"a bad receipt, and overdue", {.exports = {bad}}, 40, "RECEIPT_MISMATCH"},
      {"a bad receipt, and gone",
       {.exports = {bad}, .ended = 7, .gone = true},
       7,
       "LOSS_SUSPECTED"},
  });
}

TEST(Evaluate, WhatHasEnded) {
  CheckStates({
      {"the grant is over, its last days are owed",
       {.exports = {Receipted(5)}, .ended = 10},
       11,
       "ACCRUING compliant"},
      {"and overdue", {.exports = {Receipted(5)}, .ended = 10}, 27, "OVERDUE"},
      {"and the device silent",
       {.exports = {Receipted(5)}, .ended = 10, .last_seen = 10},
       14,
       "UNKNOWN"},
      {"seen to its end", {.exports = {Seen(10)}, .ended = 10}, 500, "EXPORTED"},
      {"receipted to its end",
       {.exports = {Receipted(10)}, .ended = 10, .last_seen = 10},
       500,
       "CLEAR compliant"},
      {"a newer export of the next grant has no receipt",
       {.exports = {Receipted(10), {"b", 9, 30, "a"}}, .ended = 10},
       500,
       "CLEAR compliant"},
      {"receipted, but one that is needed",
       {.exports = {Seen(5),
                    {.sha = "b", .first = 4, .made = 10, .continues = "a", .receipted = true}},
        .ended = 10},
       500,
       "RECEIPTED"},
      {"gone with an hour that nothing shows",
       {.exports = {Receipted(10)}, .ended = 10 + 1.0 / 24, .gone = true},
       11,
       "LOSS_SUSPECTED"},
      {"gone without any export", {.ended = 10, .gone = true}, 11, "LOSS_SUSPECTED"},
      {"gone and covered",
       {.exports = {Receipted(10)}, .ended = 10, .gone = true, .last_seen = 10},
       500,
       "CLEAR compliant"},
      {"gone and covered by E2",
       {.exports = {Seen(10)}, .ended = 10, .gone = true},
       500,
       "EXPORTED"},
      {"decided",
       {.exports = {Receipted(5)}, .ended = 10, .gone = true, .loss_decided = true},
       500,
       "CLEAR"},
      {"decided, what there is has no receipt",
       {.exports = {Seen(5)}, .ended = 10, .gone = true, .loss_decided = true},
       500,
       "EXPORTED"},
      {"decided, without any export",
       {.ended = 10, .gone = true, .loss_decided = true},
       500,
       "ACCRUING"},
      {"over at once, without any export", {.ended = 0}, 500, "ACCRUING"},
      {"a gap after its end is another's",
       {.exports = {Receipted(10), {"b", 12, 15}}, .ended = 10},
       16,
       "CLEAR compliant"},
  });
}

TEST(Evaluate, TellsTheWhole) {
  v1::Obligation before;
  before.set_device_id("D1");
  before.set_person_upn("a@b");
  before.set_chat_key("chat");
  before.set_grant_id("GR-1");
  before.set_state(State::ACCRUING);
  *before.mutable_state_since() = ToProto(At(1));
  *before.mutable_gap_from() = ToProto(At(1));
  before.set_reminded_for(State::DUE_SOON);
  const ClockFacts facts = {.exports = {Receipted(5)}, .incident = "INC-1"};
  v1::Obligation want = before;
  want.set_state(State::OVERDUE);
  want.clear_gap_from();
  *want.mutable_state_since() = ToProto(At(26 + kMidnight));
  *want.mutable_began_at() = ToProto(At(0));
  *want.mutable_uncovered_since() = ToProto(At(5));
  *want.mutable_unreceipted_since() = ToProto(At(5));
  *want.mutable_due_at() = ToProto(At(26 + kMidnight) - absl::Seconds(1));
  *want.mutable_export_only_at() = ToProto(At(31 + kMidnight));
  want.set_level(v1::Evidence::E3_RECEIPTED);
  v1::CoveredInterval& covered = *want.add_covered();
  *covered.mutable_from() = ToProto(At(-1));
  *covered.mutable_until() = ToProto(At(5));
  covered.set_level(v1::Evidence::E3_RECEIPTED);
  want.set_incident_id("INC-1");
  want.set_messages(10);
  want.set_exports(1);
  want.set_detail(
      "nothing written after 2027-01-20T08:00:00Z is exported; it was due by "
      "2027-02-10T04:59:59Z");
  EXPECT_EQ(Evaluate(before, facts.Get(), NewYork(), At(30)).DebugString(), want.DebugString());
}

TEST(Evaluate, KeepsSinceWhileTheStateIsTheSame) {
  v1::Obligation o = Evaluate({}, ClockFacts{.exports = {Seen(5)}}.Get(), NewYork(), At(5.5));
  EXPECT_EQ(FromProto(o.state_since()), At(5.5));
  o = Evaluate(o, ClockFacts{.exports = {Seen(9)}}.Get(), NewYork(), At(9.5));
  EXPECT_EQ(FromProto(o.state_since()), At(5.5));
  o = Evaluate(o, ClockFacts{.exports = {Seen(9)}, .last_seen = 12}.Get(), NewYork(), At(20));
  EXPECT_EQ(o.state(), State::UNKNOWN);
  EXPECT_EQ(FromProto(o.state_since()), At(15));  // however late it is noticed
}

TEST(Evaluate, WhatIsNotOwedHasNoDueDate) {
  for (const ClockFacts& facts : {ClockFacts{.exports = {Receipted(10)}, .ended = 10},
                                  ClockFacts{.ended = 10, .gone = true, .loss_decided = true}}) {
    const v1::Obligation o = Evaluate({}, facts.Get(), NewYork(), At(50));
    EXPECT_FALSE(o.has_due_at() || o.has_uncovered_since() || o.has_export_only_at()) << Name(o);
    EXPECT_EQ(NextChange(o, facts.Get(), NewYork(), At(50)), absl::InfiniteFuture());
  }
  const v1::Obligation lost = Evaluate(
      {}, ClockFacts{.exports = {Seen(5)}, .ended = 10, .gone = true}.Get(), NewYork(), At(50));
  EXPECT_EQ(FromProto(lost.uncovered_since()), At(5));
  EXPECT_FALSE(lost.has_due_at() || lost.has_export_only_at());
}

TEST(Evaluate, WhatAPersonSaysIsE1AndStopsNoClock) {
  const v1::Obligation o = Evaluate({}, ClockFacts{.stated = true}.Get(), NewYork(), At(15));
  EXPECT_EQ(o.level(), v1::Evidence::E1_STATED);
  EXPECT_EQ(Name(o), "DUE_SOON");
  EXPECT_EQ(Evaluate({}, ClockFacts{.exports = {Seen(5)}, .stated = true}.Get(), NewYork(), At(6))
                .level(),
            v1::Evidence::E2_SEEN);
}

TEST(ForcesExportOnly, AfterTheGrace) {
  const auto at = [](const ClockFacts& facts, double day) {
    const v1::Obligation o = Evaluate({}, facts.Get(), NewYork(), At(day));
    return std::pair(IsOverdue(o, At(day)), ForcesExportOnly(o, At(day)));
  };
  using Pair = std::pair<bool, bool>;
  EXPECT_EQ(at({}, 21 + kMidnight - kSecond), Pair(false, false));
  EXPECT_EQ(at({}, 21 + kMidnight), Pair(true, false));
  EXPECT_EQ(at({}, 26 + kMidnight - kSecond), Pair(true, false));
  EXPECT_EQ(at({}, 26 + kMidnight), Pair(true, true));
  EXPECT_EQ(at({.ended = 10}, 40), Pair(true, false));  // nothing is left to suspend
  EXPECT_EQ(at({.ended = 10, .gone = true}, 40), Pair(false, false));
  // A bad receipt hides nothing.
  EXPECT_EQ(at({.exports = {{.sha = "a", .first = -1, .made = 5, .mismatch = "RECEIPT_SIZE"}}}, 40),
            Pair(true, true));
}

}  // namespace
}  // namespace muster
