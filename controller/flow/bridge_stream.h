// One stream as the transport has it: of a device, or of a bridge with all its phones. Knows no
// transport.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "controller/flow/device_session.h"
#include "controller/flow/phones.h"
#include "controller/flow/stream_mux.h"

namespace muster {

// Thread-compatible but for OnWriteDone, which may come from any thread. Any status but ok ends
// the whole stream with it. What goes wrong with one phone ends that phone's part alone, by a
// Refusal that names it.
class BridgeStream {
 public:
  BridgeStream(const Services& services, DeviceHub& hub, InstanceWatch& instances);
  ~BridgeStream();

  // As DeviceSession::Open. The end of a bridge's certificate, and its retirement, end its phones'
  // parts with it.
  absl::Status Open(const DevicePeer& peer, std::shared_ptr<DeviceSink> wire);
  // PERMISSION_DENIED: a certificate that is no bridge's names another device.
  absl::Status OnMessage(const v1::AgentMessage& message);
  void OnWriteDone();
  void OnClosed();
  const std::string& device_id() const { return peer_.device_id; }

 private:
  struct Phone {
    std::shared_ptr<DeviceSession> session;
    std::shared_ptr<StreamPart> part;
  };

  absl::Status OnPhoneMessage(const v1::AgentMessage& message);
  // Its Hello: registers it and begins its part, or begins that again.
  absl::Status Begin(const std::string& device_id, const v1::Hello& hello);
  absl::Status OpenPart(const std::string& device_id);
  absl::Status OnStranger(const std::string& device_id);
  absl::Status Refuse(const std::string& device_id, const absl::Status& why);
  void Leave(const std::string& device_id);
  PhoneVoice voice() const { return {peer_.device_id, peer_.from}; }

  const Services& services_;
  DeviceHub& hub_;
  InstanceWatch& instances_;
  DevicePeer peer_;
  std::shared_ptr<DeviceSession> own_;
  std::shared_ptr<StreamMux> mux_;  // null: no bridge
  PhoneRegistrar registrar_;
  std::map<std::string, Phone> phones_;  // at most limits::kMaxPhones
};

}  // namespace muster
