// Shared proofs, asked for from many threads; built under TSan by tests/run.sh.
#include "controller/flow/log_continuity.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "common/log_limits.h"

namespace muster {
namespace {

using Path = LogContinuity::Path;

TEST(LogContinuity, EachProofIsReadOnceAndTheNewestAreKept) {
  std::map<uint64_t, int> reads;
  const LogContinuity log(1'000'000, [&](uint64_t from) -> absl::StatusOr<Path> {
    ++reads[from];
    return Path{std::to_string(from)};
  });
  EXPECT_EQ(log.From(0), nullptr);
  EXPECT_EQ(log.From(1'000'001), nullptr);
  EXPECT_EQ(*log.From(7), Path{"7"});
  EXPECT_EQ(log.From(7), log.From(7));
  EXPECT_EQ(*log.From(1'000'000), Path{"1000000"});
  EXPECT_EQ(reads, (std::map<uint64_t, int>{{7, 1}, {1'000'000, 1}}));
  // One device after another with a wish of its own pushes out the oldest, and no more.
  for (uint64_t from = 100; from < 100 + limits::kMaxConsistencyCache - 1; ++from) log.From(from);
  log.From(1'000'000);
  EXPECT_EQ(reads[1'000'000], 1);
  log.From(7);
  EXPECT_EQ(reads[7], 2);
  log.From(1'000'000);
  EXPECT_EQ(reads[1'000'000], 2);
}

TEST(LogContinuity, WhatCouldNotBeReadIsReadAgain) {
  int reads = 0;
  const LogContinuity log(9, [&](uint64_t) -> absl::StatusOr<Path> {
    if (++reads == 1) return absl::UnavailableError("the disk");
    return Path{"proof"};
  });
  EXPECT_EQ(log.From(3), nullptr);
  EXPECT_EQ(*log.From(3), Path{"proof"});
  EXPECT_EQ(log.From(3), log.From(3));
  EXPECT_EQ(reads, 2);
}

TEST(LogContinuity, ManyThreads) {
  constexpr uint64_t kFroms = 50;
  std::atomic<int> reads = 0;
  const LogContinuity log(kFroms, [&](uint64_t from) -> absl::StatusOr<Path> {
    ++reads;
    return Path{std::to_string(from)};
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        for (uint64_t from = 1; from <= kFroms; ++from) {
          EXPECT_EQ(*log.From(from), Path{std::to_string(from)});
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(reads.load(), kFroms);
}

}  // namespace
}  // namespace muster
