// What time alone makes of obligations: reminders, and when to look again. Seeded.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "common/archive_limits.h"
#include "controller/domain/obligation.h"
#include "tests/controller/domain/export_records.h"

namespace muster {
namespace {

using State = v1::Obligation;
using Random = std::mt19937_64;

ClockSettings In(const std::string& zone) {
  ClockSettings out;
  EXPECT_TRUE(absl::LoadTimeZone(zone, &out.zone));
  return out;
}

double Between(double low, double high, Random& random) {
  return std::uniform_real_distribution<double>(low, high)(random);
}
bool Chance(double p, Random& random) { return std::bernoulli_distribution(p)(random); }

// Exports of one chat that began on day `start`, as phones make them: each shows everything since
// some moment; some continue one that is there.
std::vector<ExportOf> SomeExports(Random& random) {
  std::vector<ExportOf> out;
  const double start = Chance(0.5, random) ? -10 : Between(0, 5, random);
  const int n = std::uniform_int_distribution<int>(0, 6)(random);
  for (int i = 0; i < n; ++i) {
    ExportOf e;
    e.sha = absl::StrCat("x", i);
    e.made = Between(start, 60, random);
    e.from_start = Chance(0.3, random);
    e.first = e.from_start ? start : Between(start, e.made, random);
    e.last = Between(e.first, e.made, random);
    e.seen = Between(e.made, 61, random);
    if (!out.empty() && Chance(0.6, random)) {
      const ExportOf& other = out[std::uniform_int_distribution<size_t>(0, out.size() - 1)(random)];
      if (other.made < e.made) e.continues = other.sha;
      e.overlap = std::uniform_int_distribution<uint32_t>(0, 40)(random);
    }
    e.messages = std::uniform_int_distribution<uint64_t>(1, 30)(random);
    e.device = Chance(0.8, random) ? "laptop" : "other";
    e.receipted = Chance(0.5, random);
    e.truncated = Chance(0.1, random);
    e.damaged = Chance(0.05, random);
    e.ambiguous = Chance(0.05, random);
    if (Chance(0.05, random)) e.mismatch = "RECEIPT_SIZE";
    out.push_back(e);
  }
  return out;
}

ObligationFacts SomeFacts(Random& random) {
  ObligationFacts out;
  out.began_at = kNow;
  out.coverage = CoverageOf(Records(SomeExports(random)), kNow);
  if (Chance(0.3, random)) out.ended_at = At(Between(0, 60, random));
  out.gone = out.ended_at && Chance(0.5, random);
  out.export_blocked = Chance(0.1, random);
  out.loss_decided = Chance(0.3, random);
  out.last_seen_at = At(Chance(0.5, random) ? 1'000 : Between(0, 80, random));
  return out;
}

bool Covers(const v1::CoveredInterval& outer, const v1::CoveredInterval& inner) {
  return FromProto(outer.from()) <= FromProto(inner.from()) &&
         FromProto(inner.until()) <= FromProto(outer.until());
}

// Time as one line: what is in some interval of at least this level, cut at the borders.
bool AllIn(const v1::CoveredInterval& piece, const Coverage& in, v1::Evidence::Level level) {
  absl::Time at = FromProto(piece.from());
  for (const v1::CoveredInterval& i : in.intervals) {
    if (i.level() < level) continue;
    if (Covers(i, piece)) return true;
    if (FromProto(i.from()) <= at) at = std::max(at, FromProto(i.until()));
  }
  return FromProto(piece.until()) <= at;
}

TEST(CoverageProperty, OneMoreExportNeverProvesLess) {
  for (int seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    std::vector<ExportOf> exports = SomeExports(random);
    if (exports.empty()) continue;
    const Coverage all = CoverageOf(Records(exports), kNow);
    exports.erase(exports.begin() +
                  std::uniform_int_distribution<size_t>(0, exports.size() - 1)(random));
    const Coverage fewer = CoverageOf(Records(exports), kNow);
    EXPECT_GE(all.seen_until, fewer.seen_until) << seed;
    EXPECT_GE(all.receipted_until, fewer.receipted_until) << seed;
    EXPECT_GE(all.newest_until, fewer.newest_until) << seed;
    for (const v1::CoveredInterval& piece : fewer.intervals) {
      EXPECT_TRUE(AllIn(piece, all, piece.level())) << seed << "\n" << piece.DebugString();
    }
  }
}

TEST(CoverageProperty, TheOrderOfExportsIsIrrelevant) {
  for (int seed = 0; seed < 1'000; ++seed) {
    Random random(seed);
    std::vector<ExportOf> exports = SomeExports(random);
    ObligationFacts facts;
    facts.began_at = facts.last_seen_at = kNow;
    facts.coverage = CoverageOf(Records(exports), kNow);
    const v1::Obligation one = Evaluate({}, facts, In("UTC"), kNow);
    std::shuffle(exports.begin(), exports.end(), random);
    facts.coverage = CoverageOf(Records(exports), kNow);
    EXPECT_EQ(Evaluate({}, facts, In("UTC"), kNow).DebugString(), one.DebugString()) << seed;
  }
}

TEST(CoverageProperty, FiguresAreConsistent) {
  for (int seed = 0; seed < 3'000; ++seed) {
    Random random(seed);
    const std::vector<ExportOf> exports = SomeExports(random);
    const Coverage c = CoverageOf(Records(exports), kNow);
    uint64_t sum = 0, largest = 0;
    for (const ExportOf& e : exports) {
      if (e.damaged || e.ambiguous) continue;
      sum += e.messages;
      largest = std::max(largest, e.messages);
    }
    EXPECT_LE(c.messages, sum) << seed;
    EXPECT_GE(c.messages, largest) << seed;
    EXPECT_LE(c.receipted_until, c.seen_until) << seed;
    EXPECT_LE(c.seen_until, c.newest_until) << seed;
    EXPECT_EQ(c.gap.has_value(), c.seen_until < c.newest_until) << seed;
    absl::Time before = absl::InfinitePast();
    for (const v1::CoveredInterval& i : c.intervals) {
      EXPECT_LE(before, FromProto(i.from())) << seed;
      EXPECT_LE(FromProto(i.from()), FromProto(i.until())) << seed;
      before = FromProto(i.until());
    }
  }
}

struct Said {
  std::string obligation;
  std::optional<State::State> reminder;
  bool export_only;
  bool operator==(const Said&) const = default;
};

Said SaidAt(const v1::Obligation& before, const ObligationFacts& facts,
            const ClockSettings& settings, absl::Time now) {
  const v1::Obligation o = Evaluate(before, facts, settings, now);
  return {o.DebugString(), ReminderOwed(o, settings, now), ForcesExportOnly(o, now)};
}

// Nothing changes before NextChange says so, and looking only then comes to the same.
TEST(NextChange, IsExact) {
  const char* const kZones[] = {"America/New_York", "UTC", "Pacific/Apia", "America/Sao_Paulo"};
  int changes = 0, looks = 0;
  for (int seed = 0; seed < 1'000; ++seed) {
    Random random(seed);
    const ClockSettings settings = In(kZones[seed % 4]);
    const ObligationFacts facts = SomeFacts(random);
    absl::Time now = At(Between(0, 60, random));
    const v1::Obligation first = Evaluate({}, facts, settings, now);
    v1::Obligation stepped = first;
    for (int step = 0; step < 20; ++step) {
      const Said said = SaidAt(stepped, facts, settings, now);
      const absl::Time next = NextChange(stepped, facts, settings, now);
      ASSERT_LT(now, next) << seed;
      const absl::Time until = std::min(next, At(200)) - absl::Nanoseconds(1);
      for (const absl::Time between : {until, now + (until - now) * Between(0, 1, random)}) {
        EXPECT_EQ(SaidAt(stepped, facts, settings, between), said) << seed << " " << between;
      }
      if (next > At(200)) break;
      changes += SaidAt(stepped, facts, settings, next) != said;
      ++looks;
      now = next;
      stepped = Evaluate(stepped, facts, settings, now);
      if (const auto owed = ReminderOwed(stepped, settings, now)) {
        MarkReminded(*owed, now, stepped);
      }
    }
    v1::Obligation jumped = Evaluate(first, facts, settings, now);
    stepped.clear_reminded_for();
    stepped.clear_reminded_at();
    stepped.clear_reminded_clock();
    EXPECT_EQ(jumped.DebugString(), stepped.DebugString()) << seed;
  }
  // A look may find nothing (a threshold behind a worse state), but not as a rule.
  EXPECT_GT(changes, looks * 9 / 10) << looks;
}

// Days after kNow on which a reminder goes out when somebody looks each `every` hours from `from`.
std::vector<std::string> Reminders(const ObligationFacts& facts, double from, double until,
                                   int every = 1) {
  const ClockSettings settings = In("America/New_York");
  std::vector<std::string> out;
  v1::Obligation o;
  for (absl::Time now = At(from); now < At(until); now += absl::Hours(every)) {
    o = Evaluate(o, facts, settings, now);
    if (const auto owed = ReminderOwed(o, settings, now)) {
      MarkReminded(*owed, now, o);
      out.push_back(absl::StrCat(State::State_Name(*owed), " ",
                                 absl::FormatTime("%m-%d %H:%M", now, settings.zone)));
    }
  }
  return out;
}

using Lines = std::vector<std::string>;

TEST(ReminderOwed, OncePerThreshold) {
  ObligationFacts facts;
  facts.began_at = kNow;
  facts.last_seen_at = At(1'000);
  facts.coverage = CoverageOf({}, kNow);
  EXPECT_EQ(Reminders(facts, 0, 44),
            (Lines{"DUE_SOON 01-29 00:00", "URGENT 02-02 00:00", "OVERDUE 02-05 00:00",
                   "OVERDUE 02-12 00:00", "OVERDUE 02-19 00:00", "OVERDUE 02-26 00:00"}));
  // Neither silence nor a claim nor a bad receipt stops them.
  facts.last_seen_at = At(0);
  facts.export_blocked = facts.coverage.mismatch = true;
  EXPECT_EQ(Reminders(facts, 0, 22),
            (Lines{"DUE_SOON 01-29 00:00", "URGENT 02-02 00:00", "OVERDUE 02-05 00:00"}));
}

TEST(ReminderOwed, OnlyTheLatestOfThoseThatWereMissed) {
  ObligationFacts facts;
  facts.began_at = kNow;
  facts.last_seen_at = At(1'000);
  facts.coverage = CoverageOf({}, kNow);
  EXPECT_EQ(Reminders(facts, 19, 22), (Lines{"URGENT 02-03 03:00", "OVERDUE 02-05 00:00"}));
  EXPECT_EQ(Reminders(facts, 50, 60), (Lines{"OVERDUE 03-06 03:00", "OVERDUE 03-13 00:00"}));
}

TEST(ReminderOwed, AgainWithANewClock) {
  const ClockSettings settings = In("America/New_York");
  ObligationFacts facts;
  facts.began_at = kNow;
  facts.last_seen_at = At(1'000);
  facts.coverage = CoverageOf({}, kNow);
  v1::Obligation o = Evaluate({}, facts, settings, At(15));
  MarkReminded(State::DUE_SOON, At(15), o);
  EXPECT_EQ(ReminderOwed(o, settings, At(15)), std::nullopt);
  facts.coverage = CoverageOf(Records({{"a", -1, 15}}), kNow);
  o = Evaluate(o, facts, settings, At(16));
  EXPECT_EQ(ReminderOwed(o, settings, At(16)), std::nullopt);
  o = Evaluate(o, facts, settings, At(30));
  EXPECT_EQ(ReminderOwed(o, settings, At(30)), State::DUE_SOON);
}

TEST(ReminderOwed, NoneOfWhatIsNotOwed) {
  ObligationFacts facts;
  facts.began_at = kNow;
  facts.ended_at = At(5);
  facts.gone = true;
  facts.coverage = CoverageOf({}, kNow);
  EXPECT_EQ(Reminders(facts, 5, 60), Lines());  // an incident's matter
  facts.gone = false;
  facts.coverage = CoverageOf(Records({{"a", -1, 5}}), kNow);
  EXPECT_EQ(Reminders(facts, 5, 60), Lines());
  facts.coverage = CoverageOf(Records({{"a", -1, 4}}), kNow);
  EXPECT_EQ(Reminders(facts, 5, 24), (Lines{"DUE_SOON 02-02 00:00", "URGENT 02-06 00:00"}));
}

}  // namespace
}  // namespace muster
