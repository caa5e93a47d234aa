// A bridge's stream over real gRPC: phones of two bridges and a laptop beside each other, on one
// controller. Nobody hears or says what is another one's.
#include "tests/channel/served/served.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;
constexpr absl::StatusCode kDenied = absl::StatusCode::kPermissionDenied;

// A bridge, its present stream, and for whom every message on it was.
struct Party {
  std::unique_ptr<SimBridge> bridge;
  std::set<std::string> phones;
  std::unique_ptr<WireStream> stream;
  std::map<std::string, int> heard;  // messages by device
  std::vector<v1::ControllerMessage> refusals;
};

class StreamsTest : public ServedChannel {
 protected:
  StreamsTest() {
    for (Party* party : {&one_bridge_, &other_}) {
      party->bridge = NewBridge();
      for (const char* owner : {"alice", "bob", "u1"}) {
        party->phones.insert(party->bridge->Add(owner));
      }
      Open(*party);
    }
    const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
    const EnrolledDevice enrolled = EnrolDevice(key, "alice", {"alice", "bob"});
    certificates_[enrolled.device.device_id()] = enrolled.certificate_pem;
    laptop_ = std::make_unique<SimLaptop>(dir_.File("laptop"), clock_.Now());
    laptop_->Enrolled(enrolled.device.device_id(), key, RootNow());
    laptop_stream_ = NewStream(laptop_->id(), key);
    laptop_->Connect();
  }
  ~StreamsTest() override {
    for (Party* party : {&one_bridge_, &other_}) party->stream.reset();
    laptop_stream_.reset();
  }

  void Open(Party& party) {
    party.stream = NewStream(party.bridge->id(), party.bridge->key());
    party.bridge->Connect();
  }

  // What both ends have to say now. False: nothing.
  bool Round() {
    bool moved = false;
    for (Party* party : {&one_bridge_, &other_}) moved = Move(*party) || moved;
    for (const v1::AgentMessage& m : laptop_->Take()) {
      laptop_stream_->Say(m);
      moved = true;
    }
    while (const auto m = laptop_stream_->Hear()) {
      EXPECT_EQ(m->device_id(), "");
      CheckNames(*m, laptop_->id());
      laptop_->agent().OnMessage(*m);
      moved = true;
    }
    return moved;
  }
  bool Move(Party& party) {
    if (party.stream == nullptr) return false;
    bool moved = false;
    for (const v1::AgentMessage& m : party.bridge->Take()) {
      party.stream->Say(m);
      moved = true;
    }
    while (const auto m = party.stream->Hear()) {
      moved = true;
      ++party.heard[m->device_id()];
      if (m->has_refusal()) {
        party.refusals.push_back(*m);
      } else {
        EXPECT_TRUE(m->device_id().empty() || party.phones.contains(m->device_id()))
            << m->device_id();
      }
      CheckNames(*m, m->device_id().empty() ? party.bridge->id() : m->device_id());
      party.bridge->sessions().OnMessage(*m);
    }
    return moved;
  }
  // An assignment comes to the device that it names.
  static void CheckNames(const v1::ControllerMessage& message, const std::string& device) {
    for (const v1::SignedDoc& doc : message.update().documents()) {
      v1::AnyPayload any;
      ASSERT_TRUE(any.ParseFromString(doc.payload()));
      if (any.header().name().rfind("assignment/", 0) != 0) continue;
      EXPECT_EQ(any.header().name(), AssignmentName(device));
    }
  }
  template <typename Done>
  bool Reached(Done done) {
    return Until([this] { return Round(); }, done);
  }

  bool Verified(const std::string& id) {
    if (!LoadDevice(*store_->Read(), id).ok()) return false;  // its Hello is on the way
    const Strings shown = ShownOf(id);
    return shown.size() == 3 && std::all_of(shown.begin(), shown.end(), [](const std::string& s) {
             return absl::EndsWith(s, " VERIFIED");
           });
  }
  bool Settled(const Party& party) {
    return std::all_of(party.phones.begin(), party.phones.end(),
                       [this](const std::string& id) { return Verified(id); });
  }
  bool AllSettled() { return Settled(one_bridge_) && Settled(other_) && Verified(laptop_->id()); }
  // How many of them, the bridge too, have a stream.
  size_t Connected(const Party& party) {
    size_t out = hub_->Connected(party.bridge->id());
    for (const std::string& id : party.phones) out += hub_->Connected(id);
    return out;
  }
  // Whose it is, as far as no report changes it.
  std::string OwnershipOf(const std::string& id) {
    const v1::Device device = DeviceNow(id);
    return absl::StrCat(device.bridge_id(), " ", device.owner_upn(), " ", device.hostname(), " ",
                        v1::Device::State_Name(device.state()));
  }
  std::string PhoneOf(const Party& party, const std::string& owner) {
    for (const std::string& id : party.phones) {
      if (DeviceNow(id).owner_upn() == owner + "@agency.test") return id;
    }
    return "";
  }

  Party one_bridge_, other_;
  std::unique_ptr<SimLaptop> laptop_;
  std::unique_ptr<WireStream> laptop_stream_;
};

TEST_F(StreamsTest, EachHearsWhatIsItsOwn) {
  ASSERT_TRUE(Reached([&] { return AllSettled(); }));
  const std::string alices = PhoneOf(one_bridge_, "alice"), hers = PhoneOf(other_, "alice");
  Grant("alice");
  const auto allowed = [](Party& party, const std::string& id) {
    return party.bridge->Verdict(id, "whatsapp").substr(0, 5) == "ALLOW";
  };
  ASSERT_TRUE(Reached([&] {
    return allowed(one_bridge_, alices) && allowed(other_, hers) &&
           laptop_->Verdict("whatsapp", 20001).substr(0, 5) == "ALLOW" && AllSettled() &&
           one_bridge_.heard.size() == 4 && other_.heard.size() == 4;
  }));
  for (Party* party : {&one_bridge_, &other_}) {
    // Each phone and the bridge itself heard something; Round() looked at whose it was.
    EXPECT_TRUE(party->refusals.empty());
    for (const std::string& id : party->phones) {
      EXPECT_EQ(allowed(*party, id), id == alices || id == hers) << DeviceNow(id).owner_upn();
    }
  }
}

TEST_F(StreamsTest, AnotherBridgesPhoneIsRefusedAndTheStreamGoesOn) {
  ASSERT_TRUE(Reached([&] { return AllSettled(); }));
  const std::string strange = PhoneOf(other_, "bob");
  const std::string before = OwnershipOf(strange);
  v1::AgentMessage hello, report;
  hello.set_device_id(strange);
  v1::PhoneIdentity* phone = hello.mutable_hello()->mutable_phone();
  phone->set_uem_id("uem-1");
  phone->set_platform(v1::Platform::IOS);
  phone->set_user_name("bob");
  report.set_device_id(strange);
  report.mutable_report()->set_payload("not its own");
  for (const v1::AgentMessage& said : {hello, report}) {
    one_bridge_.refusals.clear();
    one_bridge_.stream->Say(said);
    ASSERT_TRUE(Reached([&] { return !one_bridge_.refusals.empty(); }));
    ASSERT_EQ(one_bridge_.refusals.size(), 1u);
    EXPECT_EQ(one_bridge_.refusals[0].device_id(), strange);
    EXPECT_EQ(one_bridge_.refusals[0].refusal().code(), static_cast<uint32_t>(kDenied));
  }
  EXPECT_EQ(OwnershipOf(strange), before);
  EXPECT_EQ(DeviceNow(one_bridge_.bridge->id()).alarms_size(), 1);
  EXPECT_EQ(Connected(other_), 4u);
  // Its own phones have lost nothing by it.
  EXPECT_FALSE(one_bridge_.stream->end().has_value());
  Grant("bob");
  EXPECT_TRUE(Reached([&] {
    return one_bridge_.bridge->Verdict(PhoneOf(one_bridge_, "bob"), "whatsapp").substr(0, 5) ==
           "ALLOW";
  }));
}

TEST_F(StreamsTest, ALaptopThatNamesADeviceIsRefused) {
  ASSERT_TRUE(Reached([&] { return AllSettled(); }));
  const std::string named = PhoneOf(one_bridge_, "bob");
  const std::string before = OwnershipOf(named);
  v1::AgentMessage hello;
  hello.set_device_id(named);
  hello.mutable_hello()->set_agent_version("1");
  laptop_stream_->Say(hello);
  ASSERT_TRUE(Reached([&] { return laptop_stream_->end().has_value(); }));
  EXPECT_EQ(laptop_stream_->end(), kDenied);
  ASSERT_TRUE(Reached([&] { return !hub_->Connected(laptop_->id()); }));
  EXPECT_EQ(OwnershipOf(named), before);
  EXPECT_EQ(Connected(one_bridge_), 4u);
  EXPECT_EQ(Connected(other_), 4u);
}

TEST_F(StreamsTest, AStreamThatEndsFreesItsPhonesAndTheNextOneTellsWhatWasMissed) {
  ASSERT_TRUE(Reached([&] { return AllSettled(); }));
  EXPECT_EQ(Connected(one_bridge_), 4u);
  one_bridge_.stream.reset();
  one_bridge_.bridge->Disconnect();
  ASSERT_TRUE(Reached([&] { return Connected(one_bridge_) == 0; }));
  EXPECT_EQ(Connected(other_), 4u);
  EXPECT_TRUE(hub_->Connected(laptop_->id()));

  const std::string alices = PhoneOf(one_bridge_, "alice");
  Grant("alice");
  ASSERT_TRUE(Reached([&] {
    return other_.bridge->Verdict(PhoneOf(other_, "alice"), "whatsapp").substr(0, 5) == "ALLOW";
  }));
  EXPECT_EQ(one_bridge_.bridge->Verdict(alices, "whatsapp"), "BLOCK NO_GRANT");
  Open(one_bridge_);
  EXPECT_TRUE(Reached([&] {
    return one_bridge_.bridge->Verdict(alices, "whatsapp").substr(0, 5) == "ALLOW" &&
           AllSettled() && Connected(one_bridge_) == 4;
  }));
}

TEST_F(StreamsTest, ANewerStreamOfTheSameBridgeTakesOverWhole) {
  ASSERT_TRUE(Reached([&] { return AllSettled(); }));
  const std::unique_ptr<WireStream> older = std::move(one_bridge_.stream);
  one_bridge_.bridge->Disconnect();
  Open(one_bridge_);
  ASSERT_TRUE(Reached([&] { return older->end().has_value(); }));
  EXPECT_EQ(older->end(), absl::StatusCode::kAborted);
  Grant("u1");
  // The end of the older one has taken nothing from the newer one's phones.
  const std::string phone = PhoneOf(one_bridge_, "u1");
  EXPECT_TRUE(Reached([&] {
    return one_bridge_.bridge->Verdict(phone, "whatsapp").substr(0, 5) == "ALLOW" && AllSettled() &&
           Connected(one_bridge_) == 4;
  }));
}

}  // namespace
}  // namespace muster
