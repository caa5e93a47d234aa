// The whole way of a phone on one clock: a real controller with its directory file, the bridge's
// engine and REST client, and the simulator of the UEM, which copies its user group from that same
// directory file.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "bridge/adapters/ws1/ws1_client.h"
#include "bridge/flow/engine.h"
#include "tests/channel/phones.h"
#include "tests/support/uem_simulator/client_options.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster {

class PhoneStory : public PhoneChannel {
 protected:
  static uemsim::SimOptions Simulated() {
    uemsim::SimOptions out;
    out.per_minute = 600;
    out.per_day = 50'000;
    out.check_in_every = absl::Minutes(5);
    return out;
  }

  PhoneStory()
      : sim_(Simulated(), &clock_),
        client_(bridge::SimulatedUem(Simulated()), &sim_, &clock_),
        key_(NewKey()) {
    group_ = sim_.AddUserGroup({.name = "app-whatsapp"});
    managed_ = sim_.AddManagedApp(
        {.platform = v1::Platform::IOS, .bundle_id = "test.whatsapp", .name = "WhatsApp"});
    bridge_id_ = EnrolBridge(key_);
    const auto root = VerifyRoot(RootNow(), nullptr, "agency", Floor(), clock_.Now());
    EXPECT_TRUE(
        state_.Write(agent::kAcceptedFile, agent::FirstState(RootNow(), *root).SerializeAsString())
            .ok());
    EXPECT_TRUE(state_.Commit().ok());
    Boot();
  }
  static PrivateKey NewKey() { return *PrivateKey::Generate(kEcdsaP256Sha256); }

  // As at a start of the program: everything from what was committed, on a new stream.
  void Boot() {
    if (line_.stream != nullptr) line_.stream->OnClosed();
    engine_.reset();
    state_.Crash();
    bridge::EngineParts parts{
        .identity = {"agency", bridge_id_, key_.key_id(), absl::StrCat("start-", ++boots_)},
        .key = key_};
    parts.store = &state_;
    parts.clock = &clock_;
    parts.fleet.tenant = "agency";
    parts.fleet.bridge_id = bridge_id_;
    parts.fleet.pace.per_minute = 600;
    bridge::AppConfig app;
    app.app_id = "whatsapp";
    app.user_group = group_;
    app.ios = bridge::ManagedApp{"whatsapp", v1::Platform::IOS, bridge::ManagedApp::Kind::kPublic,
                                 absl::StrCat(managed_), "test.whatsapp"};
    parts.fleet.apps = {app};
    parts.uem = client_.Name();
    parts.host_name = "bridge";
    parts.version = "test";
    engine_ = std::make_unique<bridge::Engine>(std::move(parts));
    const absl::Status loaded = engine_->Load();
    ASSERT_TRUE(loaded.ok()) << loaded;
    line_ = Line();
    line_.stream = std::make_unique<BridgeStream>(*services_, *hub_, instances_);
    ASSERT_TRUE(
        line_.stream->Open({bridge_id_, key_.key_id(), absl::InfiniteFuture(), "test"}, line_.sink)
            .ok());
    sent_ = 0;
    engine_->outbox().Open(engine_->MakeHello());
    engine_->OnConnected();
  }

  std::string AddPhone(const std::string& owner, v1::PhoneFacts::Management management) {
    uemsim::SimPhone phone;
    phone.user = owner + "@agency.test";
    phone.management = management;
    sim_.AddUser(phone.user);
    return sim_.AddPhone(phone);
  }
  std::string DeviceOf(const std::string& uuid) const {
    return PhoneDeviceId("agency", bridge_id_, uuid);
  }

  // Where a call can be cut off by the end of the program.
  enum class Moment { kTaken, kCarriedOut, kAnswered };
  // It ends as soon as this is true, once, and starts again.
  using KillAt = std::function<bool(const bridge::UemCall&, Moment)>;
  void ArmKill(KillAt kill_at) { kill_at_ = std::move(kill_at); }
  bool killed() const { return kill_at_ == nullptr; }

  // Until the moment, or until `done`.
  void RunFor(absl::Duration time, const std::function<bool()>& done = nullptr) {
    const absl::Time end = clock_.Now() + time;
    while (clock_.Now() < end && !(done && done())) {
      ASSERT_TRUE(TalkAll());
      CopyDirectory();
      absl::Time wake = end;
      if (const std::optional<bridge::UemCall> call = engine_->TakeCall(&wake)) {
        MakeCall(*call);
        continue;
      }
      wake = std::min({wake, engine_->Tick(), sim_.NextAt(), clock_.Now() + absl::Seconds(5), end});
      clock_.Set(std::max(wake, clock_.Now() + absl::Milliseconds(10)));
      work_.WakeAll();
    }
  }

  // "ALLOW COMPLIANT MANAGED" as the controller shows it; "(none)": nothing was reported.
  std::string ShownApp(const std::string& uuid, const std::string& app_id = "whatsapp") {
    const v1::PhoneApp app = AppNow(uuid, app_id);
    if (app.app_id().empty()) return "(none)";
    return absl::StrCat(app.verdict(), " ", v1::PhoneApp::State_Name(app.state()), " ",
                        v1::PhoneApp::Presence_Name(app.presence()));
  }
  v1::PhoneApp AppNow(const std::string& uuid, const std::string& app_id = "whatsapp") {
    const auto status = Load<v1::PhoneStatus>(
        *store_->Read(), absl::StrCat("phone/", DeviceOf(uuid)), "not reported");
    if (!status.ok()) return {};
    for (const v1::PhoneApp& app : status->value.report().apps()) {
      if (app.app_id() == app_id) return app;
    }
    return {};
  }
  // "test.whatsapp managed" of what is really on the phone.
  std::vector<std::string> Truth(const std::string& uuid) {
    std::vector<std::string> out;
    const uemsim::PhoneTruth truth = *sim_.Phone(uuid);
    for (const uemsim::TrueApp& app : truth.apps) {
      out.push_back(absl::StrCat(app.bundle_id, app.managed ? " managed" : " by person",
                                 app.hidden ? " hidden" : ""));
    }
    return out;
  }
  // Calls whose path ends so, since a moment.
  std::vector<uemsim::CallRecord> CallsTo(const std::string& path_end, absl::Time since) {
    std::vector<uemsim::CallRecord> out;
    for (const uemsim::CallRecord& call : sim_.Calls()) {
      if (call.at >= since && absl::EndsWith(call.target, path_end)) out.push_back(call);
    }
    return out;
  }

  uemsim::Simulator sim_;
  bridge::Ws1Client client_;
  const PrivateKey key_;
  std::string group_, bridge_id_;
  uint64_t managed_ = 0;
  bridge::MemoryBridgeStore state_;
  std::unique_ptr<bridge::Engine> engine_;

 private:
  // Members of the approval group as the directory file has them.
  void CopyDirectory() {
    std::vector<std::string> members;
    for (const absl::string_view line : absl::StrSplit(DirectoryText(), '\n')) {
      constexpr absl::string_view kMember = "member: uid=";
      if (!absl::StartsWith(line, kMember)) continue;
      const std::pair<absl::string_view, absl::string_view> name =
          absl::StrSplit(line.substr(kMember.size()), absl::MaxSplits(',', 1));
      members.push_back(absl::StrCat(name.first, "@agency.test"));
    }
    EXPECT_TRUE(sim_.SetDirectory(group_, std::move(members)).ok());
  }
  std::vector<v1::AgentMessage> Take() {
    std::vector<v1::AgentMessage> out;
    v1::AgentMessage end;
    end.mutable_ack()->set_name("end of the answers");
    engine_->outbox().Push(end);
    while (auto next = engine_->outbox().Take()) {
      if (next->ack().name() == end.ack().name()) break;
      out.push_back(*std::move(next));
    }
    while (const auto next = engine_->reports().Next(sent_)) {
      out.push_back(*engine_->outbox().Take());
      sent_ = next->seq;
    }
    return out;
  }
  bool Ends(const bridge::UemCall& call, Moment moment) {
    if (kill_at_ == nullptr || !kill_at_(call, moment)) return false;
    kill_at_ = nullptr;
    Boot();
    return true;
  }
  void MakeCall(const bridge::UemCall& call) {
    if (Ends(call, Moment::kTaken)) return;
    const bridge::UemAnswer answer = client_.Do(call);
    clock_.Advance(std::max(sim_.TakeLatency(), absl::Milliseconds(1)));
    if (Ends(call, Moment::kCarriedOut)) return;
    engine_->GiveAnswer(call, answer);
    Ends(call, Moment::kAnswered);
  }
  // Until neither end has anything to say. False: it does not end.
  bool TalkAll() {
    for (int i = 0; i < 500; ++i) {
      Settle();
      engine_->Tick();
      bool moved = false;
      for (const v1::AgentMessage& m : Take()) {
        const absl::Status said = line_.stream->OnMessage(m);
        EXPECT_TRUE(said.ok()) << said;
        moved = true;
      }
      while (!line_.sink->down.empty()) {
        v1::ControllerMessage message;
        EXPECT_TRUE(message.ParseFromString(line_.sink->down.front()));
        line_.sink->down.pop_front();
        while (std::exchange(line_.sink->writing, false)) line_.stream->OnWriteDone();
        engine_->OnMessage(message);
        moved = true;
      }
      if (!moved) return true;
    }
    return false;
  }

  Line line_;
  KillAt kill_at_;
  uint64_t sent_ = 0;
  int boots_ = 0;
};

}  // namespace muster
