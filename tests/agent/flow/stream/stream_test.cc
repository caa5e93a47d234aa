// What threads share, without a transport and without a kernel: also run under TSan.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/flow/outbox.h"
#include "agent/flow/pending_answers.h"
#include "common/clock.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

v1::AgentMessage Numbered(uint64_t n) {
  v1::AgentMessage m;
  m.mutable_ack()->set_nonce(n);
  return m;
}

TEST(Outbox, HelloThenAnswersThenReportsAndAllAgainOnANewStream) {
  const FakeClock clock(absl::UnixEpoch());
  uint64_t last = 2;
  Outbox outbox(
      [&](uint64_t after) -> std::optional<Outbox::Numbered> {
        if (after >= last) return std::nullopt;
        return Outbox::Numbered{after + 1, Numbered(1000 + after + 1)};
      },
      &clock);
  for (int stream = 0; stream < 2; ++stream) {
    outbox.Open(Numbered(1));
    outbox.Push(Numbered(2));
    std::vector<uint64_t> got;
    for (int i = 0; i < 4; ++i) got.push_back(outbox.Take()->ack().nonce());
    EXPECT_EQ(got, (std::vector<uint64_t>{1, 2, 1001, 1002}));
    outbox.Close();
    EXPECT_FALSE(outbox.Take().has_value());
    outbox.Push(Numbered(3));  // ignored: no stream
  }
}

TEST(Outbox, ThreadsLoseNothing) {
  const FakeClock clock(absl::UnixEpoch());
  std::atomic<uint64_t> last{0};
  Outbox outbox(
      [&](uint64_t after) -> std::optional<Outbox::Numbered> {
        if (after >= last) return std::nullopt;
        return Outbox::Numbered{after + 1, Numbered(after + 1)};
      },
      &clock);
  outbox.Open(v1::AgentMessage());
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) {
      ++last;
      outbox.Wake();
      if (i % 10 == 0) outbox.Push(Numbered(100'000));
    }
  });
  uint64_t reports = 0, answers = 0;
  while (reports < 1000 || answers < 100) {
    const uint64_t nonce = outbox.Take()->ack().nonce();
    if (nonce == 100'000) ++answers;
    if (nonce > 0 && nonce < 100'000) {
      EXPECT_EQ(nonce, ++reports);
    }
  }
  producer.join();
}

// Every look at it takes a millisecond: a waiting thread sees time go by.
class TickingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Milliseconds(looks_.fetch_add(1));
  }

 private:
  mutable std::atomic<int64_t> looks_{0};
};

std::optional<Outbox::Numbered> AlwaysOneMore(uint64_t after) {
  return Outbox::Numbered{after + 1, Numbered(1000 + after + 1)};
}

TEST(Outbox, AThrottleSpacesReportsButNoAnswer) {
  const TickingClock clock;
  Outbox outbox(AlwaysOneMore, &clock);
  outbox.Open(Numbered(1));
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1u);
  constexpr absl::Duration kInterval = absl::Milliseconds(15);
  outbox.Throttle(kInterval);
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1001u);
  absl::Time last = clock.Now();
  outbox.Push(Numbered(2));
  EXPECT_EQ(outbox.Take()->ack().nonce(), 2u);
  EXPECT_LT(clock.Now() - last, kInterval);
  for (uint64_t n = 1002; n < 1005; ++n) {
    EXPECT_EQ(outbox.Take()->ack().nonce(), n);
    const absl::Time now = clock.Now();
    EXPECT_GE(now - last, kInterval - absl::Milliseconds(2)) << "two looks of our own";
    last = now;
  }
}

TEST(Outbox, AThrottleIsBoundedAndEndsWithZeroOrTheStream) {
  FakeClock clock(absl::UnixEpoch());
  Outbox outbox(AlwaysOneMore, &clock);
  outbox.Open(Numbered(1));
  outbox.Take();
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1001u);
  outbox.Throttle(absl::Hours(1000));
  clock.Advance(limits::kMaxReportInterval);
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1002u);
  outbox.Throttle(absl::ZeroDuration());
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1003u);
  outbox.Throttle(absl::Minutes(1));
  outbox.Close();
  outbox.Open(Numbered(1));
  outbox.Take();
  EXPECT_EQ(outbox.Take()->ack().nonce(), 1001u);
}

TEST(PendingAnswers, EachIsAnsweredOnceAndCandidatesFailClosed) {
  std::vector<std::pair<int, bool>> sent;
  PendingAnswers pending([&](int fd, bool allow) { sent.emplace_back(fd, allow); });
  const absl::Time t = absl::UnixEpoch();
  pending.Add(1, t);
  pending.Add(2, t);
  pending.Add(3, t + absl::Seconds(1));
  pending.MarkCandidate(2);
  EXPECT_EQ(pending.Expire(t - absl::Nanoseconds(1)), 0);
  EXPECT_EQ(pending.Expire(t), 2);
  EXPECT_FALSE(pending.Answer(2, true)) << "the watchdog was first";
  EXPECT_TRUE(pending.Answer(3, false));
  EXPECT_FALSE(pending.Answer(3, true));
  EXPECT_FALSE(pending.Answer(9, true)) << "unknown";
  for (int fd : {1, 2, 3}) pending.Finish(fd);
  pending.Add(4, t);
  pending.AllowAll();
  EXPECT_EQ(sent,
            (std::vector<std::pair<int, bool>>{{1, true}, {2, false}, {3, false}, {4, true}}));
}

TEST(PendingAnswers, DeciderAndWatchdogNeverBothAnswer) {
  std::atomic<int> sent{0};
  PendingAnswers pending([&](int, bool) { ++sent; });
  std::atomic<bool> stop{false};
  std::thread watchdog([&] {
    while (!stop) pending.Expire(absl::InfiniteFuture());
  });
  for (int i = 0; i < 20'000; ++i) {
    pending.Add(i, absl::UnixEpoch());
    pending.Answer(i, true);
    pending.Finish(i);
  }
  stop = true;
  watchdog.join();
  EXPECT_EQ(sent, 20'000);
}

}  // namespace
}  // namespace muster::agent
