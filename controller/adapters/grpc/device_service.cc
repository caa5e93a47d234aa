#include "controller/adapters/grpc/device_service.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "common/limits.h"
#include "common/signed_doc.h"
#include "controller/flow/device_documents.h"
#include "controller/flow/device_reports.h"
#include "controller/flow/enroll.h"
#include "controller/flow/lookup.h"
#include "muster/v1/device_service.grpc.pb.h"

namespace muster {
namespace {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// The head is copied, the body only referenced until gRPC has sent it.
grpc::ByteBuffer ToByteBuffer(Frame frame) {
  grpc::Slice slices[2] = {grpc::Slice(frame.head), grpc::Slice()};
  if (frame.body == nullptr) return grpc::ByteBuffer(slices, 1);
  using Held = std::shared_ptr<const std::string>;
  auto* held = new Held(std::move(frame.body));
  slices[1] = grpc::Slice(
      const_cast<char*>((*held)->data()), (*held)->size(),
      [](void* p) { delete static_cast<Held*>(p); }, held);
  return grpc::ByteBuffer(slices, 2);
}

absl::Status CheckEnrolled(const Services& services, const PeerCertificate& peer) {
  MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*services.store.Read(), peer.id));
  if (device.value.state() != v1::Device::ENROLLED) {
    return absl::PermissionDeniedError(
        absl::StrCat("device ", peer.id, " is retired; enrol it again with a new token"));
  }
  if (device.value.certificate_key_sha256() != peer.key_sha256) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate of ", peer.id, " is not the one it was enrolled with"));
  }
  return absl::OkStatus();
}

// One agent's stream. gRPC owns the callbacks' order; the hub decides what is written.
class DeviceStream final : public Reactor {
 public:
  DeviceStream(const DeviceDependencies& deps, grpc::CallbackServerContext* context)
      : d_(deps), sink_(std::make_shared<Sink>(this)) {
    absl::StatusOr<PeerCertificate> peer = d_.judge.Device(*context);
    absl::Status status = peer.status();
    if (peer.ok()) {
      device_id_ = peer->id;
      status = CheckEnrolled(d_.services, *peer);
    }
    if (!status.ok()) {
      d_.log->warn("stream of {} from {} refused: {}", device_id_, PeerAddress(*context),
                   status.ToString());
      sink_->Close(status);
      return;
    }
    stream_ = d_.hub.Open(device_id_, sink_);
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return sink_->Close(absl::OkStatus());
    v1::AgentMessage message;
    if (!grpc::SerializationTraits<v1::AgentMessage>::Deserialize(&incoming_, &message).ok()) {
      return sink_->Close(absl::InvalidArgumentError("not a muster.v1.AgentMessage"));
    }
    const absl::Status status = Handle(message);
    if (!status.ok()) {
      d_.log->warn("stream of {}: {}", device_id_, status.ToString());
      return sink_->Close(status);
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return sink_->Close(absl::UnavailableError("the stream is broken"));
    d_.hub.WriteDone(device_id_, stream_);
  }

  void OnCancel() override { sink_->Close(absl::CancelledError("the agent went away")); }

  void OnDone() override {
    sink_->Detach();
    if (stream_ != 0) d_.hub.Closed(device_id_, stream_);
    delete this;
  }

 private:
  // What the hub holds: outlives the reactor, and makes sure that nothing is started on a
  // stream that has finished.
  class Sink final : public DeviceSink {
   public:
    explicit Sink(DeviceStream* stream) : stream_(stream) {}
    void Write(Frame frame) override {
      MutexLock lock(&mu_);
      if (stream_ == nullptr || closed_) return;
      stream_->outgoing_ = ToByteBuffer(std::move(frame));
      stream_->StartWrite(&stream_->outgoing_);
    }
    void Close(const absl::Status& why) override {
      MutexLock lock(&mu_);
      if (stream_ == nullptr || closed_) return;
      closed_ = true;
      stream_->Finish(ToGrpc(why));
    }
    void Detach() {
      MutexLock lock(&mu_);
      stream_ = nullptr;
    }

   private:
    Mutex mu_;
    DeviceStream* stream_ ABSL_GUARDED_BY(mu_);
    bool closed_ ABSL_GUARDED_BY(mu_) = false;
  };

  absl::Status Handle(const v1::AgentMessage& message) {
    switch (message.message_case()) {
      case v1::AgentMessage::kHello:
        return Greet(message.hello());
      case v1::AgentMessage::kAck:
        return RecordAck(d_.services, device_id_, message.ack().name(),
                         message.ack().applied_sha256());
      case v1::AgentMessage::kNack:
        d_.log->warn("{} refused {} version {}: {} {}", device_id_, message.nack().name(),
                     message.nack().version(), message.nack().code(), message.nack().detail());
        return RecordNack(d_.services, device_id_, message.nack().name(), message.nack().code(),
                          message.nack().detail());
      case v1::AgentMessage::kReport: {
        MUSTER_ASSIGN_OR_RETURN(const ReportOutcome outcome,
                                IngestReport(d_.services, device_id_, message.report()));
        d_.hub.AckReport(device_id_, stream_, outcome.acked_seq);
        return absl::OkStatus();
      }
      case v1::AgentMessage::MESSAGE_NOT_SET:
        return absl::OkStatus();  // A newer agent's message.
    }
    return absl::OkStatus();
  }

  absl::Status Greet(const v1::Hello& hello) {
    MUSTER_RETURN_IF_ERROR(RecordHello(d_.services, device_id_, hello.agent_version()));
    const auto snapshot = d_.services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id_));
    MUSTER_ASSIGN_OR_RETURN(const auto documents,
                            DocumentsFor(*snapshot, device.value.platform(), device_id_));
    std::map<std::string, std::string> known;
    for (const v1::KnownDocument& doc : hello.known()) {
      if (known.size() >= limits::kMaxKnownDocuments) break;
      known[doc.name()] = doc.sha256();
    }
    d_.hub.Start(device_id_, stream_, CohortName(device.value.platform()), known, documents);
    d_.log->info("{} connected, agent {}", device_id_, hello.agent_version());
    return absl::OkStatus();
  }

  const DeviceDependencies& d_;
  const std::shared_ptr<Sink> sink_;
  std::string device_id_;
  DeviceHub::StreamId stream_ = 0;
  grpc::ByteBuffer incoming_, outgoing_;
};

class DeviceServiceImpl final
    : public v1::DeviceService::WithRawCallbackMethod_Connect<v1::DeviceService::Service> {
 public:
  explicit DeviceServiceImpl(const DeviceDependencies& deps) : d_(deps) {}

  grpc::Status Enroll(grpc::ServerContext* context, const v1::EnrollRequest* in,
                      v1::EnrollResponse* out) override {
    const auto enrolled =
        EnrollDevice(d_.services, d_.ca,
                     {.token = in->token(),
                      .csr_der = in->csr(),
                      .hostname = in->hostname(),
                      .platform = in->platform(),
                      .local_accounts = {in->local_accounts().begin(), in->local_accounts().end()},
                      .from = PeerAddress(*context)});
    if (!enrolled.ok()) {
      d_.log->warn("enrolment from {} refused: {}", PeerAddress(*context),
                   enrolled.status().ToString());
      return ToGrpc(enrolled.status());
    }
    out->set_device_id(enrolled->device.device_id());
    out->set_certificate_pem(enrolled->certificate_pem);
    out->set_tenant(d_.services.settings.tenant);
    *out->mutable_root() = d_.root;
    d_.log->info("{} enrolled for {} from {}", enrolled->device.device_id(),
                 enrolled->device.owner_upn(), PeerAddress(*context));
    return grpc::Status::OK;
  }

  Reactor* Connect(grpc::CallbackServerContext* context) override {
    return new DeviceStream(d_, context);
  }

 private:
  const DeviceDependencies d_;
};

}  // namespace

std::unique_ptr<grpc::Service> NewDeviceService(const DeviceDependencies& deps) {
  return std::make_unique<DeviceServiceImpl>(deps);
}

}  // namespace muster
