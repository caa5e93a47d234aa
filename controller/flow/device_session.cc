#include "controller/flow/device_session.h"

#include <map>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/device_reports.h"
#include "controller/flow/lookup.h"
#include "controller/flow/receipts.h"
#include "controller/flow/trust.h"
#include "controller/flow/witness.h"

namespace muster {

absl::Status CheckEnrolled(const Services& services, const DevicePeer& peer) {
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*services.store.Read(), peer.device_id));
  if (device.value.state() != v1::Device::ENROLLED) {
    return absl::PermissionDeniedError(
        absl::StrCat("device ", peer.device_id, " is retired; enrol it again with a new token"));
  }
  if (device.value.bridge_id() != peer.bridge_id) {
    return absl::PermissionDeniedError(
        peer.bridge_id.empty()
            ? absl::StrCat(peer.device_id, " is a phone: its bridge speaks for it")
            : absl::StrCat(peer.device_id, " is not a phone of bridge ", peer.bridge_id));
  }
  if (device.value.certificate_key_sha256() != peer.key_sha256) {
    return absl::UnauthenticatedError(absl::StrCat("the certificate of ", peer.device_id,
                                                   " is not the one it was enrolled with"));
  }
  return absl::OkStatus();
}

absl::Status DeviceSession::Open(const DevicePeer& peer, std::shared_ptr<DeviceSink> sink) {
  peer_ = peer;
  MUSTER_RETURN_IF_ERROR(CheckEnrolled(services_, peer_));
  stream_ = hub_.Open(peer_.device_id, std::move(sink), peer_.certificate_not_after);
  // Once more: a device that was retired in between was not connected when it was cut off.
  absl::Status still = CheckEnrolled(services_, peer_);
  if (!still.ok()) OnClosed();
  return still;
}

absl::Status DeviceSession::OnMessage(const v1::AgentMessage& message) {
  switch (message.message_case()) {
    case v1::AgentMessage::kHello:
      return OnHello(message.hello());
    case v1::AgentMessage::kAck:
      hub_.Acked(device_id(), stream_, message.ack().name(), message.ack().applied_sha256());
      return absl::OkStatus();
    case v1::AgentMessage::kNack:
      hub_.Nacked(device_id(), stream_, message.nack().name(), message.nack().sha256());
      return RecordNack(services_, device_id(), message.nack());
    case v1::AgentMessage::kNeed:
      if (static_cast<size_t>(message.need().chunks_size()) > limits::kMaxChunks) {
        return absl::InvalidArgumentError("a Need names more chunks than a policy can have");
      }
      hub_.Need(device_id(), stream_,
                {message.need().chunks().begin(), message.need().chunks().end()});
      return absl::OkStatus();
    case v1::AgentMessage::kReport: {
      MUSTER_ASSIGN_OR_RETURN(
          const ReportOutcome outcome,
          IngestReport(services_, device_id(), message.report(), hub_.DeliveriesOf(device_id())));
      hub_.AckReport(device_id(), stream_, outcome.acked_seq, outcome.acked_sha256);
      if (outcome.of_archive) MUSTER_RETURN_IF_ERROR(OfferReceipts(*services_.store.Read()));
      return absl::OkStatus();
    }
    case v1::AgentMessage::kLeave:  // Of a phone: its bridge's stream ends this part.
    case v1::AgentMessage::MESSAGE_NOT_SET:
      return absl::OkStatus();  // A newer agent's message.
  }
  return absl::OkStatus();
}

absl::Status DeviceSession::OnHello(const v1::Hello& hello) {
  if (hello.instance_id().size() > limits::kMaxInstanceIdBytes) {
    return absl::InvalidArgumentError("the instance id is too long");
  }
  MUSTER_ASSIGN_OR_RETURN(const ReportOutcome last, RecordHello(services_, device_id(), hello));
  // Of a phone the bridge's own Hello tells.
  if (peer_.bridge_id.empty() && instances_.Returned(device_id(), hello.instance_id())) {
    MUSTER_RETURN_IF_ERROR(
        RaiseAlarm(services_, device_id(), v1::Alarm::CERTIFICATE_SHARED,
                   absl::StrCat("two agents use this device's certificate by turns, the last from ",
                                peer_.from, "; retire the device and enrol it again")));
  }
  MUSTER_RETURN_IF_ERROR(CheckSeenLog(services_, device_id(), hello));
  std::map<std::string, KnownVersion> known;
  for (const v1::KnownDocument& doc : hello.known()) {
    if (known.size() >= limits::kMaxKnownDocuments) break;
    known[doc.name()] = {doc.version(), doc.sha256()};
  }
  const auto snapshot = services_.store.Read();
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id()));
  if (device.value.bridge()) {
    // It runs no policy of its own; the audit log it watches like any device.
    hub_.Start(device_id(), stream_, "", known, {}, hello.audit_size());
    AckLast(last);
    return absl::OkStatus();
  }
  // The roots above its own one by one, then what is current. Its cohort's policy is the hub's.
  MUSTER_ASSIGN_OR_RETURN(std::vector<DocumentPtr> documents,
                          RootsAfter(*snapshot, known[kRootName].version));
  MUSTER_ASSIGN_OR_RETURN(auto current,
                          DocumentsFor(*snapshot, device.value, services_.clock.Now()));
  for (DocumentPtr& doc : current) {
    if (doc->name != CohortName(device.value.platform())) documents.push_back(std::move(doc));
  }
  hub_.Start(device_id(), stream_, CohortName(device.value.platform()), known, documents,
             hello.audit_size());
  MUSTER_RETURN_IF_ERROR(OfferReceipts(*snapshot));
  AckLast(last);
  return absl::OkStatus();
}

// An agent whose state was put back learns here where its report chain really ends.
void DeviceSession::AckLast(const ReportOutcome& last) {
  if (last.acked_seq == 0) return;
  hub_.AckReport(device_id(), stream_, last.acked_seq, last.acked_sha256);
}

absl::Status DeviceSession::OfferReceipts(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(auto pending, PendingReceipts(snapshot, device_id()));
  hub_.OfferReceipts(device_id(), std::move(pending));
  return absl::OkStatus();
}

void DeviceSession::OnWriteDone() { hub_.WriteDone(device_id(), stream_); }

void DeviceSession::OnClosed() {
  if (const auto stream = stream_.exchange(0); stream != 0) hub_.Closed(device_id(), stream);
}

}  // namespace muster
