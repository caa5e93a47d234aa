// A controller whose audit log a device has seen, and a stream that keeps its Beacons.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/checkpoint.h"
#include "controller/flow/beacon.h"
#include "controller/flow/device_hub.h"
#include "tests/controller/flow/world.h"

namespace muster {

// Keeps what was written; the test says when a write is done.
class KeepingSink final : public DeviceSink {
 public:
  void Write(Frame frame) override {
    v1::ControllerMessage message;
    EXPECT_TRUE(message.ParseFromString(frame.head + (frame.body ? *frame.body : "")));
    if (message.has_beacon()) beacons.push_back(message.beacon());
    writing = true;
  }
  void Close(const absl::Status& why) override { ADD_FAILURE() << why; }
  void Cancel(const absl::Status& why) override { ADD_FAILURE() << why; }
  std::vector<v1::BeaconUpdate> beacons;
  bool writing = false;
};

inline v1::Beacon BeaconIn(const v1::BeaconUpdate& update) {
  v1::Beacon out;
  EXPECT_TRUE(out.ParseFromString(update.beacon().payload()));
  return out;
}

// As a device checks it.
inline bool ProvesFrom(const LogHead& seen, const v1::BeaconUpdate& update) {
  const v1::Beacon beacon = BeaconIn(update);
  return update.audit_from() == seen.size &&
         Continues(seen.size, seen.root, beacon.audit_size(), beacon.audit_root(),
                   {update.audit_path().begin(), update.audit_path().end()});
}

class WitnessTest : public World {
 protected:
  WitnessTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    laptop_.id = EnrolDevice(laptop_.key, "alice").device.device_id();
  }

  LogHead Head() { return store_->Read()->log_head(); }
  LogHead HeadAt(uint64_t size) { return {size, *RootAt(*store_->Read(), size)}; }
  // Another entry of the log, as any commit makes it.
  void Grow(int entries = 1, Store* store = nullptr, const std::string& verb = "test.grow") {
    Mutation mutation;
    for (int i = 0; i < entries; ++i) {
      v1::AuditEntry entry;
      entry.set_verb(verb);
      entry.set_reason(absl::StrCat(++grown_));
      mutation.audit.push_back(entry);
    }
    ASSERT_TRUE((store == nullptr ? store_.get() : store)->Commit(std::move(mutation)).ok());
  }
  static v1::Hello HelloOf(const LogHead& seen, uint32_t epoch = 1) {
    v1::Hello hello;
    hello.set_audit_size(seen.size);
    hello.set_audit_root(seen.root);
    hello.set_audit_epoch(epoch);
    return hello;
  }
  v1::Device DeviceNow(Store* store = nullptr) {
    return LoadDevice(*(store == nullptr ? store_.get() : store)->Read(), laptop_.id)->value;
  }
  // "CODE detail", oldest first.
  std::vector<std::string> DeviceAlarms(Store* store = nullptr) {
    std::vector<std::string> out;
    const v1::Device device = DeviceNow(store);
    for (const v1::Alarm& alarm : device.alarms()) {
      out.push_back(absl::StrCat(v1::Alarm::Code_Name(alarm.code()), " ", alarm.detail()));
    }
    return out;
  }
  Trust TrustNow() {
    const auto doc = Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "no root");
    v1::Root root;
    EXPECT_TRUE(root.ParseFromString(doc->value.payload()));
    return *Trust::FromRoot(root);
  }
  v1::Beacon StoredBeacon() {
    v1::Beacon out;
    EXPECT_TRUE(out.ParseFromString(
        Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kBeaconName), "none")->value.payload()));
    return out;
  }
  std::string Note(const Checkpoint& head) {
    return *SignCheckpoint(head, *ReadPrivateKey(dir_.File("t/keys/log.key")));
  }
  absl::Status Report(const v1::WitnessReport& witness) {
    v1::Report report;
    *report.mutable_witness() = witness;
    return IngestReport(*services_, laptop_.id, laptop_.Sign(report), {}).status();
  }
  std::optional<v1::AuditWitness> Witness() {
    auto found = Find<v1::AuditWitness>(*store_->Read(), WitnessKey(laptop_.id));
    EXPECT_TRUE(found.ok());
    return *found ? std::optional(std::move((*found)->value)) : std::nullopt;
  }

  TestDevice laptop_;
  int grown_ = 0;
};

}  // namespace muster
