// The stream of a bridge, from both ends: anything that a bridge could say for its phones, into the
// controller's sessions and their one stream; and anything that a controller could say to a bridge,
// into its sessions. Nothing crashes, at most one write is in flight, what is kept or sent can be
// read again, and neither end grows beyond what it was told.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bridge/flow/sessions.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/attacks/tenant.h"
#include "tests/bridge/memory_bridge_store.h"
#include "tests/fuzz/controller_play.h"

namespace {

namespace v1 = muster::v1;
using muster::attacks::kStart;
using muster::attacks::Tenant;
using muster::attacks::TestKey;
using muster::fuzz::kBridge;
using muster::fuzz::kBytesPerStep;
using muster::fuzz::kSteps;
using muster::fuzz::PhoneId;
using muster::fuzz::Require;
using muster::fuzz::RequireReadable;
using muster::fuzz::SomeDevice;
using muster::fuzz::UemId;

// A bridge with two phones.
class BridgePlayer {
 public:
  explicit BridgePlayer(FuzzedDataProvider& in) : in_(in) {
    // Reading the keys of a root costs more than all else.
    static const std::string* const enrolled = new std::string(Enrolled());
    Require(store_.Write(muster::agent::kAcceptedFile, *enrolled).ok());
    Require(store_.Commit().ok());
    Boot();
  }

  void Play() {
    int step = 0;
    for (; step < kSteps && in_.remaining_bytes() > 0; ++step) {
      switch (in_.ConsumeIntegralInRange<int>(0, 9)) {
        case 0:
        case 1:
        case 2:
        case 3:
        case 4:
          Hear();
          break;
        case 5:
          clock_.Advance(absl::Minutes(in_.ConsumeIntegralInRange<int>(-100, 3'000)));
          sessions_->Tick();
          break;
        case 6:
          Tell();
          break;
        case 7:
          sessions_->Leave(PhoneId(UemId(in_)));
          break;
        case 8:
          store_.commit_error =
              in_.ConsumeBool() ? absl::ResourceExhaustedError("full") : absl::OkStatus();
          break;
        case 9:
          Boot();
          break;
      }
      Check();
    }
    if (step < 8) return;  // a start costs as much as many steps
    store_.commit_error = absl::OkStatus();
    Boot();  // whatever was kept is good enough for one
    Check();
  }

 private:
  // Made once: its log is signed.
  static const Tenant& First() {
    static const auto* const first = new Tenant();
    return *first;
  }
  static std::string Enrolled() {
    const v1::SignedDoc root = First().SignedRoot(1);
    const auto verified = muster::VerifyRoot(root, nullptr, "agency", {}, kStart);
    Require(verified.ok());
    return muster::agent::FirstState(root, *verified).SerializeAsString();
  }

  void Boot() {
    sessions_.reset();
    store_.Crash();
    muster::bridge::SessionEvents events;
    events.policy = [](const std::string&, const auto& policy) { Require(policy != nullptr); };
    sessions_ = std::make_unique<muster::bridge::Sessions>(
        muster::bridge::BridgeIdentity{"agency", kBridge, TestKey("device").key_id(), "i"},
        TestKey("device"), &store_, &clock_, std::move(events));
    Require(sessions_->Load().ok());
    for (const char* uem_id : {"u-0", "u-1"}) {
      v1::PhoneIdentity phone;
      phone.set_uem_id(uem_id);
      phone.set_platform(v1::Platform::IOS);
      sessions_->Add(phone, PhoneId(uem_id));
    }
    sessions_->outbox().Open(sessions_->MakeHello());
    sessions_->OnConnected();
    sent_ = 0;
  }

  void Hear() {
    v1::ControllerMessage message;
    if (in_.ConsumeIntegralInRange<int>(0, 3) == 0) {
      if (!message.ParseFromString(in_.ConsumeRandomLengthString(512))) return;
    } else {
      message = Plausible();
    }
    v1::ControllerMessage received;
    if (received.ParseFromString(message.SerializeAsString())) sessions_->OnMessage(received);
  }

  v1::ControllerMessage Plausible() {
    v1::ControllerMessage out;
    const std::string id = SomeDevice(in_);
    out.set_device_id(id);
    const uint64_t version = in_.ConsumeIntegralInRange<uint64_t>(1, 3);
    switch (in_.ConsumeIntegralInRange<int>(0, 6)) {
      case 0:
        *out.mutable_update()->add_documents() = Assignment(id, version);
        break;
      case 1:
        *out.mutable_update()->add_documents() = Cohort(version);
        break;
      case 2:
        *out.mutable_update()->add_documents() =
            in_.ConsumeBool() ? tenant_.SignedDeny(version) : tenant_.SignedRoot(version);
        break;
      case 3:
        for (const auto& [sha256, chunk] : tenant_.chunks) *out.mutable_chunk() = chunk;
        break;
      case 4:
        *out.mutable_beacon() =
            tenant_.Beacon(version, {Tenant::LeafOf(Assignment(PhoneId(UemId(in_)), version))});
        break;
      case 5:
        out.mutable_report_ack()->set_seq(in_.ConsumeIntegralInRange<uint64_t>(0, 99));
        out.mutable_report_ack()->set_sha256(in_.ConsumeRandomLengthString(64));
        break;
      case 6:
        out.mutable_refusal()->set_message(in_.ConsumeRandomLengthString(6'000));
        break;
    }
    return out;
  }
  v1::SignedDoc Cohort(uint64_t version) {
    return tenant_.SignedCohort(version, [](v1::CohortPolicy& cohort) {
      cohort.mutable_header()->set_name("cohort/ios");
      cohort.set_platform(v1::Platform::IOS);
    });
  }
  v1::SignedDoc Assignment(const std::string& id, uint64_t version) {
    return tenant_.SignedAssignment(version, [&](v1::DeviceAssignment& assignment) {
      assignment.mutable_header()->set_name(muster::AssignmentName(id));
      assignment.set_device_id(id);
      assignment.set_cohort("cohort/ios");
    });
  }

  void Tell() {
    v1::Report body;
    if (in_.ConsumeBool()) {
      body.mutable_phone()->mutable_facts()->set_os(in_.ConsumeRandomLengthString(40));
    } else {
      body.mutable_policy();
    }
    sessions_->Report(SomeDevice(in_), std::move(body)).IgnoreError();
  }

  // Takes what leaves, and looks at it and at what was kept.
  void Check() {
    sessions_->Flush().IgnoreError();
    v1::AgentMessage end;
    end.mutable_ack()->set_name("end");
    sessions_->outbox().Push(end);
    for (size_t n = 0;; ++n) {
      const auto next = sessions_->outbox().Take();
      if (!next || next->ack().name() == "end") break;
      Require(n < 64 * kSteps);
      RequireReadable(*next);
    }
    while (const auto next = sessions_->reports().Next(sent_)) {
      sent_ = next->seq;
      v1::Report report;
      Require(report.ParseFromString(next->message.report().payload()));
      Require(report.device_id() ==
              (next->message.device_id().empty() ? kBridge : next->message.device_id()));
    }
    Require(sessions_->size() <= 2 && sessions_->alarms().size() <= muster::limits::kMaxAlarms);
    v1::BridgeReport report;
    report.set_last_error(sessions_->last_error());
    RequireReadable(report);
    size_t kept = 0;
    for (const auto& [name, bytes] : store_.committed()) kept += bytes.size();
    Require(kept <= kSteps * kBytesPerStep);
  }

  FuzzedDataProvider& in_;
  Tenant tenant_ = First();
  muster::FakeClock clock_{kStart};
  muster::bridge::MemoryBridgeStore store_;
  uint64_t sent_ = 0;
  std::unique_ptr<muster::bridge::Sessions> sessions_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // It would say so of every string that is no UTF-8.
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider in(data, size);
  if (in.ConsumeBool()) {
    muster::fuzz::ControllerPlayer(in).Play();
  } else {
    BridgePlayer(in).Play();
  }
  return 0;
}
