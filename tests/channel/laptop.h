// A laptop without programs or network: the real agent flow over real files, a machine of tables,
// a clock of its own, and files that can fail.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapters/files/file_state_store.h"
#include "agent/flow/agent.h"
#include "common/status_macros.h"
#include "tests/agent/fakes.h"

namespace muster {

// The real state directory, until a fault that was ordered comes: then the write fails, or the
// agent is as good as killed before, in the middle of, or right after it.
class FaultyFiles final : public agent::StateStore {
 public:
  enum class Fault { kDiskFull, kKilledBefore, kTorn, kKilledAfter };

  explicit FaultyFiles(std::string dir) : dir_(std::move(dir)), real_(dir_) {
    EXPECT_TRUE(real_.Create().ok());
  }
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override {
    return real_.Read(name);
  }
  absl::Status Write(const std::string& name, absl::string_view bytes) override {
    MUSTER_RETURN_IF_ERROR(Before(name, bytes));
    const absl::Status status = real_.Write(name, bytes);
    return dead_ ? absl::UnavailableError("killed") : status;
  }
  absl::Status Remove(const std::string& name) override {
    MUSTER_RETURN_IF_ERROR(Before("", ""));
    const absl::Status status = real_.Remove(name);
    return dead_ ? absl::UnavailableError("killed") : status;
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override {
    return real_.List(dir);
  }

  // At the n-th change from now.
  void FailIn(int n, Fault fault) { in_ = n, fault_ = fault; }
  bool dead() const { return dead_; }

 private:
  absl::Status Before(const std::string& name, absl::string_view bytes) {
    if (dead_) return absl::UnavailableError("killed");
    if (in_ == 0 || --in_ > 0) return absl::OkStatus();
    if (fault_ == Fault::kDiskFull) return absl::ResourceExhaustedError("no space");
    dead_ = true;
    if (fault_ == Fault::kKilledAfter) return absl::OkStatus();
    // The temporary file of a write that never came to its rename.
    if (fault_ == Fault::kTorn && !name.empty()) {
      std::ofstream(dir_ + "/" + name + ".tmp") << bytes.substr(0, bytes.size() / 2);
    }
    return absl::UnavailableError("killed");
  }

  const std::string dir_;
  agent::FileStateStore real_;
  int in_ = 0;
  Fault fault_ = Fault::kDiskFull;
  bool dead_ = false;
};

// One program of the app `whatsapp`, for the accounts alice (20001) and bob (20002).
class SimLaptop {
 public:
  SimLaptop(std::string dir, absl::Time now) : dir_(std::move(dir)), clock_(now) {
    std::filesystem::create_directories(dir_);
    v1::InventoryItem package;
    package.set_origin(v1::Origin::DPKG);
    package.set_package_id("whatsapp");
    package.set_version("1");
    machine_.inventory = {package};
  }

  void Enrolled(const std::string& device_id, const PrivateKey& key, const v1::SignedDoc& root) {
    identity_ = {"agency", device_id, key.key_id()};
    key_ = std::make_unique<PrivateKey>(key);
    const auto verified = VerifyRoot(root, nullptr, "agency", Floor(), clock_.Now());
    ASSERT_TRUE(verified.ok()) << verified.status();
    ASSERT_TRUE(agent::FileStateStore(dir_).Create().ok());
    ASSERT_TRUE(
        agent::FileStateStore(dir_)
            .Write(agent::kAcceptedFile, agent::FirstState(root, *verified).SerializeAsString())
            .ok());
    Boot();
  }

  void Stop() {
    agent_.reset();
    reports_.reset();
    files_.reset();
  }
  // As at a start of the program: everything from the files.
  void Boot() {
    Stop();
    files_ = std::make_unique<FaultyFiles>(dir_);
    reports_ =
        std::make_unique<agent::ReportLog>(identity_.device_id, *key_, files_.get(), &clock_);
    ASSERT_TRUE(reports_->Open().ok());
    agent::Agent::Parts parts;
    parts.identity = identity_;
    parts.controller = "controller:1";
    parts.store = files_.get();
    parts.clock = &clock_;
    parts.machine = &machine_;
    parts.enforcer = &enforcer_;
    parts.reports = reports_.get();
    parts.instance_id = "instance-" + std::to_string(++boots_);
    parts.certificate_not_after = [] { return absl::InfiniteFuture(); };
    parts.wake = [] {};
    agent_ = std::make_unique<agent::Agent>(std::move(parts));
    const absl::Status started = agent_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  // Everything that the agent would send now.
  std::vector<v1::AgentMessage> Take() {
    agent_->ProveIfDue();
    std::vector<v1::AgentMessage> out;
    v1::AgentMessage end;
    end.mutable_ack()->set_name("end of the answers");
    agent_->outbox().Push(end);
    while (auto next = agent_->outbox().Take()) {
      if (next->ack().name() == end.ack().name()) break;
      out.push_back(*std::move(next));
    }
    while (reports_->Next(sent_)->has_value()) {
      out.push_back(*agent_->outbox().Take());
      sent_ = (*reports_->Next(sent_))->seq;
    }
    return out;
  }
  void Connect() {
    sent_ = 0;
    agent_->outbox().Open(agent_->MakeHello());
    agent_->OnConnected();
  }
  void Disconnect() {
    agent_->outbox().Close();
    agent_->OnDisconnected(absl::UnavailableError("dropped"));
  }

  // What is saved; what a restart would enforce.
  v1::AcceptedState Saved() const {
    v1::AcceptedState state;
    const auto bytes = agent::FileStateStore(dir_).Read(agent::kAcceptedFile);
    EXPECT_TRUE(bytes.ok() && bytes->has_value() && state.ParseFromString(**bytes));
    return state;
  }
  // "VERDICT reason" for a uid.
  std::string Verdict(const std::string& app, uint32_t uid) {
    v1::ControlRequest question;
    question.mutable_explain()->set_app_id(app);
    const v1::ControlReply reply = agent_->Answer(question, uid);
    if (!reply.error().empty()) return reply.error();
    return v1::Verdict::Kind_Name(reply.explanation().verdict()) + " " +
           reply.explanation().reason();
  }
  v1::AgentStatus Status() {
    v1::ControlRequest question;
    question.mutable_status();
    return agent_->Answer(question, 0).status();
  }

  agent::Agent& agent() { return *agent_; }
  FaultyFiles& files() { return *files_; }
  FakeClock& clock() { return clock_; }
  agent::FakeMachine& machine() { return machine_; }
  const std::string& dir() const { return dir_; }
  const std::string& id() const { return identity_.device_id; }
  const std::string& key_sha256() const { return identity_.certificate_key_sha256; }

 private:
  const std::string dir_;
  FakeClock clock_;
  agent::FakeMachine machine_;
  agent::FakeEnforcer enforcer_;
  agent::DeviceIdentity identity_;
  std::unique_ptr<PrivateKey> key_;
  std::unique_ptr<FaultyFiles> files_;
  std::unique_ptr<agent::ReportLog> reports_;
  std::unique_ptr<agent::Agent> agent_;
  uint64_t sent_ = 0;
  int boots_ = 0;
};

}  // namespace muster
