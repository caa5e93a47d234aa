// A controller that hears anything that a bridge could say, while its hub does what it does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "common/limits.h"
#include "controller/flow/bridge_stream.h"
#include "controller/flow/records.h"
#include "tests/attacks/tenant.h"
#include "tests/fuzz/bridge_play.h"
#include "tests/fuzz/memory_store.h"

namespace muster::fuzz {

using attacks::TestKey;

class Wire final : public DeviceSink {
 public:
  void Write(Frame frame) override {
    Require(!writing);
    writing = true;
    v1::ControllerMessage message;
    Require(message.ParseFromString(frame.head + (frame.body ? *frame.body : "")));
    Require(message.message_case() != v1::ControllerMessage::MESSAGE_NOT_SET);
    Require(message.device_id().size() <= limits::kMaxTicketBytes);
  }
  void Close(const absl::Status& why) override {
    Require(!why.ok());
    over = true;
  }
  void Cancel(const absl::Status& why) override { Close(why); }

  bool writing = false, over = false;
};

class CountingEntropy final : public Entropy {
 public:
  std::string Bytes(size_t n) override { return std::string(n, static_cast<char>(++count_)); }

 private:
  uint8_t count_ = 0;
};

// A controller, with one bridge enrolled and one person who may own phones.
class ControllerPlayer {
 public:
  explicit ControllerPlayer(FuzzedDataProvider& in) : in_(in) {
    settings_.tenant = "agency";
    Mutation first;
    v1::Device bridge;
    bridge.set_device_id(kBridge);
    bridge.set_state(v1::Device::ENROLLED);
    bridge.set_bridge(true);
    bridge.set_certificate_key_sha256(TestKey("device").key_id());
    bridge.set_certificate_spki(absl::BytesToHexString(TestKey("device").spki()));
    first.puts.push_back({DeviceKey(kBridge), bridge.SerializeAsString()});
    v1::Person alice;
    alice.set_person_id("id-alice");
    alice.set_upn("alice@agency.test");
    alice.set_enabled(true);
    first.puts.push_back({PersonKey("id-alice"), alice.SerializeAsString()});
    first.puts.push_back({UpnKey(alice.upn()), "id-alice"});
    Require(store_.Commit(std::move(first)).ok());
    begin_ = store_.bytes();
    Connect();
  }

  void Play() {
    size_t said = 0;
    for (int step = 0; step < kSteps && in_.remaining_bytes() > 0; ++step) {
      switch (in_.ConsumeIntegralInRange<int>(0, 7)) {
        case 0:
        case 1:
        case 2:
        case 3:
          said += Say();
          break;
        case 4:
          if (wire_->writing) Taken();
          break;
        case 5:
          clock_.Advance(absl::Seconds(in_.ConsumeIntegralInRange<int>(0, 4'000)));
          hub_.Sweep();
          break;
        case 6:
          hub_.Disconnect(SomeDevice(in_), absl::PermissionDeniedError("retired"));
          break;
        case 7:
          Connect();
          break;
      }
      if (wire_->over) Connect();
      Require(store_.bytes() <= begin_ + 8 * said + kSteps * kBytesPerStep);
      Require(hub_.size() <= 8);  // the bridge, and the phones there can be
    }
    // Nothing that waits makes more of itself.
    int writes = 0;
    for (; wire_->writing && !wire_->over; ++writes) Taken();
    Require(writes <= 8 * kSteps);
    stream_->OnClosed();
    Require(hub_.size() == 0);
  }

 private:
  void Connect() {
    if (stream_ != nullptr) stream_->OnClosed();
    wire_ = std::make_shared<Wire>();
    stream_ = std::make_unique<BridgeStream>(services_, hub_, instances_);
    Require(
        stream_->Open({kBridge, TestKey("device").key_id(), absl::InfiniteFuture(), "test"}, wire_)
            .ok());
    if (in_.ConsumeIntegralInRange<int>(0, 7) == 0) return;  // it says nothing
    v1::AgentMessage hello;
    hello.mutable_hello()->set_instance_id("i");
    Require(stream_->OnMessage(hello).ok());
  }
  void Taken() {
    wire_->writing = false;
    stream_->OnWriteDone();
  }

  size_t Say() {
    v1::AgentMessage message;
    if (in_.ConsumeIntegralInRange<int>(0, 3) == 0) {
      if (!message.ParseFromString(in_.ConsumeRandomLengthString(512))) return 0;
    } else {
      message = Plausible();
    }
    // As from the wire: what no receiver could read never gets here.
    v1::AgentMessage received;
    const std::string bytes = message.SerializeAsString();
    if (!received.ParseFromString(bytes)) return 0;
    if (!stream_->OnMessage(received).ok()) Connect();
    return bytes.size();
  }

  v1::AgentMessage Plausible() {
    v1::AgentMessage out;
    out.set_device_id(SomeDevice(in_));
    switch (in_.ConsumeIntegralInRange<int>(0, 5)) {
      case 0:
        SayHello(out);
        break;
      case 1:
        out.mutable_ack()->set_name(in_.ConsumeRandomLengthString(16));
        out.mutable_ack()->set_applied_sha256(in_.ConsumeRandomLengthString(64));
        break;
      case 2:
        out.mutable_nack()->set_name("cohort/ios");
        out.mutable_nack()->set_code(in_.ConsumeRandomLengthString(16));
        out.mutable_nack()->set_detail(in_.ConsumeRandomLengthString(64));
        break;
      case 3:
        out.mutable_need()->add_chunks(in_.ConsumeRandomLengthString(64));
        break;
      case 4:
        out.mutable_leave();
        break;
      case 5:
        *out.mutable_report() = Report(out.device_id());
        break;
    }
    return out;
  }

  void SayHello(v1::AgentMessage& out) {
    v1::Hello& hello = *out.mutable_hello();
    hello.set_report_seq(in_.ConsumeIntegralInRange<uint64_t>(0, 9));
    if (in_.ConsumeBool()) hello.set_audit_root(in_.ConsumeRandomLengthString(33));
    hello.set_audit_size(hello.audit_root().size());
    v1::PhoneIdentity& phone = *hello.mutable_phone();
    phone.set_uem_id(UemId(in_));
    phone.set_platform(in_.ConsumeBool() ? v1::Platform::IOS : v1::Platform::ANDROID);
    phone.set_user_name(in_.ConsumeBool() ? "alice@agency.test"
                                          : in_.ConsumeRandomLengthString(600));
    phone.set_name(in_.ConsumeRandomLengthString(300));
    out.set_device_id(PhoneId(phone.uem_id()));
  }

  // In turn or not; by the bridge's key, or another one.
  v1::SignedDoc Report(const std::string& device_id) {
    v1::Report report;
    report.set_device_id(device_id);
    report.set_seq(in_.ConsumeIntegralInRange<uint64_t>(1, 12));
    switch (in_.ConsumeIntegralInRange<int>(0, 5)) {
      case 0:
        FillPhone(*report.mutable_phone());
        break;
      case 1: {
        v1::InventoryItem& item = *report.mutable_inventory()->add_installed();
        item.set_package_id(in_.ConsumeRandomLengthString(40));
        item.set_app_id(in_.ConsumeRandomLengthString(8));
        break;
      }
      case 2:
        report.mutable_status()->add_cannot_enforce(in_.ConsumeRandomLengthString(2'000));
        report.mutable_status()->add_tampering()->set_what(in_.ConsumeRandomLengthString(40));
        report.mutable_status()->set_kernel(in_.ConsumeRandomLengthString(300));
        break;
      case 3:
        report.mutable_policy()->add_canaries()->set_detail(in_.ConsumeRandomLengthString(40));
        report.mutable_policy()->add_documents()->set_name("cohort/ios");
        break;
      case 4:
        report.mutable_bridge()->set_last_error(in_.ConsumeRandomLengthString(600));
        report.mutable_bridge()->add_group_problems(in_.ConsumeRandomLengthString(600));
        break;
      case 5:
        if (!report.MergeFromString(in_.ConsumeRandomLengthString(512))) report.Clear();
        break;
    }
    return attacks::By(report, {in_.ConsumeIntegralInRange<int>(0, 7) == 0 ? "device2" : "device"});
  }

  void FillPhone(v1::PhoneReport& phone) {
    phone.mutable_facts()->set_enrolment(
        static_cast<v1::PhoneFacts::Enrolment>(in_.ConsumeIntegralInRange<int>(0, 5)));
    phone.mutable_facts()->set_os(in_.ConsumeRandomLengthString(600));
    for (int i = in_.ConsumeIntegralInRange<int>(0, 3); i > 0; --i) {
      v1::PhoneApp& app = *phone.add_apps();
      app.set_app_id(in_.ConsumeBool() ? "whatsapp" : in_.ConsumeRandomLengthString(90));
      app.set_state(static_cast<v1::PhoneApp::State>(in_.ConsumeIntegralInRange<int>(0, 5)));
      app.set_why(in_.ConsumeRandomLengthString(600));
    }
  }

  FuzzedDataProvider& in_;
  FakeClock clock_{attacks::kStart};
  MemoryStore store_;
  CountingEntropy entropy_;
  Work work_;
  Settings settings_;
  const Services services_{store_, clock_, entropy_, work_, settings_};
  DeviceHub hub_{clock_};
  InstanceWatch instances_;
  size_t begin_ = 0;
  std::shared_ptr<Wire> wire_;
  std::unique_ptr<BridgeStream> stream_;
};

}  // namespace muster::fuzz
