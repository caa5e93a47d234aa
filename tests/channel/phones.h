// A bridge with its phones on the policy channel: a real controller on one end of the stream, the
// bridge's real sessions on the other, and a link that a test can drop and falsify.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bridge/flow/sessions.h"
#include "common/phone_id.h"
#include "controller/flow/bridge_stream.h"
#include "tests/bridge/memory_bridge_store.h"
#include "tests/channel/channel.h"

namespace muster {

// A bridge that knows no UEM: what its phones should have is all it learns.
class SimBridge {
 public:
  SimBridge(std::string id, PrivateKey key, const v1::SignedDoc& root, const Clock* clock)
      : id_(std::move(id)), key_(std::move(key)), clock_(clock) {
    const auto verified = VerifyRoot(root, nullptr, "agency", Floor(), clock->Now());
    EXPECT_TRUE(verified.ok()) << verified.status();
    store_.Write(agent::kAcceptedFile, agent::FirstState(root, *verified).SerializeAsString())
        .IgnoreError();
    store_.Commit().IgnoreError();
    Boot();
  }
  // As at a start of the program: everything from what was committed.
  void Boot() {
    sessions_.reset();
    store_.Crash();
    policies.clear();
    bridge::SessionEvents events;
    events.policy = [this](const std::string& id, bridge::PhonePolicyPtr policy) {
      policies[id] = std::move(policy);
    };
    events.canaries = [](const std::string&) {
      v1::Canary canary;
      canary.set_filesystem("restrictions profile");
      canary.set_result(v1::Canary::BLOCKED);
      return std::vector<v1::Canary>{canary};
    };
    sessions_ = std::make_unique<bridge::Sessions>(
        bridge::BridgeIdentity{"agency", id_, key_.key_id(), absl::StrCat("start-", ++boots_)},
        key_, &store_, clock_, std::move(events));
    const absl::Status loaded = sessions_->Load();
    EXPECT_TRUE(loaded.ok()) << loaded;
    for (const auto& [id, phone] : phones_) sessions_->Add(phone, id);
  }
  std::string Add(const std::string& user) {
    v1::PhoneIdentity phone;
    phone.set_uem_id(absl::StrCat("uem-", phones_.size()));
    phone.set_platform(v1::Platform::IOS);
    phone.set_user_name(user);
    const std::string id = PhoneDeviceId("agency", id_, phone.uem_id());
    phones_[id] = phone;
    sessions_->Add(phone, id);
    return id;
  }
  void Connect() {
    sent_ = 0;
    sessions_->outbox().Open(sessions_->MakeHello());
    sessions_->OnConnected();
  }
  void Disconnect() {
    sessions_->outbox().Close();
    sessions_->OnDisconnected();
  }
  void Work() {
    for (int i = 0; i < 10'000 && sessions_->NextTick() <= clock_->Now(); ++i) sessions_->Tick();
  }
  std::vector<v1::AgentMessage> Take() {
    Work();
    std::vector<v1::AgentMessage> out;
    v1::AgentMessage end;
    end.mutable_ack()->set_name("end of the answers");
    sessions_->outbox().Push(end);
    while (auto next = sessions_->outbox().Take()) {
      if (next->ack().name() == end.ack().name()) break;
      out.push_back(*std::move(next));
    }
    while (const auto next = sessions_->reports().Next(sent_)) {
      out.push_back(*sessions_->outbox().Take());
      sent_ = next->seq;
    }
    return out;
  }
  // "ALLOW GRANT GRT-1" for an app on a phone; "(none)": no policy has reached it.
  std::string Verdict(const std::string& id, const std::string& app) {
    const auto it = policies.find(id);
    if (it == policies.end()) return "(none)";
    const bridge::AppRuling* ruling = it->second->FindByBundle("test." + app);
    if (ruling == nullptr) return "(no app)";
    return absl::StrCat(v1::Verdict::Kind_Name(ruling->verdict), " ", ruling->reason,
                        it->second->stale ? " stale" : "");
  }

  bridge::Sessions& sessions() { return *sessions_; }
  bridge::MemoryBridgeStore& store() { return store_; }
  const std::string& id() const { return id_; }
  const PrivateKey& key() const { return key_; }

  std::map<std::string, bridge::PhonePolicyPtr> policies;

 private:
  const std::string id_;
  const PrivateKey key_;
  const Clock* const clock_;
  bridge::MemoryBridgeStore store_;
  std::map<std::string, v1::PhoneIdentity> phones_;
  std::unique_ptr<bridge::Sessions> sessions_;
  uint64_t sent_ = 0;
  int boots_ = 0;
};

class PhoneChannel : public Channel {
 protected:
  struct Line {
    std::shared_ptr<Connection::Sink> sink = std::make_shared<Connection::Sink>();
    std::unique_ptr<BridgeStream> stream;
  };
  using OnWay = std::function<bool(v1::ControllerMessage&)>;  // false: it is lost

  PhoneChannel() {
    // The catalogue of the other tests, on iPhones.
    LoadedPolicies loaded;
    loaded.trm.emplace();
    loaded.blocklist.emplace();
    for (const char* id : {"whatsapp", "signal", "slack"}) {
      Located<v1::App> app;
      app.value.set_id(id);
      app.value.set_name(id);
      v1::AppIdentity* identity = app.value.add_identities();
      identity->set_platform(v1::Platform::IOS);
      identity->set_origin(v1::Origin::BUNDLE);
      identity->set_package_id(absl::StrCat("test.", id));
      loaded.apps.push_back(app);
    }
    for (const char* id : {"whatsapp", "signal"}) {
      Located<v1::Trm> trm;
      trm.value.set_app_id(id);
      trm.value.set_status(id == std::string("signal") ? v1::Trm::PROHIBITED : v1::Trm::RESTRICTED);
      trm.value.set_decision_id("TRM-1");
      loaded.trm->push_back(trm);
      loaded.blocklist->push_back({id, "blocklist.yaml", 2, 5});
    }
    const auto outcome = ApplyPolicies(*services_, Who("soc"), loaded, {});
    EXPECT_TRUE(outcome.ok() && outcome->applied) << outcome.status();
    Settle();
  }

  // Its device id.
  std::string EnrolBridge(const PrivateKey& key) {
    TokenWish wish;
    wish.owner_upn = "desk@agency.test";
    wish.ttl = absl::Hours(1);
    wish.bridge = true;
    const auto token = CreateToken(*services_, Who("soc"), wish, false);
    EXPECT_TRUE(token.ok()) << token.status();
    Enrollment enrollment;
    enrollment.token = token->token;
    enrollment.csr_der = MakeCsr(key);
    enrollment.hostname = "bridge";
    enrollment.from = "test";
    enrollment.bridge = true;
    const auto enrolled = EnrollDevice(*services_, *ca_, enrollment);
    EXPECT_TRUE(enrolled.ok()) << enrolled.status();
    Settle();
    certificates_[enrolled->device.device_id()] = enrolled->certificate_pem;
    return enrolled->device.device_id();
  }
  std::unique_ptr<SimBridge> NewBridge() {
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    const std::string id = EnrolBridge(key);
    return std::make_unique<SimBridge>(id, key, RootNow(), &clock_);
  }

  absl::Status Connect(SimBridge& bridge) {
    Line& line = lines_[bridge.id()] = Line();
    line.stream = std::make_unique<BridgeStream>(*services_, *hub_, instances_);
    MUSTER_RETURN_IF_ERROR(line.stream->Open(
        {bridge.id(), bridge.key().key_id(), absl::InfiniteFuture(), "test"}, line.sink));
    bridge.Connect();
    return absl::OkStatus();
  }
  void Drop(SimBridge& bridge) {
    if (const auto it = lines_.find(bridge.id()); it != lines_.end()) {
      it->second.stream->OnClosed();
      lines_.erase(it);
    }
    bridge.Disconnect();
  }
  absl::Status Say(SimBridge& bridge, const v1::AgentMessage& message) {
    return lines_[bridge.id()].stream->OnMessage(message);
  }
  // What the controller writes, one message at a time.
  std::optional<v1::ControllerMessage> Hear(SimBridge& bridge) {
    Line& line = lines_[bridge.id()];
    if (line.sink->down.empty()) return std::nullopt;
    v1::ControllerMessage message;
    EXPECT_TRUE(message.ParseFromString(line.sink->down.front()));
    line.sink->down.pop_front();
    while (std::exchange(line.sink->writing, false)) line.stream->OnWriteDone();
    return message;
  }
  // Until nobody has anything to say. False: it does not end.
  bool Talk(SimBridge& bridge, const OnWay& on_way = nullptr) {
    for (int i = 0; i < 500; ++i) {
      Settle();
      bool moved = false;
      for (const v1::AgentMessage& m : bridge.Take()) {
        const absl::Status said = Say(bridge, m);
        EXPECT_TRUE(said.ok()) << said;
        moved = true;
      }
      while (auto message = Hear(bridge)) {
        moved = true;
        if (on_way && !on_way(*message)) continue;
        bridge.sessions().OnMessage(*message);
      }
      if (!moved) return true;
    }
    return false;
  }
  v1::Device DeviceNow(const std::string& id) {
    const auto device = LoadDevice(*store_->Read(), id);
    EXPECT_TRUE(device.ok()) << device.status();
    return device.ok() ? device->value : v1::Device();
  }
  // "name STATE" of each of its documents, as the controller shows them.
  std::vector<std::string> ShownOf(const std::string& id) {
    std::vector<std::string> out;
    const auto snapshot = store_->Read();
    for (const auto states =
             StatesOf(*snapshot, DeviceNow(id), hub_->DeliveriesOf(id), clock_.Now());
         const v1::DocumentState& s : *states) {
      out.push_back(absl::StrCat(s.name(), " ", v1::DocumentState::State_Name(s.state()),
                                 s.nacked_at().seconds() > 0 ? s.code() + s.detail() : ""));
    }
    return out;
  }
  std::string Grant(const std::string& person) {
    const auto request = SubmitFor(person);
    EXPECT_TRUE(request.ok()) << request.status();
    EXPECT_TRUE(ApproveBy("soc", request->request_id()).ok());
    return request->request_id();
  }

  std::map<std::string, Line> lines_;
  std::map<std::string, std::string> certificates_;  // PEM, by device id
};

}  // namespace muster
