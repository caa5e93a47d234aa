// One stream of one agent, without its transport: who it is, what it says, what it gets.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/device_reports.h"
#include "controller/flow/services.h"
#include "muster/v1/device_service.pb.h"

namespace muster {

// What the transport proved about the other end.
struct DevicePeer {
  std::string device_id;
  std::string key_sha256;  // of the certificate's SPKI, lowercase hex
  absl::Time certificate_not_after;
  std::string from;            // address
  std::string bridge_id = {};  // of a phone: the bridge whose certificate this is
};

// PERMISSION_DENIED: the device is retired, or is not this bridge's phone; UNAUTHENTICATED: it was
// enrolled with another key; NOT_FOUND. Asked for every stream and call, so that a resumed TLS
// session changes nothing.
absl::Status CheckEnrolled(const Services& services, const DevicePeer& peer);

// Thread-compatible but for OnWriteDone and OnClosed, which may come from any thread. Any status
// but ok ends the stream with it.
class DeviceSession {
 public:
  DeviceSession(const Services& services, DeviceHub& hub, InstanceWatch& instances)
      : services_(services), hub_(hub), instances_(instances) {}

  absl::Status Open(const DevicePeer& peer, std::shared_ptr<DeviceSink> sink);
  absl::Status OnMessage(const v1::AgentMessage& message);
  void OnWriteDone();
  void OnClosed();
  const std::string& device_id() const { return peer_.device_id; }

 private:
  absl::Status OnHello(const v1::Hello& hello);
  void AckLast(const ReportOutcome& last);
  // What it has not yet said it holds.
  absl::Status OfferReceipts(const Snapshot& snapshot);

  const Services& services_;
  DeviceHub& hub_;
  InstanceWatch& instances_;
  DevicePeer peer_;
  std::atomic<DeviceHub::StreamId> stream_ = 0;
};

}  // namespace muster
