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

// A Beacon over no documents whose audit log has `size` entries.
BeaconsPtr BeaconOfLog(uint64_t size) {
  v1::SignedDoc doc;
  doc.set_payload(std::to_string(size));
  return std::make_shared<const Beacons>(
      doc, MerkleTree({LeafHash("")}), std::map<std::string, Beacons::Leaf>(),
      std::make_unique<const LogContinuity>(
          size, [](uint64_t from) -> absl::StatusOr<LogContinuity::Path> {
            return LogContinuity::Path{std::to_string(from)};
          }));
}

// Each Beacon proves from the one that the device acknowledged last, whatever else goes on.
TEST(DeviceHub, ManyThreadsAndBeacons) {
  constexpr size_t kDevices = 8;
  constexpr uint64_t kBeacons = 300;
  FakeClock clock(kStart);
  DeviceHub hub(clock);
  std::atomic<bool> stop = false;
  std::vector<std::shared_ptr<FakeStream>> streams;
  std::vector<DeviceHub::StreamId> ids;
  std::vector<uint64_t> acked(kDevices, 0);
  for (size_t d = 0; d < kDevices; ++d) {
    streams.push_back(std::make_shared<FakeStream>());
    ids.push_back(hub.Open(std::to_string(d), streams.back(), kNever));
    hub.Start(std::to_string(d), ids.back(), "cohort/linux", {}, {});
  }
  const auto answer = [&](size_t d) {
    bool moved = streams[d]->Complete();
    if (moved) hub.WriteDone(std::to_string(d), ids[d]);
    const std::vector<v1::BeaconUpdate> got = streams[d]->Beacons();
    for (; acked[d] < got.size(); ++acked[d], moved = true) {
      const std::string& payload = got[acked[d]].beacon().payload();
      hub.Acked(std::to_string(d), ids[d], "beacon", Sha256Hex(payload));
    }
    return moved;
  };
  std::thread agents([&] {
    while (!stop.load()) {
      for (size_t d = 0; d < kDevices; ++d) answer(d);
    }
  });
  std::thread documents([&] {
    for (uint64_t v = 1; v <= kBeacons; ++v) {
      for (size_t d = 0; d < kDevices; ++d) hub.Offer(std::to_string(d), Doc("assignment", v));
    }
  });
  for (uint64_t size = 1; size <= kBeacons; ++size) hub.OfferBeacon(BeaconOfLog(size), true);
  documents.join();
  stop = true;
  agents.join();
  for (size_t d = 0; d < kDevices; ++d) {
    while (answer(d)) {
    }
    EXPECT_FALSE(streams[d]->overlapped());
    uint64_t seen = 0;
    for (const v1::BeaconUpdate& update : streams[d]->Beacons()) {
      EXPECT_EQ(update.audit_from(), seen);
      EXPECT_EQ(update.audit_path_size(), seen == 0 ? 0 : 1);
      seen = std::stoull(update.beacon().payload());
    }
    EXPECT_EQ(seen, kBeacons);
  }
}

}  // namespace
}  // namespace muster
