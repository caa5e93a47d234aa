// One wire for many parts, driven from many threads; built under TSan by tests/run.sh.
#include "controller/flow/stream_mux.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "common/bridge_limits.h"
#include "tests/controller/flow/stream/fake_stream.h"

namespace muster {
namespace {

// Keeps the devices of what was written.
class Wire final : public DeviceSink {
 public:
  void Write(Frame frame) override {
    MutexLock lock(&mu_);
    if (std::exchange(writing_, true)) overlapped_ = true;
    v1::ControllerMessage message;
    if (!message.ParseFromString(frame.head + (frame.body ? *frame.body : ""))) overlapped_ = true;
    written_.push_back(std::move(message));
  }
  void Close(const absl::Status&) override {}
  void Cancel(const absl::Status&) override {}
  bool Take() {
    MutexLock lock(&mu_);
    return std::exchange(writing_, false);
  }
  std::vector<v1::ControllerMessage> written() {
    MutexLock lock(&mu_);
    return written_;
  }
  bool overlapped() {
    MutexLock lock(&mu_);
    return overlapped_;
  }

 private:
  Mutex mu_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false, overlapped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<v1::ControllerMessage> written_ ABSL_GUARDED_BY(mu_);
};

class StreamMuxTest : public testing::Test {
 protected:
  std::shared_ptr<StreamPart> Part(const std::string& id) {
    return std::make_shared<StreamPart>(mux_, id, nullptr);
  }
  std::vector<std::string> Devices() {
    while (wire_->Take()) mux_->OnWriteDone();
    std::vector<std::string> out;
    for (const auto& m : wire_->written()) {
      out.push_back(m.device_id() + (m.has_refusal() ? " refused" : ""));
    }
    return out;
  }
  FakeClock clock_{kStart};
  std::shared_ptr<Wire> wire_ = std::make_shared<Wire>();
  std::shared_ptr<StreamMux> mux_ = std::make_shared<StreamMux>(clock_, wire_);
};

TEST_F(StreamMuxTest, ARefusalTakesThePlaceOfWhatWaits) {
  const auto a = Part("a"), b = Part("b"), c = Part("c");
  a->Write(ReportAckFrame(1, ""));
  b->Write(ReportAckFrame(1, ""));
  c->Write(ReportAckFrame(1, ""));
  b->Close(absl::PermissionDeniedError("no"));
  a->Close(absl::PermissionDeniedError("no"));  // while its frame is on the wire
  a->Close(absl::PermissionDeniedError("again"));
  c->End();
  b->Write(ReportAckFrame(2, ""));
  EXPECT_EQ(Devices(), std::vector<std::string>({"a", "b refused", "a refused"}));
}

TEST_F(StreamMuxTest, TheBodyOfAFrameStaysShared) {
  const auto body = std::make_shared<const std::string>(1'000, 'x');
  Part("phone")->Write(UpdateFrame(1, body));
  EXPECT_EQ(ForDevice("phone", UpdateFrame(1, body)).body, body);
}

TEST_F(StreamMuxTest, RefusalsThatNobodyReadsAreBounded) {
  size_t taken = 0;
  while (taken < 2 * limits::kMaxPendingRefusals &&
         mux_->Refuse(std::to_string(taken), absl::NotFoundError("no"))) {
    ++taken;
  }
  EXPECT_EQ(taken, limits::kMaxPendingRefusals + 1) << "one of them is on the wire";
}

TEST_F(StreamMuxTest, ManyThreads) {
  constexpr int kParts = 16, kWrites = 500;
  std::vector<std::shared_ptr<StreamPart>> parts;
  for (int i = 0; i < kParts; ++i) parts.push_back(Part(std::to_string(i)));
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 0; n < kWrites; ++n) {
        // Each part belongs to one thread, as the hub writes to one stream at a time.
        for (int i = t; i < kParts; i += 4) {
          parts[static_cast<size_t>(i)]->Write(ReportAckFrame(static_cast<uint64_t>(n + 1), ""));
        }
        if (n == kWrites / 2 && t == 3) parts[3]->Close(absl::AbortedError("over"));
      }
    });
  }
  std::thread taker([&] {
    while (!stop.load()) {
      if (wire_->Take()) mux_->OnWriteDone();
    }
  });
  for (auto& thread : threads) thread.join();
  stop = true;
  taker.join();
  while (wire_->Take()) mux_->OnWriteDone();
  EXPECT_FALSE(wire_->overlapped());
  std::map<std::string, uint64_t> last;
  int refusals = 0;
  for (const auto& m : wire_->written()) {
    if (m.has_refusal()) ++refusals;
    if (!m.has_report_ack()) continue;
    EXPECT_GT(m.report_ack().seq(), last[m.device_id()]);
    last[m.device_id()] = m.report_ack().seq();
  }
  EXPECT_EQ(refusals, 1);
  for (int i = 0; i < kParts; ++i) {
    if (i != 3) {
      EXPECT_EQ(last[std::to_string(i)], static_cast<uint64_t>(kWrites)) << i;
    }
  }
  mux_->OnClosed();
}

}  // namespace
}  // namespace muster
