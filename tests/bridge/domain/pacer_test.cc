#include "bridge/domain/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

UemAnswer Ok() { return {}; }
UemAnswer Throttled(std::optional<absl::Time> retry_at = std::nullopt) {
  UemAnswer out;
  out.status = absl::ResourceExhaustedError("throttled");
  out.limit.retry_at = retry_at;
  return out;
}
UemAnswer Says(uint64_t limit, uint64_t remaining, std::optional<absl::Time> reset) {
  UemAnswer out;
  out.limit = {limit, remaining, reset, std::nullopt};
  return out;
}

// One call, answered at once.
void Call(Pacer& pacer, absl::Time now, const UemAnswer& answer = Ok()) {
  pacer.Sent(now);
  pacer.Answered(answer, now);
}

// Calls whenever it may, `parallel` side by side, with answers after `latency`. Returns when calls
// were sent.
std::vector<absl::Time> Drive(Pacer& pacer, absl::Duration span,
                              const std::function<absl::Duration()>& latency,
                              const std::function<UemAnswer(absl::Time)>& answer,
                              bool urgent = false) {
  std::vector<absl::Time> sent;
  std::multimap<absl::Time, absl::Time> in_flight;  // answered -> sent
  absl::Time now = kStart;
  while (now < kStart + span) {
    const absl::Time at = pacer.NextAt(urgent, now);
    if (at <= now) {
      pacer.Sent(now);
      sent.push_back(now);
      in_flight.emplace(now + latency(), now);
      continue;
    }
    const absl::Time answered =
        in_flight.empty() ? absl::InfiniteFuture() : in_flight.begin()->first;
    now = std::min(at, answered);
    if (now == absl::InfiniteFuture()) break;  // stuck: the caller sees too few calls
    if (answered <= at) {
      const absl::Time began = in_flight.begin()->second;
      in_flight.erase(in_flight.begin());
      pacer.Answered(answer(began), now);
    }
  }
  return sent;
}

size_t MostIn(const std::vector<absl::Time>& sent, absl::Duration window) {
  size_t most = 0, from = 0;
  for (size_t i = 0; i < sent.size(); ++i) {
    while (sent[i] - sent[from] >= window) ++from;
    most = std::max(most, i - from + 1);
  }
  return most;
}

TEST(Pacer, KeepsEveryMinuteAndWastesLittle) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    for (const int slowest_ms : {1, 300, 2'000}) {
      std::mt19937 random(seed);
      Pacer pacer({.per_minute = 600, .reserve_percent = 10, .parallel = 64});
      const auto latency = [&] { return absl::Milliseconds(random() % slowest_ms); };
      const auto sent = Drive(pacer, absl::Minutes(30), latency, [](absl::Time) { return Ok(); });
      EXPECT_LE(MostIn(sent, absl::Minutes(1)), 600u) << slowest_ms;
      // 5 % are kept for urgent calls; a slot is free a minute after the answer.
      const double share = static_cast<double>(sent.size()) / (600 * 30);
      EXPECT_GE(share, slowest_ms <= 300 ? 0.94 : 0.92) << slowest_ms;
    }
  }
  Pacer urgent({.per_minute = 600, .parallel = 64});
  const auto sent = Drive(
      urgent, absl::Minutes(30), [] { return absl::Milliseconds(200); },
      [](absl::Time) { return Ok(); }, /*urgent=*/true);
  EXPECT_LE(MostIn(sent, absl::Minutes(1)), 600u);
  EXPECT_GE(sent.size(), 600u * 30 * 95 / 100);
}

// The UEM counts a call at any moment between sending and answer.
TEST(Pacer, NoMinuteOfTheUemHasMore) {
  std::mt19937 random(7);
  Pacer pacer({.per_minute = 60, .reserve_percent = 0, .parallel = 60});
  const auto latency = [&] { return absl::Milliseconds(random() % 5'000); };
  std::vector<absl::Time> sent =
      Drive(pacer, absl::Minutes(20), latency, [](absl::Time) { return Ok(); });
  // At the latest: with the answer. Sent again at the earliest a minute after that.
  std::mt19937 again(7);
  std::vector<absl::Time> late;
  for (const absl::Time at : sent) late.push_back(at + absl::Milliseconds(again() % 5'000));
  std::sort(late.begin(), late.end());
  EXPECT_LE(MostIn(late, absl::Minutes(1)), 60u);
  EXPECT_LE(MostIn(sent, absl::Minutes(1)), 60u);
}

TEST(Pacer, KeepsTheDay) {
  Pacer pacer({.per_minute = 600, .per_day = 10'000, .reserve_percent = 10, .parallel = 8});
  const auto sent = Drive(
      pacer, absl::Hours(24 * 4), [] { return absl::Milliseconds(100); },
      [](absl::Time) { return Ok(); });
  EXPECT_LE(MostIn(sent, absl::Hours(24)), 9'000u);
  EXPECT_GE(sent.size(), 9'000u * 4 * 95 / 100);
  EXPECT_LE(pacer.NextAt(/*urgent=*/true, kStart + absl::Hours(24 * 4)),
            kStart + absl::Hours(24 * 4));  // the reserve is theirs
}

TEST(Pacer, KeepsSomeOfTheMinuteForUrgentCalls) {
  Pacer pacer({.per_minute = 100, .reserve_percent = 10, .parallel = 4});
  for (int i = 0; i < 95; ++i) Call(pacer, kStart);
  EXPECT_EQ(pacer.NextAt(false, kStart), kStart + absl::Minutes(1));
  EXPECT_EQ(pacer.NextAt(true, kStart), kStart);
  for (int i = 0; i < 5; ++i) Call(pacer, kStart);
  EXPECT_EQ(pacer.NextAt(true, kStart), kStart + absl::Minutes(1));
  EXPECT_LE(pacer.NextAt(false, kStart + absl::Minutes(1)), kStart + absl::Minutes(1));
}

TEST(Pacer, HasOnlySoManyInFlight) {
  Pacer pacer({.parallel = 2});
  pacer.Sent(kStart);
  EXPECT_EQ(pacer.NextAt(false, kStart), kStart);
  pacer.Sent(kStart);
  EXPECT_EQ(pacer.NextAt(true, kStart), absl::InfiniteFuture());
  pacer.Answered(Ok(), kStart);
  EXPECT_EQ(pacer.NextAt(true, kStart), kStart);
  for (const uint32_t zero : {0u}) {
    Pacer least({.per_minute = zero, .reserve_percent = 500, .parallel = zero});
    EXPECT_EQ(least.NextAt(false, kStart), kStart);
  }
}

TEST(Pacer, BacksOffWhenItIsThrottled) {
  Pacer pacer({});
  absl::Time now = kStart;
  for (const int seconds : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}) {
    // All that were in flight are throttled together.
    pacer.Sent(now);
    pacer.Sent(now);
    pacer.Answered(Throttled(), now);
    pacer.Answered(Throttled(), now);
    EXPECT_EQ(pacer.NextAt(true, now), now + absl::Seconds(seconds));
    now += absl::Seconds(seconds);
    EXPECT_EQ(pacer.NextAt(false, now), now);
  }
  Call(pacer, now);
  Call(pacer, now, Throttled());
  EXPECT_EQ(pacer.NextAt(true, now), now + absl::Seconds(1));
}

TEST(Pacer, ObeysRetryAfter) {
  const struct {
    absl::Duration said, waits;
  } kCases[] = {
      {absl::Seconds(7), absl::Seconds(7)},      {absl::Milliseconds(10), absl::Seconds(1)},
      {absl::Hours(3), absl::Hours(3)},          {absl::Hours(24), absl::Hours(24)},
      {absl::Hours(25), limits::kMaxUemBackoff}, {absl::Hours(1'000'000), limits::kMaxUemBackoff},
      {-absl::Hours(1), absl::Seconds(1)},
  };
  for (const auto& c : kCases) {
    Pacer pacer({});
    Call(pacer, kStart, Throttled(kStart + c.said));
    EXPECT_EQ(pacer.NextAt(true, kStart), kStart + c.waits) << c.said;
    Call(pacer, kStart);  // an answer to what was sent before
    EXPECT_EQ(pacer.NextAt(true, kStart), kStart + c.waits) << c.said;
  }
}

TEST(Pacer, BelievesHeadersThatCanBeTrue) {
  const absl::Time reset = kStart + absl::Hours(5);
  const absl::Time probe = kStart + absl::Minutes(1);
  struct Case {
    const char* what;
    UemAnswer answer;
    absl::Time other, urgent;
  };
  const Case kCases[] = {
      {"nothing", Ok(), kStart, kStart},
      {"plenty", Says(1000, 500, reset), kStart, kStart},
      {"above the reserve", Says(1000, 101, reset), kStart, kStart},
      {"the reserve", Says(1000, 100, reset), reset, kStart},
      {"the last", Says(1000, 1, reset), reset, kStart},
      {"none", Says(1000, 0, reset), reset, kStart + limits::kMaxUemBackoff},
      {"none, for a moment", Says(1000, 0, kStart + absl::Seconds(9)), kStart + absl::Seconds(9),
       kStart + absl::Seconds(9)},
      {"none, no reset", Says(1000, 0, std::nullopt), probe, probe},
      {"the reserve, no reset", Says(1000, 100, std::nullopt), probe, kStart},
      {"more than the limit", Says(10, 11, reset), kStart, kStart},
      {"a limit of nothing", Says(0, 0, reset), kStart, kStart},
      {"a reset that is over", Says(1000, 0, kStart), kStart, kStart},
      {"a reset in a year", Says(1000, 0, kStart + absl::Hours(9000)), kStart, kStart},
      {"huge", Says(UINT64_MAX, UINT64_MAX, reset), kStart, kStart},
  };
  for (const Case& c : kCases) {
    Pacer pacer({});
    Call(pacer, kStart, c.answer);
    EXPECT_EQ(pacer.NextAt(false, kStart), c.other) << c.what;
    EXPECT_EQ(pacer.NextAt(true, kStart), c.urgent) << c.what;
    EXPECT_LE(pacer.NextAt(false, c.other), c.other) << c.what;
    EXPECT_LE(pacer.NextAt(true, c.urgent), c.urgent) << c.what;
  }
}

TEST(Pacer, CountsWhatTheHeaderHasNotCounted) {
  Pacer pacer({.parallel = 10});
  pacer.Sent(kStart);
  pacer.Sent(kStart);
  pacer.Answered(Says(100, 12, kStart + absl::Hours(1)), kStart);  // one more is in flight
  EXPECT_EQ(pacer.NextAt(false, kStart), kStart);                  // 11 are left, 10 are kept
  pacer.Sent(kStart);
  EXPECT_EQ(pacer.NextAt(false, kStart), kStart + absl::Hours(1));
  EXPECT_EQ(pacer.NextAt(true, kStart), kStart);
}

TEST(Pacer, OneAsksWhereNoResetIsTold) {
  Pacer pacer({});
  Call(pacer, kStart, Says(100, 0, std::nullopt));
  const absl::Time then = kStart + absl::Minutes(1);
  EXPECT_EQ(pacer.NextAt(false, then), then);
  pacer.Sent(then);
  EXPECT_EQ(pacer.NextAt(false, then), absl::InfiniteFuture());
  pacer.Answered(Says(100, 99, std::nullopt), then);
  EXPECT_EQ(pacer.NextAt(false, then), then);
}

TEST(Pacer, NeverTakesTheReserveOfAFixedWindow) {
  // A UEM that counts fixed minutes, shared with a program that takes 30 a minute.
  uint64_t used = 0, window = 0, lowest = 600;
  const auto answer = [&](absl::Time began) {
    const uint64_t minute = static_cast<uint64_t>(absl::ToUnixSeconds(began)) / 60;
    if (minute != window) {
      window = minute;
      used = 30;
    }
    ++used;
    lowest = std::min(lowest, 600 - used);
    return Says(600, 600 - used, absl::FromUnixSeconds((minute + 1) * 60));
  };
  Pacer pacer({.per_minute = 1'000, .reserve_percent = 10, .parallel = 8});
  const auto sent = Drive(
      pacer, absl::Minutes(60), [] { return absl::Milliseconds(100); }, answer);
  EXPECT_GE(lowest, 59u);
  EXPECT_GE(sent.size(), (600u - 60 - 30) * 60 * 95 / 100);
}

TEST(Pacer, AClockThatGoesBackStopsNothing) {
  Pacer pacer({.per_minute = 10, .per_day = 1000, .reserve_percent = 0});
  for (int i = 0; i < 10; ++i) Call(pacer, kStart);
  Call(pacer, kStart, Throttled(kStart + absl::Hours(20)));
  const absl::Time before = kStart - absl::Hours(10'000);
  EXPECT_LE(pacer.NextAt(true, before), before + absl::Minutes(1));
  Call(pacer, before);
  EXPECT_LE(pacer.NextAt(true, before + absl::Minutes(1)), before + absl::Minutes(1));
}

}  // namespace
}  // namespace muster::bridge
