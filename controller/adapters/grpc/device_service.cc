#include "controller/adapters/grpc/device_service.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "common/limits.h"
#include "controller/flow/bridge_stream.h"
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

DevicePeer PeerOf(const PeerCertificate& certificate) {
  return {certificate.id, certificate.key_sha256, certificate.not_after, certificate.from};
}

// One agent's stream. gRPC owns the callbacks' order; the hub decides what is written.
class DeviceStream final : public Reactor {
 public:
  DeviceStream(const DeviceDependencies& deps, grpc::CallbackServerContext* context)
      : d_(deps),
        session_(deps.services, deps.hub, deps.instances),
        sink_(std::make_shared<Sink>(this, context)) {
    const absl::StatusOr<PeerCertificate> peer = d_.judge.Device(*context);
    const absl::Status status = peer.ok() ? session_.Open(PeerOf(*peer), sink_) : peer.status();
    if (!status.ok()) {
      d_.log->warn("stream of {} from {} refused: {}", session_.device_id(), PeerAddress(*context),
                   status.ToString());
      sink_->Close(status);
      return;
    }
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return sink_->Close(absl::OkStatus());
    // Our last word may still wait behind a write that the agent does not take.
    if (sink_->closed()) return;
    v1::AgentMessage message;
    if (!grpc::SerializationTraits<v1::AgentMessage>::Deserialize(&incoming_, &message).ok()) {
      return sink_->Close(absl::InvalidArgumentError("not a muster.v1.AgentMessage"));
    }
    Note(message);
    const absl::Status status = session_.OnMessage(message);
    if (!status.ok()) {
      d_.log->warn("stream of {}: {}", session_.device_id(), status.ToString());
      return sink_->Close(status);
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return sink_->Close(absl::UnavailableError("the stream is broken"));
    session_.OnWriteDone();
  }

  void OnCancel() override { sink_->Close(absl::CancelledError("the agent went away")); }

  void OnDone() override {
    sink_->Detach();
    session_.OnClosed();
    delete this;
  }

 private:
  // What the hub holds: outlives the reactor, and makes sure that nothing is started on a
  // stream that has finished.
  class Sink final : public DeviceSink {
   public:
    Sink(DeviceStream* stream, grpc::CallbackServerContext* context)
        : stream_(stream), context_(context) {}
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
    void Cancel(const absl::Status& why) override {
      MutexLock lock(&mu_);
      if (stream_ == nullptr) return;
      if (!closed_) stream_->Finish(ToGrpc(why));
      closed_ = true;
      context_->TryCancel();
    }
    bool closed() {
      MutexLock lock(&mu_);
      return closed_;
    }
    void Detach() {
      MutexLock lock(&mu_);
      stream_ = nullptr;
    }

   private:
    Mutex mu_;
    DeviceStream* stream_ ABSL_GUARDED_BY(mu_);
    grpc::CallbackServerContext* const context_;  // lives as long as the stream
    bool closed_ ABSL_GUARDED_BY(mu_) = false;
  };

  // What is worth a line in the log: one line, whatever the agent writes.
  void Note(const v1::AgentMessage& message) {
    const auto text = [](const std::string& said) {
      return absl::CHexEscape(said.substr(0, limits::kMaxLoggedBytes));
    };
    // A fleet's phones say Hello by the thousand: that is not for the log.
    if (!message.device_id().empty()) return;
    if (message.has_hello()) {
      d_.log->info("{} connected, agent {}", session_.device_id(),
                   text(message.hello().agent_version()));
    } else if (message.has_nack()) {
      const v1::Nack& nack = message.nack();
      d_.log->warn("{} refused {} version {}: {} {}", session_.device_id(), text(nack.name()),
                   nack.version(), text(nack.code()), text(nack.detail()));
    }
  }

  const DeviceDependencies& d_;
  BridgeStream session_;
  const std::shared_ptr<Sink> sink_;
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
                      .from = PeerAddress(*context),
                      .bridge = in->bridge()});
    if (!enrolled.ok()) {
      d_.log->warn("enrolment from {} refused: {}", PeerAddress(*context),
                   enrolled.status().ToString());
      return ToGrpc(enrolled.status());
    }
    out->set_device_id(enrolled->device.device_id());
    out->set_certificate_pem(enrolled->certificate_pem);
    out->set_tenant(d_.services.settings.tenant);
    const auto root = Load<v1::SignedDoc>(*d_.services.store.Read(), DocumentKey(kRootName),
                                          "there is no root of trust yet");
    if (!root.ok()) return ToGrpc(root.status());
    *out->mutable_root() = root->value;
    d_.log->info("{} enrolled for {} from {}", enrolled->device.device_id(),
                 enrolled->device.owner_upn(), PeerAddress(*context));
    return grpc::Status::OK;
  }

  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* in,
                     v1::RenewResponse* out) override {
    const absl::StatusOr<PeerCertificate> peer = d_.judge.Device(*context);
    absl::Status status = peer.status();
    if (status.ok()) status = CheckEnrolled(d_.services, PeerOf(*peer));
    if (status.ok()) {
      absl::StatusOr<std::string> pem =
          RenewCertificate(d_.services, d_.ca, peer->id, in->csr(), peer->from);
      status = pem.status();
      if (pem.ok()) out->set_certificate_pem(*std::move(pem));
    }
    if (!status.ok()) {
      d_.log->warn("renewal for {} refused: {}", PeerAddress(*context), status.ToString());
    } else {
      d_.log->info("{} renewed its certificate", peer->id);
    }
    return ToGrpc(status);
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
