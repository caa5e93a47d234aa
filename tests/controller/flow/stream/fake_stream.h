// A transport that keeps what was written and completes a write when told.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/time_proto.h"
#include "controller/flow/device_hub.h"
#include "muster/v1/device_service.pb.h"

namespace muster {

inline const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);
inline const absl::Time kNever = absl::InfiniteFuture();

inline DocumentPtr Doc(const std::string& name, uint64_t version) {
  auto doc = std::make_shared<Document>();
  doc->name = name;
  doc->epoch = 1;
  doc->version = version;
  doc->sha256 = name + "#" + std::to_string(version);
  v1::SignedDoc signed_doc;
  signed_doc.set_payload(doc->sha256);
  doc->bytes = std::make_shared<const std::string>(signed_doc.SerializeAsString());
  return doc;
}

inline CohortPublication Cohort(uint64_t version) {
  CohortPublication out;
  out.name = "cohort/linux";
  out.target = Doc("cohort/linux", version);
  return out;
}

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
  void Cancel(const absl::Status& why) override { Close(why); }
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
      } else if (m.has_chunk()) {
        out.push_back("chunk " + m.chunk().sha256() + "=" + m.chunk().data());
      } else if (m.has_receipts()) {
        out.push_back("receipts " + std::to_string(m.receipts().receipts_size()));
      } else if (m.has_beacon()) {
        out.push_back("beacon " + std::to_string(m.beacon().proofs_size()));
      } else if (m.has_throttle()) {
        out.push_back("throttle " +
                      absl::FormatDuration(FromProto(m.throttle().report_interval())));
      } else if (m.has_drain()) {
        out.push_back("drain " + absl::FormatDuration(FromProto(m.drain().window())));
      }
    }
    return out;
  }
  std::vector<v1::BeaconUpdate> Beacons() {
    MutexLock lock(&mu_);
    std::vector<v1::BeaconUpdate> out;
    for (const auto& m : messages_) {
      if (m.has_beacon()) out.push_back(m.beacon());
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

inline void Drain(DeviceHub& hub, FakeStream& stream, DeviceHub::StreamId id) {
  while (stream.Complete()) hub.WriteDone("d", id);
}

}  // namespace muster
