// A controller with a bridge and its phones, on one stream that keeps what was written.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/phone_id.h"
#include "controller/flow/bridge_stream.h"
#include "tests/controller/flow/world.h"

namespace muster {

// The wire of one stream. A write is taken when the test says so.
class Wire final : public DeviceSink {
 public:
  void Write(Frame frame) override {
    EXPECT_FALSE(writing) << "two writes in flight";
    writing = true;
    v1::ControllerMessage message;
    EXPECT_TRUE(message.ParseFromString(frame.head + (frame.body ? *frame.body : "")));
    written.push_back(std::move(message));
  }
  void Close(const absl::Status& why) override { closed = why; }
  void Cancel(const absl::Status& why) override {
    cancelled = true;
    closed = why;
  }
  bool writing = false, cancelled = false;
  std::vector<v1::ControllerMessage> written;
  absl::Status closed;
};

class PhoneWorld : public World {
 protected:
  PhoneWorld() {
    LoadPhoneCatalogue();
    EXPECT_TRUE(Sync().ok());
    bridge_.id = EnrolBridge(bridge_.key);
  }

  // WhatsApp RESTRICTED, Signal PROHIBITED, both blocklisted, on iOS and Android.
  void LoadPhoneCatalogue() {
    LoadedPolicies loaded;
    loaded.trm.emplace();
    loaded.blocklist.emplace();
    for (const auto& [id, status] :
         {std::pair("whatsapp", v1::Trm::RESTRICTED), std::pair("signal", v1::Trm::PROHIBITED)}) {
      Located<v1::App> app;
      app.value.set_id(id);
      app.value.set_name(id);
      for (const auto platform : {v1::Platform::IOS, v1::Platform::ANDROID}) {
        v1::AppIdentity* identity = app.value.add_identities();
        identity->set_platform(platform);
        identity->set_package_id(absl::StrCat("com.", id));
      }
      loaded.apps.push_back(app);
      Located<v1::Trm> trm;
      trm.value.set_app_id(id);
      trm.value.set_status(status);
      trm.value.set_decision_id("TRM-1");
      loaded.trm->push_back(trm);
      loaded.blocklist->push_back({id, "blocklist.yaml", 2, 5});
    }
    const auto outcome = ApplyPolicies(*services_, Who("soc"), loaded, {});
    ASSERT_TRUE(outcome.ok()) << outcome.status();
    ASSERT_TRUE(outcome->applied) << IssueText(outcome->issues.at(0));
  }

  std::string EnrolBridge(const PrivateKey& key) {
    const auto token = CreateToken(*services_, Who("soc"),
                                   {.owner_upn = "second@agency.test",
                                    .group = "phones",
                                    .ttl = absl::Hours(1),
                                    .bridge = true},
                                   false);
    EXPECT_TRUE(token.ok()) << token.status();
    const auto enrolled = EnrollDevice(*services_, *ca_,
                                       {.token = token->token,
                                        .csr_der = MakeCsr(key),
                                        .hostname = "uem-bridge",
                                        .local_accounts = {},
                                        .from = "test",
                                        .bridge = true});
    EXPECT_TRUE(enrolled.ok()) << enrolled.status();
    Settle();
    return enrolled.ok() ? enrolled->device.device_id() : "";
  }

  DevicePeer PeerOf(const TestDevice& device) {
    return {device.id, device.key.key_id(), clock_.Now() + absl::Hours(24), "192.0.2.7"};
  }
  // The stream of the bridge, with its own Hello said.
  void Connect() {
    wire_ = std::make_shared<Wire>();
    stream_ = std::make_unique<BridgeStream>(*services_, *hub_, instances_);
    const absl::Status opened = stream_->Open(PeerOf(bridge_), wire_);
    ASSERT_TRUE(opened.ok()) << opened;
    v1::AgentMessage hello;
    hello.mutable_hello()->set_instance_id("i1");
    ASSERT_TRUE(stream_->OnMessage(hello).ok());
    Take();
  }
  void Drop() {
    stream_->OnClosed();
    stream_.reset();
  }

  std::string PhoneId(const std::string& uem_id) {
    return PhoneDeviceId("agency", bridge_.id, uem_id);
  }
  static v1::PhoneIdentity Identity(const std::string& uem_id, const std::string& user,
                                    v1::Platform::Id platform = v1::Platform::IOS) {
    v1::PhoneIdentity out;
    out.set_uem_id(uem_id);
    out.set_platform(platform);
    out.set_user_name(user);
    out.set_name(absl::StrCat(user, "'s phone"));
    return out;
  }
  absl::Status SayHello(const std::string& device_id, const v1::PhoneIdentity& identity) {
    v1::AgentMessage message;
    message.set_device_id(device_id);
    *message.mutable_hello()->mutable_phone() = identity;
    message.mutable_hello()->set_agent_version("1.0");
    const auto phone = phones_.find(device_id);
    if (phone != phones_.end()) {
      message.mutable_hello()->set_report_seq(phone->second.seq);
      message.mutable_hello()->set_report_sha256(phone->second.last_sha256);
    }
    return stream_->OnMessage(message);
  }
  // A phone with this user; its documents are published.
  std::string Phone(const std::string& uem_id, const std::string& user) {
    const std::string id = PhoneId(uem_id);
    EXPECT_TRUE(SayHello(id, Identity(uem_id, user)).ok());
    phones_.try_emplace(id, TestDevice{.key = bridge_.key, .id = id, .seq = 0, .last_sha256 = ""});
    Settle();
    return id;
  }
  absl::Status Send(const std::string& device_id, v1::Report report) {
    v1::AgentMessage message;
    message.set_device_id(device_id);
    *message.mutable_report() = phones_.at(device_id).Sign(std::move(report));
    return stream_->OnMessage(message);
  }

  // Takes every write, until there is none; what was written since the last time, in order.
  std::vector<v1::ControllerMessage> Take() {
    while (std::exchange(wire_->writing, false)) stream_->OnWriteDone();
    return std::exchange(wire_->written, {});
  }
  // "device kind detail" of each.
  std::vector<std::string> Told() {
    std::vector<std::string> out;
    for (const v1::ControllerMessage& m : Take()) {
      std::string text = absl::StrCat(m.device_id().empty() ? "bridge" : m.device_id(), " ");
      if (m.has_update()) {
        v1::AnyPayload any;
        EXPECT_TRUE(any.ParseFromString(m.update().documents(0).payload()));
        absl::StrAppend(&text, any.header().name());
      } else if (m.has_report_ack()) {
        absl::StrAppend(&text, "ack ", m.report_ack().seq());
      } else if (m.has_beacon()) {
        absl::StrAppend(&text, "beacon");
      } else if (m.has_drain()) {
        absl::StrAppend(&text, "drain");
      } else if (m.has_refusal()) {
        absl::StrAppend(&text, "refused ", m.refusal().code(), ": ", m.refusal().message());
      } else {
        absl::StrAppend(&text, "other");
      }
      out.push_back(text);
    }
    return out;
  }

  static v1::Report StateOf(const std::string& app, v1::PhoneApp::State state,
                            const std::string& why = "because") {
    v1::Report report;
    v1::PhoneReport& phone = *report.mutable_phone();
    phone.mutable_facts()->set_enrolment(v1::PhoneFacts::ENROLLED);
    phone.mutable_facts()->set_management(v1::PhoneFacts::SUPERVISED);
    v1::PhoneApp& line = *phone.add_apps();
    line.set_app_id(app);
    line.set_verdict("BLOCK");
    line.set_reason("NO_GRANT");
    line.set_state(state);
    line.set_why(why);
    return report;
  }
  // "verb reason" of every entry about an app of a phone, in the order of these verbs.
  std::vector<std::string> PhoneEntries() {
    std::vector<std::string> out;
    for (const char* verb : {"phone.violation", "phone.not-enforceable", "phone.resolved"}) {
      for (const v1::AuditEntry& e : Audited(verb)) {
        out.push_back(absl::StrCat(verb, " ", e.reason()));
      }
    }
    return out;
  }
  v1::Device DeviceNow(const std::string& id) { return LoadDevice(*store_->Read(), id)->value; }
  v1::PhoneStatus StatusNow(const std::string& id) {
    return Load<v1::PhoneStatus>(*store_->Read(), PhoneKey(id), "missing")->value;
  }

  InstanceWatch instances_;
  TestDevice bridge_;
  std::map<std::string, TestDevice> phones_;
  std::shared_ptr<Wire> wire_;
  std::unique_ptr<BridgeStream> stream_;
};

}  // namespace muster
