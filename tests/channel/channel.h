// The whole policy channel in one process: a real controller (store, keys, flows, hub), real agent
// flows, and a link between them that a test can drop, reorder, repeat and falsify.
#pragma once

#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/trust_root.h"
#include "controller/adapters/openssl/key_files.h"
#include "controller/flow/device_session.h"
#include "controller/flow/publish_cohort.h"
#include "tests/channel/laptop.h"
#include "tests/controller/flow/world.h"
#include "tests/support/test_device.h"

namespace muster {

// The real store, until a fault that was ordered comes. Remembers every document it was given.
class DyingStore final : public Store {
 public:
  enum class Fault { kDiskFull, kKilledBefore, kKilledAfter };

  DyingStore(std::unique_ptr<Store> real, std::set<std::string>* published)
      : real_(std::move(real)), published_(published) {}
  std::unique_ptr<Snapshot> Read() const override { return real_->Read(); }
  absl::StatusOr<uint64_t> Commit(Mutation m) override {
    if (dead_) return absl::UnavailableError("killed");
    const bool now = in_ > 0 && --in_ == 0;
    if (now && fault_ == Fault::kDiskFull) return absl::UnavailableError("no space");
    if (now) dead_ = true;
    if (now && fault_ == Fault::kKilledBefore) return absl::UnavailableError("killed");
    for (const Mutation::Put& put : m.puts) {
      v1::SignedDoc doc;
      if (put.key.rfind("document", 0) == 0 && doc.ParseFromString(put.bytes)) {
        published_->insert(Sha256Hex(doc.payload()));
      }
    }
    const auto revision = real_->Commit(std::move(m));
    if (dead_) return absl::UnavailableError("killed");
    return revision;
  }
  void FailIn(int n, Fault fault) { in_ = n, fault_ = fault; }
  bool dead() const { return dead_; }

 private:
  std::unique_ptr<Store> real_;
  std::set<std::string>* const published_;
  int in_ = 0;
  Fault fault_ = Fault::kDiskFull;
  bool dead_ = false;
};

// One connection. What the hub writes waits in `down` until the test delivers it.
struct Connection {
  struct Sink final : public DeviceSink {
    void Write(Frame frame) override {
      down.push_back(frame.head + (frame.body ? *frame.body : ""));
      writing = true;
    }
    void Close(const absl::Status& why) override {
      closed = true;
      reason = why;
    }
    void Cancel(const absl::Status& why) override { Close(why); }
    std::deque<std::string> down;
    bool writing = false, closed = false;
    absl::Status reason;
  };
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  std::unique_ptr<DeviceSession> session;
  std::deque<v1::AgentMessage> up;
};

class Channel : public World {
 protected:
  Channel() {
    published_.insert(Sha256Hex(RootNow().payload()));
    WrapStore();
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
    Settle();
  }

  // Replaces the store by one that can die, and everything that holds it.
  void WrapStore() {
    connections_.clear();
    reconciler_.reset();
    services_.reset();
    hub_ = std::make_unique<DeviceHub>(clock_);
    store_.reset();
    auto dying = std::make_unique<DyingStore>(*RocksDbStore::Open(dir_.File("db")), &published_);
    dying_ = dying.get();
    store_ = std::make_unique<FaultyStore>(std::move(dying));
    services_ = std::make_unique<Services>(Services{*store_, clock_, entropy_, work_, settings_});
    ASSERT_TRUE(AdoptRoot(*services_, signer_, LoadTenant(dir_.File("t"))->root).ok());
    reconciler_ =
        std::make_unique<Reconciler>(*services_, signer_, *directory_, *hub_, ReconcilerOptions{});
    work_.WakeAll();
  }
  // As after kill -9. `torn`: the write that was going on left half of itself.
  void RestartController(bool torn) {
    connections_.clear();
    if (torn) {
      reconciler_.reset();
      services_.reset();
      store_.reset();
      TearLog();
    }
    WrapStore();
  }
  void TearLog() {
    std::filesystem::path newest;
    for (const auto& file : std::filesystem::directory_iterator(dir_.File("db"))) {
      if (file.path().extension() == ".log" && file.path() > newest) newest = file.path();
    }
    ASSERT_FALSE(newest.empty());
    std::ofstream(newest, std::ios::app | std::ios::binary) << std::string(37, '\x5a');
  }

  SimLaptop& NewLaptop(const std::string& owner) {
    auto laptop = std::make_unique<SimLaptop>(
        dir_.File("laptop-" + std::to_string(laptops_.size())), clock_.Now());
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    const std::string id = EnrolDevice(key, owner, {"alice", "bob"}).device.device_id();
    laptop->Enrolled(id, key, RootNow());
    laptops_.push_back(std::move(laptop));
    return *laptops_.back();
  }

  v1::SignedDoc RootNow() {
    return Load<v1::SignedDoc>(*store_->Read(), DocumentKey(kRootName), "no root")->value;
  }

  void Connect(SimLaptop& laptop) {
    Connection& c = connections_[laptop.id()] = Connection();
    c.session = std::make_unique<DeviceSession>(*services_, *hub_, instances_);
    const absl::Status opened =
        c.session->Open({laptop.id(), laptop.key_sha256(), absl::InfiniteFuture(), "test"}, c.sink);
    if (!opened.ok()) {
      c.sink->Close(opened);
      return;
    }
    laptop.Connect();
    Collect(laptop);
  }
  void Drop(SimLaptop& laptop) {
    const auto it = connections_.find(laptop.id());
    if (it == connections_.end()) return;
    it->second.session->OnClosed();
    connections_.erase(it);
    laptop.Disconnect();
  }
  bool Connected(SimLaptop& laptop) {
    const auto it = connections_.find(laptop.id());
    return it != connections_.end() && !it->second.sink->closed;
  }
  void Collect(SimLaptop& laptop) {
    for (v1::AgentMessage& m : laptop.Take()) connections_[laptop.id()].up.push_back(std::move(m));
  }
  // The transport has taken what was written: the hub may write again.
  static void Taken(Connection& c) {
    while (std::exchange(c.sink->writing, false)) c.session->OnWriteDone();
  }

  // One message each way, if there is any.
  bool StepDown(SimLaptop& laptop) {
    Connection& c = connections_[laptop.id()];
    if (c.sink->down.empty()) return false;
    v1::ControllerMessage message;
    EXPECT_TRUE(message.ParseFromString(c.sink->down.front()));
    c.sink->down.pop_front();
    laptop.agent().OnMessage(message);
    Collect(laptop);
    Taken(c);
    return true;
  }
  bool StepUp(SimLaptop& laptop) {
    Connection& c = connections_[laptop.id()];
    if (c.up.empty()) return false;
    const v1::AgentMessage message = std::move(c.up.front());
    c.up.pop_front();
    if (const absl::Status status = c.session->OnMessage(message); !status.ok()) {
      c.sink->Close(status);
    }
    return true;
  }

  // Until nobody has anything to say. False: it does not end.
  bool Quiet() {
    for (int i = 0; i < 200; ++i) {
      Settle();
      bool moved = false;
      for (const auto& laptop : laptops_) {
        if (!Connected(*laptop)) continue;
        Collect(*laptop);
        while (StepUp(*laptop)) moved = true;
        while (StepDown(*laptop)) moved = true;
      }
      if (!moved) return true;
    }
    return false;
  }

  // The hashes that a laptop would run after a restart, by document name.
  std::map<std::string, std::string> InForce(const SimLaptop& laptop) {
    std::map<std::string, std::string> out;
    const v1::AcceptedState state = laptop.Saved();
    for (const v1::SignedDoc* doc :
         {&state.root(), &state.cohort(), &state.assignment(), &state.emergency_deny()}) {
      if (doc->payload().empty()) continue;
      v1::AnyPayload any;
      EXPECT_TRUE(any.ParseFromString(doc->payload()));
      out[any.header().name()] = Sha256Hex(doc->payload());
    }
    return out;
  }
  std::map<std::string, std::string> Wanted(const SimLaptop& laptop) {
    std::map<std::string, std::string> out;
    const auto snapshot = store_->Read();
    for (const auto found =
             DocumentsFor(*snapshot, LoadDevice(*snapshot, laptop.id())->value, clock_.Now());
         const DocumentPtr& doc : *found) {
      out[doc->name] = doc->sha256;
    }
    return out;
  }
  // "name STATE" of each of its documents, as the controller shows them.
  std::vector<std::string> Shown(const SimLaptop& laptop) {
    std::vector<std::string> out;
    const auto snapshot = store_->Read();
    for (const auto states = StatesOf(*snapshot, LoadDevice(*snapshot, laptop.id())->value,
                                      hub_->DeliveriesOf(laptop.id()), clock_.Now());
         const v1::DocumentState& s : *states) {
      out.push_back(absl::StrCat(s.name(), " ", v1::DocumentState::State_Name(s.state()), " ",
                                 s.code(), s.detail()));
    }
    return out;
  }

  // An operator with the offline keys of the tenant folder.
  PrivateKey OfflineKey(const std::string& name) {
    return *ReadPrivateKey(dir_.File("t/root-keys/" + name + ".key"));
  }
  absl::Status PublishDeny(const std::vector<std::string>& apps, uint64_t version) {
    v1::EmergencyDeny deny;
    v1::DocumentHeader* header = deny.mutable_header();
    header->set_tenant("agency");
    header->set_kind("emergency_deny");
    header->set_name(kEmergencyDenyName);
    header->set_epoch(signer_.epoch());
    header->set_version(version);
    *header->mutable_issued_at() = ToProto(clock_.Now());
    *header->mutable_not_after() = ToProto(clock_.Now() + limits::kEmergencyDenyLife);
    deny.mutable_app_ids()->Assign(apps.begin(), apps.end());
    deny.set_lifts_all(apps.empty());
    return PublishTrust(*services_, signer_, Who("soc"),
                        {*MakeSignedDoc(deny, {OfflineKey("emergency")})}, false)
        .status();
  }
  // A new root, signed by two of three; with `new_policy_key` the policy role gets another key.
  absl::Status RotateRoot(bool new_policy_key, bool compromised) {
    v1::Root root = *RootOf(RootNow());
    RoleChange change;
    change.role = "policy";
    change.compromised = compromised;
    if (new_policy_key) {
      const auto key =
          NewKeyPair(dir_.File("t/keys/policy-" + std::to_string(root.header().version() + 1)));
      MUSTER_RETURN_IF_ERROR(key.status());
      MUSTER_ASSIGN_OR_RETURN(const v1::TrustedKey trusted, TrustedKeyFromSpki(key->spki()));
      change.add = {trusted};
      change.replace = true;
    }
    MUSTER_ASSIGN_OR_RETURN(const v1::Root next, NextRoot(root, change, clock_.Now()));
    MUSTER_ASSIGN_OR_RETURN(const v1::SignedDoc doc,
                            MakeSignedDoc(next, {OfflineKey("root-1"), OfflineKey("root-3")}));
    return PublishTrust(*services_, signer_, Who("soc"), {doc}, false).status();
  }

  std::set<std::string> published_;
  DyingStore* dying_ = nullptr;  // owned by store_
  InstanceWatch instances_;
  std::map<std::string, Connection> connections_;
  std::vector<std::unique_ptr<SimLaptop>> laptops_;
};

}  // namespace muster
