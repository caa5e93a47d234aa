// Which decisions are given up when too many wait.
#include "agent/domain/record_buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace muster::agent {
namespace {

ExecRecord Allow(const std::string& path) {
  ExecRecord r;
  r.path = path;
  return r;
}
ExecRecord Denial(const std::string& path) {
  ExecRecord r = Allow(path);
  r.verdict = v1::Verdict::BLOCK;
  r.denied = true;
  return r;
}

std::string Paths(RecordBuffer& buffer, uint32_t dropped) {
  std::string out;
  uint32_t got = 0;
  for (const ExecRecord& r : buffer.Take(&got)) out += r.path;
  EXPECT_EQ(got, dropped) << out;
  return out;
}

TEST(IsAllow, IsWhatMayRunAndRan) {
  struct Case {
    v1::Verdict::Kind verdict;
    bool denied, killed, want;
  };
  const Case kCases[] = {
      {v1::Verdict::ALLOW, false, false, true},
      {v1::Verdict::REPORT, false, false, true},
      {v1::Verdict::BLOCK, true, false, false},
      {v1::Verdict::BLOCK, false, false, false},
      {v1::Verdict::BLOCK, false, true, false},
      {v1::Verdict::ALLOW, false, true, false},
      {v1::Verdict::ALLOW, true, false, false},
      {v1::Verdict::ALLOW_EXPORT_ONLY, false, false, false},
  };
  for (const Case& c : kCases) {
    ExecRecord r;
    r.verdict = c.verdict;
    r.denied = c.denied;
    r.killed = c.killed;
    EXPECT_EQ(IsAllow(r), c.want) << c.verdict << c.denied << c.killed;
    const v1::ExecReport report = AggregateExecs({r}, 0, {});
    EXPECT_EQ(IsAllow(report.items(0)), c.want) << "the report says the same";
    EXPECT_EQ(report.items(0).killed(), c.killed);
  }
}

TEST(RecordBuffer, GivesUpTheOldestAllowFirst) {
  RecordBuffer buffer(3);
  EXPECT_EQ(Paths(buffer, 0), "");
  buffer.Add(Denial("A"));
  buffer.Add(Allow("b"));
  buffer.Add(Allow("c"));
  EXPECT_EQ(buffer.size(), 3u);
  EXPECT_EQ(Paths(buffer, 0), "Abc");
  EXPECT_EQ(Paths(buffer, 0), "") << "taken once";
  for (const char* path : {"a", "b"}) buffer.Add(Allow(path));
  for (const char* path : {"C", "D"}) buffer.Add(Denial(path));
  EXPECT_EQ(Paths(buffer, 1), "bCD");
  for (const char* path : {"A", "B", "C", "D"}) buffer.Add(Denial(path));
  buffer.Add(Allow("e"));
  EXPECT_EQ(Paths(buffer, 2), "BCD") << "an allow never costs a denial";
}

// Against the rule, word for word.
TEST(RecordBuffer, HoldsTheRuleForAnyMix) {
  std::mt19937 random(4711);
  for (int round = 0; round < 200; ++round) {
    const size_t capacity = 1 + random() % 8;
    RecordBuffer buffer(capacity);
    std::vector<ExecRecord> want;
    uint32_t lost = 0;
    for (unsigned i = 0, n = random() % 40; i < n; ++i) {
      const std::string path(1, static_cast<char>('!' + i));
      const ExecRecord record = random() % 2 != 0 ? Allow(path) : Denial(path);
      buffer.Add(record);
      want.push_back(record);
      if (want.size() <= capacity) continue;
      auto victim =
          std::find_if(want.begin(), want.end(), [](const auto& r) { return IsAllow(r); });
      want.erase(victim == want.end() ? want.begin() : victim);
      ++lost;
    }
    std::string paths;
    for (const ExecRecord& r : want) paths += r.path;
    EXPECT_EQ(Paths(buffer, lost), paths);
  }
}

TEST(RecordBuffer, CountsWhatWasLostElsewhere) {
  RecordBuffer buffer(3);
  buffer.AddLost(2);
  buffer.AddLost(3);
  uint32_t dropped = 0;
  EXPECT_TRUE(buffer.Take(&dropped).empty());
  EXPECT_EQ(dropped, 5u);
}

}  // namespace
}  // namespace muster::agent
