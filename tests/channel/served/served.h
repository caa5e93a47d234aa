// The policy channel over real gRPC and TLS on loopback: the controller's own device service and
// server, and streams that a test speaks on message by message.
#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/mutex.h"
#include "controller/adapters/grpc/device_service.h"
#include "controller/adapters/grpc/server.h"
#include "muster/v1/device_service.grpc.pb.h"
#include "spdlog/sinks/null_sink.h"
#include "tests/agent/adapters/grpc/fake_controller.h"
#include "tests/channel/phones.h"

namespace muster {

// The doubles below count without a lock; the controller's threads come one at a time.
class OneAtATime final : public Store, public Entropy {
 public:
  OneAtATime(Store& store, Entropy& entropy) : store_(store), entropy_(entropy) {}
  std::unique_ptr<Snapshot> Read() const override { return store_.Read(); }
  absl::StatusOr<uint64_t> Commit(Mutation mutation) override {
    MutexLock lock(&mu_);
    return store_.Commit(std::move(mutation));
  }
  std::string Bytes(size_t n) override {
    MutexLock lock(&mu_);
    return entropy_.Bytes(n);
  }

 private:
  Mutex mu_;
  Store& store_;
  Entropy& entropy_;
};

// Rings when anything has come in, on any stream. Thread-safe.
class Bell {
 public:
  void Ring() {
    MutexLock lock(&mu_);
    ++rung_;
    changed_.NotifyAll();
  }
  // Until it rings after the last time this was asked, or for a moment.
  void Wait() {
    MutexLock lock(&mu_);
    if (rung_ == heard_) changed_.WaitFor(&mu_, absl::Milliseconds(50));
    heard_ = rung_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  uint64_t rung_ ABSL_GUARDED_BY(mu_) = 0, heard_ ABSL_GUARDED_BY(mu_) = 0;
};

// One Connect stream with a certificate. Ends with its destructor.
class WireStream {
 public:
  WireStream(const std::string& server, const grpc::SslCredentialsOptions& tls, Bell* bell)
      : bell_(bell),
        channel_(grpc::CreateChannel(server, grpc::SslCredentials(tls))),
        stub_(v1::DeviceService::NewStub(channel_)),
        stream_(stub_->Connect(&context_)),
        reader_([this] { Listen(); }) {}
  ~WireStream() {
    context_.TryCancel();
    reader_.join();
  }
  WireStream(const WireStream&) = delete;
  WireStream& operator=(const WireStream&) = delete;

  // Into nothing, where the stream has ended.
  void Say(const v1::AgentMessage& message) { stream_->Write(message); }
  std::optional<v1::ControllerMessage> Hear() {
    MutexLock lock(&mu_);
    if (heard_.empty()) return std::nullopt;
    v1::ControllerMessage message = std::move(heard_.front());
    heard_.pop_front();
    return message;
  }
  // As the server ended it; nullopt: it goes on.
  std::optional<absl::StatusCode> end() {
    MutexLock lock(&mu_);
    return end_;
  }

 private:
  void Listen() {
    v1::ControllerMessage message;
    while (stream_->Read(&message)) {
      MutexLock lock(&mu_);
      heard_.push_back(message);
      bell_->Ring();
    }
    const grpc::Status status = stream_->Finish();
    MutexLock lock(&mu_);
    end_ = static_cast<absl::StatusCode>(status.error_code());
    bell_->Ring();
  }

  Bell* const bell_;
  grpc::ClientContext context_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::DeviceService::Stub> stub_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::ControllerMessage>> stream_;
  Mutex mu_;
  std::deque<v1::ControllerMessage> heard_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::StatusCode> end_ ABSL_GUARDED_BY(mu_);
  std::thread reader_;  // last: it uses all of the above
};

class ServedChannel : public PhoneChannel {
 protected:
  ServedChannel() : one_(*store_, entropy_) {
    services_ = std::make_unique<Services>(Services{one_, clock_, one_, work_, settings_});
    reconciler_ =
        std::make_unique<Reconciler>(*services_, signer_, *directory_, *hub_, ReconcilerOptions{});
    const Tenant tenant = *LoadTenant(dir_.File("t"));
    judge_ = std::make_unique<PeerJudge>("agency", tenant.device_authority,
                                         tenant.operator_authority, CardTrust(), clock_);
    const auto log =
        std::make_shared<spdlog::logger>("none", std::make_shared<spdlog::sinks::null_sink_mt>());
    service_ = NewDeviceService({*services_, *judge_, *ca_, *hub_, instances_, log});
    RequireTls13();
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    auto running = StartServer({"127.0.0.1:0", server_ca_.Issue("localhost", key), *key.ToPem()},
                               {service_.get()});
    EXPECT_TRUE(running.ok()) << running.status();
    if (running.ok()) running_ = *std::move(running);
  }
  ~ServedChannel() override { StopServer(); }
  void TearDown() override {
    StopServer();
    PhoneChannel::TearDown();
  }
  void StopServer() {
    if (running_.server == nullptr) return;
    hub_->DisconnectAll(absl::UnavailableError("the test is over"));
    running_.server->Shutdown(absl::ToChronoTime(SystemClock().Now() + absl::Seconds(20)));
    running_.server.reset();
  }

  std::unique_ptr<WireStream> NewStream(const std::string& device_id, const PrivateKey& key) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = server_ca_.pem();
    tls.pem_cert_chain = certificates_.at(device_id);
    tls.pem_private_key = *key.ToPem();
    return std::make_unique<WireStream>("localhost:" + std::to_string(running_.port), tls, &bell_);
  }

  // Until it is true, while everybody whom `round` moves says and hears what there is.
  template <typename Round, typename Done>
  bool Until(Round round, Done done) {
    const absl::Time end = SystemClock().Now() + absl::Seconds(120);  // of a loaded machine
    while (!done()) {
      if (SystemClock().Now() >= end) return done();
      Settle();
      if (!round()) bell_.Wait();
    }
    return true;
  }

  OneAtATime one_;
  const agent::TestCa server_ca_;
  Bell bell_;
  std::unique_ptr<PeerJudge> judge_;
  std::unique_ptr<grpc::Service> service_;
  RunningServer running_;
};

}  // namespace muster
