// The agent over fakes, enrolled, with one machine and one tenant.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/flow/agent.h"
#include "tests/agent/fakes.h"

namespace muster::agent {

inline v1::InventoryItem Item(const char* id, const char* version) {
  v1::InventoryItem item;
  item.set_origin(v1::Origin::DPKG);
  item.set_package_id(id);
  item.set_version(version);
  return item;
}

inline FileStamp Stamp(uint64_t ino, uint64_t size) { return {{1, ino}, size, 1, 1}; }

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.Write(kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
    machine_.inventory = {Item("chatapp", "1"), Item("vim", "9")};
    machine_.program_files["chatapp"] = {"/usr/bin/chat"};
    machine_.stamps["/usr/bin/chat"] = Stamp(10, 100);
    machine_.hashes["/usr/bin/chat"] = {Stamp(10, 100), "aa", "m1"};
    Restart();
  }
  void Restart() {
    enforcer_ = FakeEnforcer();
    reports_ = std::make_unique<ReportLog>(kTestDevice, tenant_.device_key(), &store_, &clock_);
    ASSERT_TRUE(reports_->Open().ok());
    Agent::Parts parts;
    parts.identity = tenant_.identity();
    parts.controller = "controller:1";
    parts.store = &store_;
    parts.clock = &clock_;
    parts.machine = &machine_;
    parts.enforcer = &enforcer_;
    parts.reports = reports_.get();
    parts.notices = notices_;
    parts.web_clients = web_clients();
    parts.instance_id = "instance-1";
    parts.certificate_not_after = [this] { return tenant_.now() + absl::Hours(48); };
    parts.wake = [this] { ++wakes_; };
    agent_ = std::make_unique<Agent>(std::move(parts));
    ASSERT_TRUE(agent_->Start().ok());
  }
  virtual WebClients* web_clients() { return nullptr; }
  void Send(const std::vector<v1::SignedDoc>& docs) {
    v1::ControllerMessage message;
    *message.mutable_update() = tenant_.UpdateOf(docs);
    agent_->OnMessage(message);
    for (const auto& [sha256, chunk] : tenant_.chunks()) SendChunk(chunk);
  }
  void SendChunk(const v1::Chunk& chunk) {
    v1::ControllerMessage message;
    *message.mutable_chunk() = chunk;
    agent_->OnMessage(message);
  }
  void SendBeacon(const v1::BeaconUpdate& beacon) {
    v1::ControllerMessage message;
    *message.mutable_beacon() = beacon;
    agent_->OnMessage(message);
  }
  void SendPolicy(bool granted, uint64_t version = 1) {
    Send({tenant_.Sign(tenant_.Assignment(version, granted)),
          tenant_.Sign(tenant_.Cohort(version))});
  }
  // All reports that wait, after the probes that are due; then acknowledges them.
  std::vector<v1::Report> TakeReports() {
    agent_->ProveIfDue();
    std::vector<v1::Report> out;
    uint64_t last = 0;
    for (;;) {
      auto next = *reports_->Next(last);
      if (!next) break;
      last = next->seq;
      last_report_sha256_ = Sha256Hex(next->doc.payload());
      v1::Report report;
      EXPECT_TRUE(report.ParseFromString(next->doc.payload()));
      out.push_back(std::move(report));
    }
    v1::ControllerMessage ack;
    ack.mutable_report_ack()->set_seq(last);
    agent_->OnMessage(ack);
    EXPECT_EQ(reports_->waiting(), 0u);
    return out;
  }
  v1::ControlReply Explain(const std::string& app, uint32_t uid, const std::string& user = "") {
    v1::ControlRequest request;
    request.mutable_explain()->set_app_id(app);
    request.mutable_explain()->set_user(user);
    return agent_->Answer(request, uid);
  }
  v1::ControlReply Disarm(const std::string& reason, absl::Duration d, uint32_t uid = 0,
                          bool rearm = false) {
    v1::ControlRequest request;
    request.mutable_disarm()->set_reason(reason);
    *request.mutable_disarm()->mutable_duration() = ToProto(d);
    request.mutable_disarm()->set_rearm(rearm);
    return agent_->Answer(request, uid);
  }
  v1::AgentStatus Status() {
    v1::ControlRequest request;
    request.mutable_status();
    return agent_->Answer(request, 4711).status();
  }
  bool Denied(uint32_t uid) { return enforcer_.state.policy->Decide(0, uid, clock_.Now()).deny; }

  FakeClock clock_{At("2026-03-01T12:00:00Z")};
  TestTenant tenant_{clock_.Now()};
  MemoryStateStore store_;
  FakeMachine machine_;
  FakeEnforcer enforcer_;
  NoticeChannel* notices_ = nullptr;
  std::unique_ptr<ReportLog> reports_;
  std::unique_ptr<Agent> agent_;
  int wakes_ = 0;
  std::string last_report_sha256_;
};

}  // namespace muster::agent
