// Driven from many threads; built under TSan by tests/run.sh.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/controller/flow/stream/fake_stream.h"

namespace muster {
namespace {

// Publishers, completions, acknowledgements and reconnects from many threads at once. The last
// offer must arrive, versions never go back within a stream, writes never overlap.
TEST(DeviceHub, ManyThreads) {
  constexpr int kDevices = 8, kVersions = 300;
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  std::atomic<bool> stop = false;
  std::vector<std::shared_ptr<FakeStream>> streams;
  std::vector<DeviceHub::StreamId> ids;
  for (int d = 0; d < kDevices; ++d) {
    streams.push_back(std::make_shared<FakeStream>());
    ids.push_back(hub.Open(std::to_string(d), streams.back(), kNever));
    hub.Start(std::to_string(d), ids.back(), "cohort/linux", {}, {});
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {  // Two publishers race each other.
    threads.emplace_back([&] {
      for (int v = 1; v <= kVersions; ++v) {
        for (int d = 0; d < kDevices; ++d) hub.Offer(std::to_string(d), Doc("assignment", v));
        hub.OfferCohort(Cohort(static_cast<uint64_t>(v)));
      }
    });
  }
  threads.emplace_back([&] {
    for (uint64_t seq = 1; seq <= kVersions; ++seq) {
      for (int d = 0; d < kDevices; ++d) {
        hub.AckReport(std::to_string(d), ids[static_cast<size_t>(d)], seq, "");
      }
      hub.Open("flapping", std::make_shared<FakeStream>(), kNever);
    }
  });
  std::thread completer([&] {
    while (!stop.load()) {
      for (int d = 0; d < kDevices; ++d) {
        const auto i = static_cast<size_t>(d);
        if (streams[i]->Complete()) hub.WriteDone(std::to_string(d), ids[i]);
      }
    }
  });
  for (auto& t : threads) t.join();
  stop = true;
  completer.join();
  for (int d = 0; d < kDevices; ++d) {
    const auto i = static_cast<size_t>(d);
    while (streams[i]->Complete()) hub.WriteDone(std::to_string(d), ids[i]);
    EXPECT_FALSE(streams[i]->overlapped());
    const Texts texts = streams[i]->Texts();
    int assignment = 0, cohort = 0;
    for (const std::string& text : texts) {
      const size_t hash = text.find('#');
      if (hash == std::string::npos) continue;
      int& last = text.starts_with("assignment") ? assignment : cohort;
      EXPECT_GT(std::stoi(text.substr(hash + 1)), last);
      last = std::stoi(text.substr(hash + 1));
    }
    EXPECT_EQ(assignment, kVersions);
    EXPECT_EQ(cohort, kVersions);
  }
}

}  // namespace
}  // namespace muster
