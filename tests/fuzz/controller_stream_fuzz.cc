// Anything an agent could say on its stream, in any order, between what the publisher does: at
// most one write is in flight, every frame is a message, and nothing is sent that is not the
// device's.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "controller/flow/device_hub.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/attacks/tenant.h"

namespace {

namespace v1 = muster::v1;
using muster::attacks::kDevice;
using muster::attacks::kStart;
using muster::attacks::Tenant;
using muster::attacks::TestKey;

void Require(bool holds) {
  if (!holds) std::abort();
}

class Sink final : public muster::DeviceSink {
 public:
  void Write(muster::Frame frame) override {
    Require(!writing);
    writing = true;
    v1::ControllerMessage message;
    Require(message.ParseFromString(frame.head + (frame.body ? *frame.body : "")));
    Require(message.message_case() != v1::ControllerMessage::MESSAGE_NOT_SET);
    if (message.has_chunk()) {
      Require(muster::Sha256Hex(message.chunk().data()) == message.chunk().sha256());
    }
    if (message.has_report_ack()) {
      Require(message.report_ack().seq() > acked);
      acked = message.report_ack().seq();
    }
    for (const v1::SignedDoc& doc : message.update().documents()) {
      const std::string name = Tenant::LeafOf(doc).name();
      Require(name == "root" || name == "emergency-deny" || name == "cohort/linux" ||
              name == muster::AssignmentName(kDevice));
    }
  }
  void Close(const absl::Status& why) override {
    Require(!why.ok());
    over = true;
  }
  void Cancel(const absl::Status& why) override { Close(why); }

  bool writing = false, over = false;
  uint64_t acked = 0;
};

class Player {
 public:
  Player(const uint8_t* data, size_t size) : in_(data, size) { Connect(); }

  void Play() {
    for (int step = 0; step < 64 && in_.remaining_bytes() > 0; ++step) {
      // The transport's last word may come late.
      if (sink_->over && in_.ConsumeBool()) {
        hub_.Closed(kDevice, stream_);
        Connect();
      }
      switch (in_.ConsumeIntegralInRange<int>(0, 6)) {
        case 0:
        case 1:
          Say();
          break;
        case 2:
          Publish();
          break;
        case 3:
          if (sink_->writing) Done();
          break;
        case 4:
          Connect();
          break;
        case 5:
          clock_.Advance(absl::Seconds(in_.ConsumeIntegralInRange<int>(0, 120)));
          hub_.Sweep();
          break;
        case 6:
          if (in_.ConsumeBool()) {
            hub_.Drain();
          } else {
            hub_.Disconnect(kDevice, absl::PermissionDeniedError("retired"));
          }
          break;
      }
    }
    // Whatever is waiting comes to an end: there is no queue that a device could make grow.
    int writes = 0;
    for (; sink_->writing; ++writes) Done();
    Require(writes <= static_cast<int>(muster::limits::kMaxChunks) + 16);
  }

 private:
  void Done() {
    sink_->writing = false;
    hub_.WriteDone(kDevice, stream_);
  }

  void Connect() {
    sink_ = std::make_shared<Sink>();
    stream_ = hub_.Open(kDevice, sink_, kStart + absl::Hours(24 * 365));
  }

  muster::DocumentPtr Share(const v1::SignedDoc& doc, bool chunks) {
    const v1::DocumentLeaf leaf = Tenant::LeafOf(doc);
    muster::Document out;
    out.name = leaf.name();
    out.epoch = leaf.epoch();
    out.version = leaf.version();
    out.sha256 = leaf.sha256();
    out.issued_at = kStart;
    out.bytes = std::make_shared<const std::string>(doc.SerializeAsString());
    for (const auto& [sha256, chunk] : tenant_.chunks) {
      if (chunks) {
        out.chunks.push_back({sha256, std::make_shared<const std::string>(chunk.data())});
      }
    }
    return std::make_shared<const muster::Document>(std::move(out));
  }

  void Publish() {
    const uint64_t version = in_.ConsumeIntegralInRange<uint64_t>(1, 9);
    switch (in_.ConsumeIntegralInRange<int>(0, 3)) {
      case 0: {
        muster::CohortPublication publication;
        publication.name = "cohort/linux";
        publication.target = Share(tenant_.SignedCohort(version), true);
        if (in_.ConsumeBool()) publication.base = Share(tenant_.SignedCohort(1), true);
        publication.cutoff = in_.ConsumeIntegral<uint64_t>();
        hub_.OfferCohort(publication);
        break;
      }
      case 1:
        hub_.Offer(kDevice, Share(tenant_.SignedAssignment(version), false));
        hub_.Offer("dev-2", Share(tenant_.SignedAssignment(version), false));
        break;
      case 2:
        hub_.OfferAll(Share(tenant_.SignedRoot(version), false));
        break;
      case 3:
        hub_.OfferAll(Share(tenant_.SignedDeny(version), false));
        break;
    }
  }

  // A message of the agent, raw or nearly right.
  void Say() {
    v1::AgentMessage message;
    if (in_.ConsumeBool()) {
      if (!message.ParseFromString(in_.ConsumeRandomLengthString(512))) return;
    } else {
      message = Plausible();
    }
    Hear(message);
  }

  v1::AgentMessage Plausible() {
    v1::AgentMessage out;
    const v1::DocumentLeaf leaf = Tenant::LeafOf(tenant_.SignedCohort(1));
    switch (in_.ConsumeIntegralInRange<int>(0, 3)) {
      case 0: {
        v1::KnownDocument* known = out.mutable_hello()->add_known();
        known->set_name(leaf.name());
        known->set_version(in_.ConsumeIntegralInRange<uint64_t>(0, 9));
        known->set_sha256(leaf.sha256());
        break;
      }
      case 1:
        out.mutable_ack()->set_name(leaf.name());
        out.mutable_ack()->set_applied_sha256(leaf.sha256());
        break;
      case 2:
        out.mutable_need();
        for (const auto& [sha256, chunk] : tenant_.chunks) out.mutable_need()->add_chunks(sha256);
        out.mutable_need()->add_chunks(in_.ConsumeRandomLengthString(64));
        break;
      case 3: {
        v1::Report report;
        report.set_device_id(kDevice);
        report.set_seq(in_.ConsumeIntegral<uint64_t>());
        *out.mutable_report() =
            muster::attacks::By(report, {in_.ConsumeBool() ? "device" : "device2"});
        break;
      }
    }
    return out;
  }

  void Hear(const v1::AgentMessage& message) {
    switch (message.message_case()) {
      case v1::AgentMessage::kLeave:
        break;
      case v1::AgentMessage::kHello: {
        std::map<std::string, muster::KnownVersion> known;
        for (const v1::KnownDocument& d : message.hello().known()) {
          known[d.name()] = {d.version(), d.sha256()};
        }
        hub_.Start(kDevice, stream_, "cohort/linux", known,
                   {Share(tenant_.SignedAssignment(1), false)});
        break;
      }
      case v1::AgentMessage::kAck:
        hub_.Acked(kDevice, stream_, message.ack().name(), message.ack().applied_sha256());
        break;
      case v1::AgentMessage::kNeed:
        hub_.Need(kDevice, stream_,
                  {message.need().chunks().begin(), message.need().chunks().end()});
        break;
      case v1::AgentMessage::kReport: {
        const auto key =
            muster::PublicKey::FromSpki(TestKey("device").spki(), muster::kEcdsaP256Sha256);
        const auto report = muster::VerifyReport(message.report(), *key, kDevice);
        if (!report.ok()) break;
        Require(message.report().signatures(0).key_id() == TestKey("device").key_id());
        hub_.AckReport(kDevice, stream_, report->seq(), "");
        break;
      }
      case v1::AgentMessage::kNack:
      case v1::AgentMessage::MESSAGE_NOT_SET:
        break;
    }
    for (const auto& [name, delivery] : hub_.DeliveriesOf(kDevice)) {
      Require(delivery.sent_at <= clock_.Now());
    }
  }

  FuzzedDataProvider in_;
  Tenant tenant_;
  muster::FakeClock clock_{kStart};
  muster::DeviceHub hub_{clock_};
  std::shared_ptr<Sink> sink_;
  muster::DeviceHub::StreamId stream_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // It would say so of every string that is no UTF-8.
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Player(data, size).Play();
  return 0;
}
