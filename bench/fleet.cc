// The fleet simulator: connects N agents, each with a certificate, a stream, a policy acceptor and
// signed reports of its own, then approves requests and measures approval -> verified.
//   fleet --server HOST:PORT --ca FILE --operators DIR --agents N --approvals K
// Persons are user1@bench.test ... userN@bench.test. Prints: p50 and p99 in ms, the assignments
// signed per approval, the controller's streams.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/report_log.h"
#include "cli/connection.h"
#include "cli/profile.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "common/status_macros.h"
#include "muster/v1/admin_service.pb.h"
#include "muster/v1/device_service.grpc.pb.h"

namespace muster {
namespace {

constexpr absl::Duration kWait = absl::Seconds(120);

// A state directory in memory: what is measured is the controller.
class Memory final : public agent::StateStore {
 public:
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override {
    const auto it = files_.find(name);
    if (it == files_.end()) return std::optional<std::string>();
    return std::optional<std::string>(it->second);
  }
  absl::Status Write(const std::string& name, absl::string_view bytes) override {
    files_[name] = std::string(bytes);
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& name) override {
    files_.erase(name);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override {
    std::vector<std::string> out;
    for (auto it = files_.lower_bound(dir + "/"); it != files_.end(); ++it) {
      if (it->first.compare(0, dir.size() + 1, dir + "/") != 0) break;
      out.push_back(it->first.substr(dir.size() + 1));
    }
    return out;
  }

 private:
  std::map<std::string, std::string> files_;
};

struct Enrolled {
  agent::DeviceIdentity identity;
  std::string certificate_pem, key_pem;
};

class SimAgent final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::ControllerMessage> {
 public:
  SimAgent(Enrolled device, const v1::SignedDoc& root)
      : device_(std::move(device)),
        reports_(device_.identity.device_id, *PrivateKey::FromPem(device_.key_pem), &store_,
                 &clock_),
        acceptor_(device_.identity, &store_, &clock_, [](const auto&) {}) {
    const auto verified = VerifyRoot(root, nullptr, "", Floor(), clock_.Now());
    store_.Write(agent::kAcceptedFile, agent::FirstState(root, *verified).SerializeAsString())
        .IgnoreError();
    reports_.Open().IgnoreError();
    acceptor_.Load().IgnoreError();
  }

  void Connect(const std::string& server, const std::string& ca) {
    grpc::SslCredentialsOptions tls{ca, device_.key_pem, device_.certificate_pem};
    grpc::ChannelArguments args;
    args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args.SetInt(GRPC_ARG_TSI_MAX_FRAME_SIZE, 2'048);
    stub_ = v1::DeviceService::NewStub(
        grpc::CreateCustomChannel(server, grpc::SslCredentials(tls), args));
    stub_->async()->Connect(&context_, this);
    v1::AgentMessage hello;
    hello.mutable_hello()->set_agent_version("fleet");
    hello.mutable_hello()->set_instance_id(device_.identity.device_id);
    StartRead(&incoming_);
    Push(std::move(hello));
    StartCall();
  }
  void Stop() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    Handle(incoming_);
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override {
    MutexLock lock(&mu_);
    writing_ = false;
    if (ok) WriteNext();
  }
  void OnDone(const grpc::Status& status) override {
    MutexLock lock(&mu_);
    done_ = true;
    error_ = status.error_message();
    changed_.NotifyAll();
  }

  // Waits until the controller has stored the signed report of a policy with `entitlements` and
  // of a cohort policy. False: it took too long or the stream ended.
  bool WaitVerified(int entitlements) {
    const absl::Time deadline = clock_.Now() + kWait;
    MutexLock lock(&mu_);
    while (!done_ && !(reported_ > 0 && acked_ >= reported_ && entitlements_ == entitlements)) {
      const absl::Duration left = deadline - clock_.Now();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(&mu_, left);
    }
    return !done_;
  }
  std::string error() {
    MutexLock lock(&mu_);
    return error_;
  }

 private:
  void Handle(const v1::ControllerMessage& message) {
    agent::AcceptOutcome outcome;
    if (message.has_update()) outcome = acceptor_.Accept(message.update());
    if (message.has_chunk()) outcome = acceptor_.AddChunk(message.chunk());
    if (message.has_beacon()) outcome = acceptor_.AcceptBeacon(message.beacon());
    for (v1::AgentMessage& answer : outcome.answers) Push(std::move(answer));
    if (outcome.changed) Report();
    if (!message.has_report_ack()) return;
    reports_.Acknowledge(message.report_ack().seq()).IgnoreError();
    MutexLock lock(&mu_);
    acked_ = std::max(acked_, message.report_ack().seq());
    changed_.NotifyAll();
  }

  // The hashes in force and a blocked probe, signed: what makes a document verified.
  void Report() {
    const auto policy = acceptor_.current();
    v1::Report body;
    for (const auto& doc : policy->in_force) *body.mutable_policy()->add_documents() = doc;
    v1::Canary* canary = body.mutable_policy()->add_canaries();
    canary->set_filesystem("/");
    canary->set_result(v1::Canary::BLOCKED);
    const auto seq = reports_.Append(std::move(body));
    if (!seq.ok()) return;
    {
      MutexLock lock(&mu_);
      if (policy->cohort && policy->assignment) {
        reported_ = *seq;
        entitlements_ = policy->assignment->entitlements_size();
      }
    }
    v1::AgentMessage message;
    *message.mutable_report() = (*reports_.Next(*seq - 1))->doc;
    Push(std::move(message));
  }

  void Push(v1::AgentMessage message) {
    MutexLock lock(&mu_);
    outgoing_.push_back(std::move(message));
    WriteNext();
  }
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (writing_ || outgoing_.empty()) return;
    writing_ = true;
    current_ = std::move(outgoing_.front());
    outgoing_.pop_front();
    StartWrite(&current_);
  }

  const Enrolled device_;
  const SystemClock clock_;
  Memory store_;
  agent::ReportLog reports_;
  agent::PolicyAcceptor acceptor_;
  std::unique_ptr<v1::DeviceService::Stub> stub_;
  grpc::ClientContext context_;
  v1::ControllerMessage incoming_;
  v1::AgentMessage current_;
  Mutex mu_;
  CondVar changed_;
  std::deque<v1::AgentMessage> outgoing_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false, done_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t reported_ ABSL_GUARDED_BY(mu_) = 0, acked_ ABSL_GUARDED_BY(mu_) = 0;
  int entitlements_ ABSL_GUARDED_BY(mu_) = -1;
  std::string error_ ABSL_GUARDED_BY(mu_);
};

struct Options {
  std::string server, ca_file, operators;
  int agents = 1'000, approvals = 200;
};

std::string Upn(int i) { return absl::StrCat("user", i, "@bench.test"); }

class Bench {
 public:
  explicit Bench(Options options) : o_(std::move(options)) {}

  absl::Status Run() {
    std::ifstream in(o_.ca_file);
    std::ostringstream text;
    text << in.rdbuf();
    ca_ = text.str();
    MUSTER_ASSIGN_OR_RETURN(desk_, Operator("desk"));
    MUSTER_ASSIGN_OR_RETURN(soc_, Operator("soc"));
    MUSTER_RETURN_IF_ERROR(EnrolAll());
    const absl::Time connecting = clock_.Now();
    for (const auto& agent : agents_) agent->Connect(o_.server, ca_);
    for (const auto& agent : agents_) {
      if (!agent->WaitVerified(0)) {
        return absl::DeadlineExceededError("an agent did not verify: " + agent->error());
      }
    }
    std::fprintf(stderr, "%d agents verified their first policy in %s\n", o_.agents,
                 absl::FormatDuration(clock_.Now() - connecting).c_str());
    return Measure();
  }
  ~Bench() {
    for (const auto& agent : agents_) agent->Stop();
    for (const auto& agent : agents_) agent->WaitVerified(-2);
  }

 private:
  absl::StatusOr<std::unique_ptr<cli::AdminClient>> Operator(const std::string& name) {
    MUSTER_ASSIGN_OR_RETURN(const cli::Profile profile,
                            cli::LoadProfile(absl::StrCat(o_.operators, "/", name, ".yaml")));
    return cli::Connect(profile, absl::Seconds(30));
  }

  absl::Status EnrolAll() {
    auto stub = v1::DeviceService::NewStub(grpc::CreateChannel(
        o_.server, grpc::SslCredentials(grpc::SslCredentialsOptions{ca_, "", ""})));
    for (int i = 1; i <= o_.agents; ++i) {
      v1::CreateTokenRequest wish;
      wish.set_platform(v1::Platform::LINUX);
      wish.set_owner_upn(Upn(i));
      v1::CreateTokenResponse token;
      MUSTER_RETURN_IF_ERROR(soc_->Call("CreateToken", wish, &token));
      MUSTER_ASSIGN_OR_RETURN(const PrivateKey key, PrivateKey::Generate(kEcdsaP256Sha256));
      v1::EnrollRequest request;
      request.set_token(token.token());
      request.set_platform(v1::Platform::LINUX);
      request.set_hostname(absl::StrCat("host", i));
      MUSTER_ASSIGN_OR_RETURN(*request.mutable_csr(), agent::MakeCsr(key, request.hostname()));
      grpc::ClientContext context;
      v1::EnrollResponse response;
      if (const grpc::Status s = stub->Enroll(&context, request, &response); !s.ok()) {
        return absl::InternalError(absl::StrCat("enrolling: ", s.error_message()));
      }
      MUSTER_ASSIGN_OR_RETURN(std::string key_pem, key.ToPem());
      agents_.push_back(std::make_unique<SimAgent>(
          Enrolled{{response.tenant(), response.device_id(), key.key_id()},
                   response.certificate_pem(),
                   std::move(key_pem)},
          response.root()));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> AssignmentsSigned() {
    v1::PolicyView view;
    MUSTER_RETURN_IF_ERROR(soc_->Call("GetPolicy", v1::GetPolicyRequest(), &view));
    return view.signed_since_start().at("assignment");
  }

  absl::Status Measure() {
    std::vector<std::string> requests;
    for (int i = 1; i <= o_.approvals; ++i) {
      v1::SubmitRequestRequest submit;
      submit.set_person_upn(Upn(i));
      submit.set_app_id("whatsapp");
      submit.set_ticket(absl::StrCat("INC", i));
      submit.set_justification("measured");
      submit.set_training_acknowledged("2026-1");
      v1::RequestResponse response;
      MUSTER_RETURN_IF_ERROR(desk_->Call("SubmitRequest", submit, &response));
      requests.push_back(response.request().request_id());
    }
    MUSTER_ASSIGN_OR_RETURN(const uint64_t before, AssignmentsSigned());
    std::vector<double> ms;
    for (int i = 0; i < o_.approvals; ++i) {
      v1::DecideRequestRequest approve;
      approve.set_request_id(requests[static_cast<size_t>(i)]);
      approve.set_reason("measured");
      v1::RequestResponse response;
      const absl::Time start = clock_.Now();
      MUSTER_RETURN_IF_ERROR(soc_->Call("ApproveRequest", approve, &response));
      if (!agents_[static_cast<size_t>(i)]->WaitVerified(1)) {
        return absl::DeadlineExceededError(absl::StrCat("approval ", i, " did not arrive"));
      }
      ms.push_back(absl::ToDoubleMilliseconds(clock_.Now() - start));
    }
    MUSTER_ASSIGN_OR_RETURN(const uint64_t after, AssignmentsSigned());
    std::sort(ms.begin(), ms.end());
    std::printf("%.1f %.1f %.2f %d\n", ms[ms.size() / 2], ms[ms.size() * 99 / 100],
                static_cast<double>(after - before) / o_.approvals, o_.approvals);
    return absl::OkStatus();
  }

  const Options o_;
  const SystemClock clock_;
  std::string ca_;
  std::unique_ptr<cli::AdminClient> desk_, soc_;
  std::vector<std::unique_ptr<SimAgent>> agents_;
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"fleet: simulated agents against a real controller"};
  app.add_option("--server", options.server)->required();
  app.add_option("--ca", options.ca_file)->required();
  app.add_option("--operators", options.operators)->required();
  app.add_option("--agents", options.agents)->check(CLI::Range(1, 100'000));
  app.add_option("--approvals", options.approvals)->check(CLI::Range(1, 100'000));
  CLI11_PARSE(app, argc, argv);
  setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES256-GCM-SHA384", 1);
  Bench bench(options);
  const absl::Status status = bench.Run();
  if (!status.ok()) std::fprintf(stderr, "fleet: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace muster

int main(int argc, char** argv) { return muster::Main(argc, argv); }
