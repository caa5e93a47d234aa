#include "controller/flow/bridge_stream.h"

#include <utility>

#include "common/limits.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/lookup.h"

namespace muster {

BridgeStream::BridgeStream(const Services& services, DeviceHub& hub, InstanceWatch& instances)
    : services_(services),
      hub_(hub),
      instances_(instances),
      own_(std::make_shared<DeviceSession>(services, hub, instances)),
      registrar_(services) {}

// Parts and stream hold each other for as long as something waits to be written.
BridgeStream::~BridgeStream() {
  if (mux_ != nullptr) mux_->OnClosed();
}

absl::Status BridgeStream::Open(const DevicePeer& peer, std::shared_ptr<DeviceSink> wire) {
  peer_ = peer;
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*services_.store.Read(), peer.device_id));
  if (!device.value.bridge()) return own_->Open(peer, std::move(wire));
  mux_ = std::make_shared<StreamMux>(services_.clock, std::move(wire));
  return own_->Open(peer, std::make_shared<StreamPart>(mux_, "", own_));
}

absl::Status BridgeStream::OnMessage(const v1::AgentMessage& message) {
  if (message.device_id().empty() || message.device_id() == peer_.device_id) {
    return own_->OnMessage(message);
  }
  if (mux_ == nullptr) {
    return absl::PermissionDeniedError(
        absl::StrCat("this certificate speaks for ", peer_.device_id, " alone, not for '",
                     Shortened(message.device_id(), limits::kMaxTicketBytes), "'"));
  }
  return OnPhoneMessage(message);
}

absl::Status BridgeStream::OnPhoneMessage(const v1::AgentMessage& message) {
  const std::string& id = message.device_id();
  if (message.has_hello()) {
    absl::Status begun = Begin(id, message.hello());
    if (begun.ok()) begun = phones_.at(id).session->OnMessage(message);
    return begun.ok() ? begun : Refuse(id, begun);
  }
  const auto it = phones_.find(id);
  if (it == phones_.end()) return OnStranger(id);
  // It was told why; what it sent before it heard that is past.
  if (it->second.part->closed()) return absl::OkStatus();
  const absl::Status status = message.has_leave() ? RecordLeave(services_, voice(), id)
                                                  : it->second.session->OnMessage(message);
  if (!status.ok()) return Refuse(id, status);
  if (message.has_leave()) Leave(id);
  return absl::OkStatus();
}

absl::Status BridgeStream::Begin(const std::string& device_id, const v1::Hello& hello) {
  const absl::Status known = registrar_.Hello(voice(), device_id, hello);
  if (absl::IsPermissionDenied(known)) {
    MUSTER_ASSIGN_OR_RETURN(const bool own,
                            IsPhoneOf(*services_.store.Read(), peer_.device_id, device_id));
    if (!own) MUSTER_RETURN_IF_ERROR(RecordForeignVoice(services_, voice(), device_id));
  }
  MUSTER_RETURN_IF_ERROR(known);
  const auto it = phones_.find(device_id);
  if (it != phones_.end() && !it->second.part->closed()) return absl::OkStatus();
  return OpenPart(device_id);
}

absl::Status BridgeStream::OpenPart(const std::string& device_id) {
  Phone phone;
  phone.session = std::make_shared<DeviceSession>(services_, hub_, instances_);
  phone.part = std::make_shared<StreamPart>(mux_, device_id, phone.session);
  // The bridge's own part ends with the certificate, and all of them with that.
  const DevicePeer peer = {device_id, peer_.key_sha256, absl::InfiniteFuture(), peer_.from,
                           peer_.device_id};
  MUSTER_RETURN_IF_ERROR(phone.session->Open(peer, phone.part));
  phones_[device_id] = std::move(phone);
  return absl::OkStatus();
}

// A device that has not said Hello on this stream.
absl::Status BridgeStream::OnStranger(const std::string& device_id) {
  const absl::StatusOr<bool> own = IsPhoneOf(*services_.store.Read(), peer_.device_id, device_id);
  if (!own.ok()) return Refuse(device_id, own.status());
  if (*own) {
    return Refuse(device_id, absl::FailedPreconditionError(absl::StrCat(
                                 "phone ", device_id, " has not said Hello on this stream")));
  }
  MUSTER_RETURN_IF_ERROR(RecordForeignVoice(services_, voice(), device_id));
  return Refuse(device_id, absl::PermissionDeniedError(absl::StrCat(
                               "bridge ", peer_.device_id, " may not speak for this device")));
}

absl::Status BridgeStream::Refuse(const std::string& device_id, const absl::Status& why) {
  const auto it = phones_.find(device_id);
  if (it != phones_.end() && !it->second.part->closed()) {
    it->second.part->Close(why);
    return absl::OkStatus();
  }
  // As it was named, so that the bridge knows its own mistake; not at any length.
  const std::string named = Shortened(device_id, limits::kMaxTicketBytes);
  if (mux_->Refuse(named, why)) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "too many devices were refused on this stream, and the bridge does not read the answers");
}

void BridgeStream::Leave(const std::string& device_id) {
  const auto it = phones_.find(device_id);
  it->second.part->End();
  it->second.session->OnClosed();
  phones_.erase(it);
}

void BridgeStream::OnWriteDone() {
  if (mux_ != nullptr) {
    mux_->OnWriteDone();
  } else {
    own_->OnWriteDone();
  }
}

void BridgeStream::OnClosed() {
  if (mux_ != nullptr) mux_->OnClosed();
  for (const auto& [id, phone] : phones_) phone.session->OnClosed();
  phones_.clear();
  own_->OnClosed();
}

}  // namespace muster
