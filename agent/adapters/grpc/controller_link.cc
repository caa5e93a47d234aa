#include "agent/adapters/grpc/controller_link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "muster/v1/device_service.grpc.pb.h"

namespace muster::agent {
namespace {

constexpr absl::Duration kFirstWindow = absl::Milliseconds(200);
constexpr absl::Duration kLastWindow = absl::Seconds(30);
constexpr absl::Duration kTakenOverWindow = absl::Seconds(5);
constexpr absl::Duration kSteady = absl::Seconds(30);
constexpr absl::Duration kConnectTime = absl::Seconds(10);
constexpr absl::Duration kCallTime = absl::Seconds(20);
constexpr absl::Duration kEndTime = absl::Seconds(5);
// The same on both sides, or the server answers GOAWAY (FACTS).
constexpr int kKeepaliveMs = 4 * 60 * 1000;
constexpr int kKeepaliveTimeoutMs = 20 * 1000;

std::shared_ptr<grpc::Channel> MakeChannel(const LinkTarget& target) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = target.ca_pem;
  tls.pem_private_key = target.key_pem;
  tls.pem_cert_chain = target.certificate_pem;
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // Each attempt has a connection of its own, so that gRPC's memory of the last failure does
  // not lengthen our wait, and nothing reconnects behind our back.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(static_cast<int>(4 * limits::kMaxDocumentBytes));
  args.SetUserAgentPrefix("muster-agent");
  return grpc::CreateCustomChannel(target.controller, grpc::SslCredentials(tls), args);
}

std::chrono::system_clock::time_point DeadlineIn(absl::Duration d) {
  return absl::ToChronoTime(SystemClock().Now() + d);
}

absl::Status ToStatus(const grpc::Status& s) {
  return absl::Status(static_cast<absl::StatusCode>(s.error_code()), s.error_message());
}

// Cancels a stream that does not end in time: one whose last message could not be parsed is still
// open. Not at once, because a cancel hides the status that the controller ended it with.
class EndGuard {
 public:
  explicit EndGuard(grpc::ClientContext* context) : thread_([this, context] { Run(context); }) {}
  ~EndGuard() {
    {
      MutexLock lock(&mu_);
      ended_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }

 private:
  void Run(grpc::ClientContext* context) {
    const absl::Time until = SystemClock().Now() + kEndTime;
    MutexLock lock(&mu_);
    while (!ended_) {
      const absl::Duration left = std::min(until - SystemClock().Now(), kEndTime);
      if (left <= absl::ZeroDuration()) return context->TryCancel();
      changed_.WaitFor(&mu_, left);
    }
  }

  Mutex mu_;
  CondVar changed_;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

absl::Status CallError(const grpc::Status& status, const std::string& controller) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return ToStatus(status);
  return absl::UnavailableError(absl::StrCat(
      "no Muster controller that --ca vouches for answers at ", controller, " (",
      status.error_message(), "); check the address and that --ca is the controller's CA file"));
}

}  // namespace

void Backoff::Ended(absl::Duration lived, bool taken_over) {
  taken_over_ = taken_over;
  const absl::Duration enough = taken_over ? kSteady : std::min(kSteady, 10 * last_);
  if (lived > absl::ZeroDuration() && lived >= enough) failures_ = 0;
}

absl::Duration Backoff::NextWindow() {
  if (drain_ > absl::ZeroDuration()) {
    return std::min(std::exchange(drain_, absl::ZeroDuration()), limits::kMaxDrainWindow);
  }
  last_ = std::min(kLastWindow, kFirstWindow * (1 << failures_));
  if (taken_over_) last_ = std::max(last_, kTakenOverWindow);
  failures_ = std::min(failures_ + 1, 10);
  return last_;
}

ControllerLink::ControllerLink(std::function<LinkTarget()> target, LinkEvents events,
                               Outbox* outbox)
    : target_(std::move(target)),
      events_(std::move(events)),
      outbox_(outbox),
      thread_([this] { Run(); }) {}

ControllerLink::~ControllerLink() {
  {
    MutexLock lock(&mu_);
    stop_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.NotifyAll();
  }
  outbox_->Close();
  thread_.join();
}

void ControllerLink::Reconnect() {
  MutexLock lock(&mu_);
  reconnect_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

bool ControllerLink::Sleep(absl::Duration d) {
  const absl::Time until = SystemClock().Now() + d;
  MutexLock lock(&mu_);
  while (!stop_) {
    // A clock that was turned back must not make this wait longer than asked for.
    const absl::Duration left = std::min(until - SystemClock().Now(), d);
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(&mu_, left);
  }
  return false;
}

void ControllerLink::Run() {
  absl::BitGen random;
  for (;;) {
    absl::Duration lived = absl::ZeroDuration();
    absl::Status status = RunStream(&lived);
    {
      MutexLock lock(&mu_);
      if (stop_) return;
      if (std::exchange(reconnect_, false)) {
        backoff_.Drain(kFirstWindow);
        status = absl::UnavailableError("connecting again with the renewed certificate");
      }
    }
    events_.disconnected(status);
    backoff_.Ended(lived, absl::IsAborted(status));
    const absl::Duration window = backoff_.NextWindow();
    if (!Sleep(absl::Uniform(random, 0.0, 1.0) * window)) return;
  }
}

absl::Status ControllerLink::RunStream(absl::Duration* lived) {
  std::shared_ptr<grpc::Channel> channel = MakeChannel(target_());
  // In short steps, so that a stop need not wait for a controller that does not answer.
  const absl::Time give_up = SystemClock().Now() + kConnectTime;
  channel->GetState(true);
  while (!channel->WaitForConnected(DeadlineIn(absl::Milliseconds(200)))) {
    MutexLock lock(&mu_);
    if (stop_) return absl::CancelledError("stopping");
    if (SystemClock().Now() >= give_up ||
        channel->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE) {
      break;  // the call below says why
    }
  }
  auto stub = v1::DeviceService::NewStub(channel);
  grpc::ClientContext context;
  {
    MutexLock lock(&mu_);
    if (stop_) return absl::CancelledError("stopping");
    context_ = &context;
  }
  auto stream = stub->Connect(&context);
  outbox_->Open(events_.hello());
  const absl::Time began = SystemClock().Now();
  bool connected = false;
  if (channel->GetState(false) == GRPC_CHANNEL_READY) {
    connected = true;
    events_.connected();
  }
  std::thread writer([&] {
    while (std::optional<v1::AgentMessage> next = outbox_->Take()) {
      if (!stream->Write(*next)) break;
    }
  });
  v1::ControllerMessage message;
  while (stream->Read(&message)) {
    if (!connected) events_.connected();
    connected = true;
    if (message.has_drain()) {
      backoff_.Drain(FromProto(message.drain().window()));
      break;
    }
    events_.message(message);
  }
  outbox_->Close();
  if (message.has_drain()) context.TryCancel();
  grpc::Status status;
  {
    const EndGuard guard(&context);
    writer.join();
    status = stream->Finish();
  }
  if (connected) *lived = SystemClock().Now() - began;
  {
    MutexLock lock(&mu_);
    context_ = nullptr;
  }
  if (status.ok() || message.has_drain()) {
    return absl::UnavailableError("the controller ended the stream");
  }
  return ToStatus(status);
}

absl::StatusOr<v1::EnrollResponse> CallEnroll(const std::string& controller,
                                              const std::string& ca_pem,
                                              const v1::EnrollRequest& request) {
  auto stub = v1::DeviceService::NewStub(MakeChannel({controller, ca_pem, "", ""}));
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kCallTime));
  v1::EnrollResponse response;
  const grpc::Status status = stub->Enroll(&context, request, &response);
  if (!status.ok()) return CallError(status, controller);
  return response;
}

absl::StatusOr<std::string> CallRenew(const LinkTarget& target, const std::string& csr) {
  auto stub = v1::DeviceService::NewStub(MakeChannel(target));
  grpc::ClientContext context;
  context.set_deadline(DeadlineIn(kCallTime));
  v1::RenewRequest request;
  request.set_csr(csr);
  v1::RenewResponse response;
  const grpc::Status status = stub->Renew(&context, request, &response);
  if (!status.ok()) return CallError(status, target.controller);
  return std::move(*response.mutable_certificate_pem());
}

}  // namespace muster::agent
