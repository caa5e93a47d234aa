// Driven from many threads; built under TSan by tests/run.sh.
#include "controller/flow/device_hub.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "muster/v1/device_service.pb.h"

namespace muster {
namespace {

DocumentPtr Doc(const std::string& name, uint64_t version) {
  auto doc = std::make_shared<Document>();
  doc->name = name;
  doc->version = version;
  doc->sha256 = name + "#" + std::to_string(version);
  v1::SignedDoc signed_doc;
  signed_doc.set_payload(doc->sha256);
  doc->bytes = std::make_shared<const std::string>(signed_doc.SerializeAsString());
  return doc;
}

// A transport that keeps what was written and completes a write when told.
class FakeStream final : public DeviceSink {
 public:
  void Write(Frame frame) override {
    MutexLock lock(&mu_);
    if (writing_) overlapped_ = true;
    writing_ = true;
    const std::string bytes = frame.head + (frame.body ? *frame.body : "");
    v1::ControllerMessage message;
    if (!message.ParseFromString(bytes)) overlapped_ = true;
    messages_.push_back(std::move(message));
  }
  void Close(const absl::Status& why) override {
    MutexLock lock(&mu_);
    closed_ = why.code();
  }
  // True when a write was in flight.
  bool Complete() {
    MutexLock lock(&mu_);
    return std::exchange(writing_, false);
  }
  std::vector<std::string> Texts() {
    MutexLock lock(&mu_);
    std::vector<std::string> out;
    for (const auto& m : messages_) {
      if (m.has_update()) {
        for (const auto& d : m.update().documents()) out.push_back(d.payload());
      } else if (m.has_report_ack()) {
        out.push_back("ack " + std::to_string(m.report_ack().seq()));
      }
    }
    return out;
  }
  bool overlapped() {
    MutexLock lock(&mu_);
    return overlapped_;
  }
  absl::StatusCode closed() {
    MutexLock lock(&mu_);
    return closed_;
  }

 private:
  Mutex mu_;
  std::vector<v1::ControllerMessage> messages_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool overlapped_ ABSL_GUARDED_BY(mu_) = false;
  absl::StatusCode closed_ ABSL_GUARDED_BY(mu_) = absl::StatusCode::kOk;
};

using Texts = std::vector<std::string>;

void Drain(DeviceHub& hub, FakeStream& stream, DeviceHub::StreamId id) {
  while (stream.Complete()) hub.WriteDone("d", id);
}

TEST(DeviceHub, SendsWhatTheAgentLacksInOrder) {
  DeviceHub hub;
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream);
  hub.Start("d", id, "cohort/linux", {{"cohort/linux", "cohort/linux#1"}},
            {Doc("assignment/d", 1), Doc("cohort/linux", 2), Doc("root", 1)});
  EXPECT_EQ(stream->Texts(), Texts({"root#1"}));  // One write in flight.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"root#1", "cohort/linux#2", "assignment/d#1"}));
}

TEST(DeviceHub, SendsNothingThatTheAgentHas) {
  DeviceHub hub;
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream);
  hub.Start("d", id, "cohort/linux", {{"root", "root#1"}}, {Doc("root", 1)});
  EXPECT_EQ(stream->Texts(), Texts());
  hub.Offer("d", Doc("root", 1));
  EXPECT_EQ(stream->Texts(), Texts());
}

TEST(DeviceHub, LatestWinsWhileAWriteIsInFlight) {
  DeviceHub hub;
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream);
  hub.Start("d", id, "cohort/linux", {}, {Doc("assignment/d", 1)});
  for (int v = 2; v <= 9; ++v) hub.Offer("d", Doc("assignment/d", v));
  hub.Offer("d", Doc("assignment/d", 4));  // Late and old: loses.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"assignment/d#1", "assignment/d#9"}));
}

TEST(DeviceHub, NothingIsSentBeforeHello) {
  DeviceHub hub;
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream);
  hub.Offer("d", Doc("assignment/d", 3));
  EXPECT_EQ(stream->Texts(), Texts());
  hub.Start("d", id, "cohort/linux", {}, {Doc("assignment/d", 2)});  // Loaded before the offer.
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"assignment/d#3"}));
}

TEST(DeviceHub, ReportAcksCoalesceAndYieldToDocuments) {
  DeviceHub hub;
  auto stream = std::make_shared<FakeStream>();
  const auto id = hub.Open("d", stream);
  hub.Start("d", id, "cohort/linux", {}, {Doc("root", 1)});
  for (uint64_t seq = 1; seq <= 5; ++seq) hub.AckReport("d", id, seq);
  hub.Offer("d", Doc("assignment/d", 1));
  Drain(hub, *stream, id);
  EXPECT_EQ(stream->Texts(), Texts({"root#1", "assignment/d#1", "ack 5"}));
}

TEST(DeviceHub, ANewStreamReplacesTheOldOne) {
  DeviceHub hub;
  auto old_stream = std::make_shared<FakeStream>(), new_stream = std::make_shared<FakeStream>();
  const auto old_id = hub.Open("d", old_stream);
  hub.Start("d", old_id, "cohort/linux", {}, {});
  const auto new_id = hub.Open("d", new_stream);
  EXPECT_EQ(old_stream->closed(), absl::StatusCode::kAborted);
  hub.Closed("d", old_id);  // The old one's end does not touch the new one.
  EXPECT_TRUE(hub.Connected("d"));
  hub.Start("d", new_id, "cohort/linux", {}, {Doc("root", 1)});
  EXPECT_EQ(new_stream->Texts(), Texts({"root#1"}));
  hub.Closed("d", new_id);
  EXPECT_FALSE(hub.Connected("d"));
}

TEST(DeviceHub, ACohortReachesItsOwnDevicesOnly) {
  DeviceHub hub;
  auto linux_stream = std::make_shared<FakeStream>(), ios_stream = std::make_shared<FakeStream>();
  hub.Start("l", hub.Open("l", linux_stream), "cohort/linux", {}, {});
  hub.Start("i", hub.Open("i", ios_stream), "cohort/ios", {}, {});
  hub.OfferAll(Doc("cohort/linux", 1));
  EXPECT_EQ(linux_stream->Texts(), Texts({"cohort/linux#1"}));
  EXPECT_EQ(ios_stream->Texts(), Texts());
}

// Publishers, completions, acknowledgements and reconnects from many threads at once. The last
// offer must arrive, versions never go back within a stream, writes never overlap.
TEST(DeviceHub, ManyThreads) {
  constexpr int kDevices = 8, kVersions = 300;
  DeviceHub hub;
  std::atomic<bool> stop = false;
  std::vector<std::shared_ptr<FakeStream>> streams;
  std::vector<DeviceHub::StreamId> ids;
  for (int d = 0; d < kDevices; ++d) {
    streams.push_back(std::make_shared<FakeStream>());
    ids.push_back(hub.Open(std::to_string(d), streams.back()));
    hub.Start(std::to_string(d), ids.back(), "cohort/linux", {}, {});
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {  // Two publishers race each other.
    threads.emplace_back([&] {
      for (int v = 1; v <= kVersions; ++v) {
        for (int d = 0; d < kDevices; ++d) hub.Offer(std::to_string(d), Doc("assignment", v));
        hub.OfferAll(Doc("cohort/linux", v));
      }
    });
  }
  threads.emplace_back([&] {
    for (uint64_t seq = 1; seq <= kVersions; ++seq) {
      for (int d = 0; d < kDevices; ++d) {
        hub.AckReport(std::to_string(d), ids[static_cast<size_t>(d)], seq);
      }
      hub.Open("flapping", std::make_shared<FakeStream>());
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
