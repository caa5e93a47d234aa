// Sessions over a store in memory, and a controller that is played by hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bridge/flow/sessions.h"
#include "common/bridge_limits.h"
#include "tests/agent/test_tenant.h"
#include "tests/bridge/memory_bridge_store.h"

namespace muster::bridge {

using Strings = std::vector<std::string>;

inline constexpr char kBridge[] = "dev-bridge";
inline const absl::Time kStart = agent::At("2026-03-01T12:00:00Z");

inline v1::PhoneIdentity PhoneOf(const std::string& user,
                                 v1::Platform::Id platform = v1::Platform::IOS) {
  v1::PhoneIdentity out;
  out.set_uem_id("uem-" + user);
  out.set_platform(platform);
  out.set_user_name(user);
  return out;
}

// What a message says, e.g. "phn-1 ack cohort/ios 1".
inline std::string TextOf(const v1::AgentMessage& m) {
  std::string text = m.device_id().empty() ? "-" : m.device_id();
  switch (m.message_case()) {
    case v1::AgentMessage::kHello:
      absl::StrAppend(&text, " hello ", m.hello().phone().user_name(), " seq ",
                      m.hello().report_seq());
      for (const v1::KnownDocument& k : m.hello().known()) {
        absl::StrAppend(&text, " ", k.name(), "=", k.version());
      }
      return text;
    case v1::AgentMessage::kAck:
      return absl::StrCat(text, " ack ", m.ack().name(), " ", m.ack().version());
    case v1::AgentMessage::kNack:
      return absl::StrCat(text, " nack ", m.nack().name(), " ", m.nack().version(), " ",
                          m.nack().code());
    case v1::AgentMessage::kNeed:
      return absl::StrCat(text, " need ", m.need().chunks_size());
    case v1::AgentMessage::kLeave:
      return text + " leave";
    case v1::AgentMessage::kReport: {
      v1::Report report;
      report.ParseFromString(m.report().payload());
      absl::StrAppend(&text, " report ", report.device_id(), " ", report.seq());
      if (report.has_policy()) {
        absl::StrAppend(&text, " policy of ", report.policy().documents_size());
      }
      if (report.has_phone()) absl::StrAppend(&text, " phone ", report.phone().distance());
      if (report.has_witness())
        absl::StrAppend(&text, " witness ", report.witness().refused_code());
      if (report.has_bridge()) absl::StrAppend(&text, " bridge ", report.bridge().last_error());
      return text;
    }
    case v1::AgentMessage::MESSAGE_NOT_SET:
      break;
  }
  return text + " nothing";
}

class SessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.Write(agent::kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
    ASSERT_TRUE(store_.Commit().ok());
    Boot();
  }
  // As at a start of the program, with the phones that the fleet remembers.
  void Boot() {
    sessions_.reset();
    SessionEvents events;
    events.policy = [this](const std::string& id, PhonePolicyPtr policy) {
      policies_[id] = std::move(policy);
      ++told_;
    };
    events.canaries = [this](const std::string&) { return canaries_; };
    events.report_anew = [this](const std::string& id) { anew_.push_back(id); };
    sessions_ = std::make_unique<Sessions>(
        BridgeIdentity{agent::kTestTenant, kBridge, tenant_.device_key().key_id(), "instance-1"},
        tenant_.device_key(), &store_, &clock_, std::move(events));
    const absl::Status loaded = sessions_->Load();
    ASSERT_TRUE(loaded.ok()) << loaded;
    for (const auto& [id, phone] : known_) sessions_->Add(phone, id);
  }
  void Crash() {
    sessions_.reset();
    store_.Crash();
    policies_.clear();
    Boot();
  }
  void Add(const std::string& id, const v1::PhoneIdentity& phone) {
    known_[id] = phone;
    sessions_->Add(phone, id);
  }

  void Connect() {
    sent_ = 0;
    sessions_->outbox().Open(sessions_->MakeHello());
    sessions_->OnConnected();
    Work();
  }
  void Disconnect() {
    sessions_->outbox().Close();
    sessions_->OnDisconnected();
  }
  // The owner's loop, until nothing is due.
  void Work() {
    for (int i = 0; i < 10'000 && sessions_->NextTick() <= clock_.Now(); ++i) sessions_->Tick();
  }
  // Everything that leaves now.
  std::vector<v1::AgentMessage> TakeMessages() {
    std::vector<v1::AgentMessage> out;
    v1::AgentMessage end;
    end.mutable_ack()->set_name("end");
    sessions_->outbox().Push(end);
    while (auto next = sessions_->outbox().Take()) {
      if (next->ack().name() == "end") break;
      out.push_back(*std::move(next));
    }
    while (const auto next = sessions_->reports().Next(sent_)) {
      out.push_back(*sessions_->outbox().Take());
      sent_ = next->seq;
    }
    return out;
  }
  Strings Take() {
    Strings out;
    for (const v1::AgentMessage& m : TakeMessages()) out.push_back(TextOf(m));
    return out;
  }
  Strings WorkAndTake() {
    Work();
    return Take();
  }

  void Offer(const std::string& id, const std::vector<v1::SignedDoc>& docs) {
    v1::ControllerMessage m;
    m.set_device_id(id);
    *m.mutable_update() = tenant_.UpdateOf(docs);
    sessions_->OnMessage(m);
  }
  void Feed(const std::string& id, const std::string& sha256) {
    v1::ControllerMessage m;
    m.set_device_id(id);
    *m.mutable_chunk() = tenant_.chunks().at(sha256);
    sessions_->OnMessage(m);
  }
  // Offers, and sends what is asked for.
  Strings Give(const std::string& id, const std::vector<v1::SignedDoc>& docs) {
    Offer(id, docs);
    Work();
    Strings out;
    for (int round = 0; round < 5; ++round) {
      bool asked = false;
      for (const v1::AgentMessage& m : TakeMessages()) {
        if (!m.has_need()) out.push_back(TextOf(m));
        for (const std::string& sha256 : m.need().chunks()) {
          Feed(m.device_id(), sha256);
          asked = true;
        }
      }
      Work();
      if (!asked) break;
    }
    return out;
  }
  void Beacon(const std::string& id, const v1::BeaconUpdate& update) {
    v1::ControllerMessage m;
    m.set_device_id(id);
    *m.mutable_beacon() = update;
    sessions_->OnMessage(m);
  }
  void Beacon(const std::string& id, uint64_t version, const std::vector<v1::SignedDoc>& docs) {
    Beacon(id, tenant_.Beacon(version, docs));
  }
  void AckReport(const std::string& id, const v1::SignedDoc& report) {
    v1::Report parsed;
    ASSERT_TRUE(parsed.ParseFromString(report.payload()));
    v1::ControllerMessage m;
    m.set_device_id(id);
    m.mutable_report_ack()->set_seq(parsed.seq());
    m.mutable_report_ack()->set_sha256(Sha256Hex(report.payload()));
    sessions_->OnMessage(m);
  }

  // One app, `chat`, with a bundle id on iOS and a package on Android.
  v1::SignedDoc Cohort(uint64_t version, v1::Platform::Id platform = v1::Platform::IOS,
                       v1::Trm::Status status = v1::Trm::RESTRICTED) {
    agent::TestCohort cohort = tenant_.Cohort(version, status);
    cohort.policy.mutable_header()->set_name(agent::OwnCohort(platform));
    cohort.policy.set_platform(platform);
    v1::AppIdentity* identity = cohort.content.mutable_apps(0)->mutable_identities(0);
    identity->set_platform(platform);
    identity->set_origin(platform == v1::Platform::IOS ? v1::Origin::BUNDLE
                                                       : v1::Origin::ANDROID_PACKAGE);
    identity->set_package_id("test.chat");
    return tenant_.Sign(cohort);
  }
  // Of a phone of alice, who is entitled to chat when `granted`.
  v1::DeviceAssignment Assignment(const std::string& id, uint64_t version, bool granted,
                                  v1::Platform::Id platform = v1::Platform::IOS) {
    v1::DeviceAssignment out = tenant_.Assignment(version, granted);
    out.mutable_header()->set_name(AssignmentName(id));
    out.set_device_id(id);
    out.set_cohort(agent::OwnCohort(platform));
    out.mutable_persons()->RemoveLast();
    out.mutable_persons(0)->clear_account_name();
    return out;
  }
  v1::SignedDoc Assign(const std::string& id, uint64_t version, bool granted,
                       v1::Platform::Id platform = v1::Platform::IOS) {
    return tenant_.Sign(Assignment(id, version, granted, platform));
  }
  // "ALLOW GRANT GRT-1" of the app `chat`; "(none)": no policy was told.
  std::string Verdict(const std::string& id) {
    const auto it = policies_.find(id);
    if (it == policies_.end()) return "(none)";
    const AppRuling* ruling = it->second->FindByBundle("test.chat");
    if (ruling == nullptr) return "(no app)";
    return absl::StrCat(v1::Verdict::Kind_Name(ruling->verdict), " ", ruling->reason,
                        it->second->stale ? " stale" : "");
  }
  v1::Report PhoneBody(uint32_t distance) {
    v1::Report body;
    body.mutable_phone()->set_distance(distance);
    return body;
  }

  FakeClock clock_{kStart};
  agent::TestTenant tenant_{kStart};
  MemoryBridgeStore store_;
  std::map<std::string, v1::PhoneIdentity> known_;
  std::map<std::string, PhonePolicyPtr> policies_;
  std::vector<v1::Canary> canaries_;
  Strings anew_;
  int told_ = 0;
  uint64_t sent_ = 0;
  std::unique_ptr<Sessions> sessions_;
};

}  // namespace muster::bridge
