// One stream for a bridge and its phones.
#include "controller/flow/bridge_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/controller/flow/phone_world.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;

class BridgeStreamTest : public PhoneWorld {
 protected:
  BridgeStreamTest() { Connect(); }

  v1::AgentMessage Ack(const std::string& device_id) {
    v1::AgentMessage message;
    message.set_device_id(device_id);
    message.mutable_ack()->set_name("x");
    return message;
  }
  static int Count(const Strings& told, const std::string& what) {
    return static_cast<int>(std::count_if(told.begin(), told.end(), [&](const std::string& t) {
      return t.find(what) != std::string::npos;
    }));
  }
};

TEST_F(BridgeStreamTest, EachPhoneGetsItsOwnDocumentsByName) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  const Strings told = Told();
  for (const std::string& id : {one, two}) {
    Strings mine;
    for (const std::string& t : told) {
      if (t.starts_with(id) && t.find("beacon") == std::string::npos) mine.push_back(t);
    }
    EXPECT_EQ(mine, Strings({id + " root", id + " assignment/" + id, id + " cohort/ios"}));
  }
  EXPECT_GT(Count(told, one + " beacon"), 0);
  EXPECT_EQ(Count(told, "bridge assignment"), 0);
  EXPECT_EQ(Count(told, "bridge cohort"), 0);
}

TEST_F(BridgeStreamTest, AnApprovalReachesThePhoneOfItsPersonAlone) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  Take();
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  const Strings told = Told();
  EXPECT_EQ(Count(told, one + " assignment/" + one), 1);
  EXPECT_EQ(Count(told, two + " assignment"), 0);
}

TEST_F(BridgeStreamTest, ReportsAreAcknowledgedToTheirPhone) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  Take();
  ASSERT_TRUE(Send(two, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_EQ(Told(), Strings({two + " ack 1"}));
  EXPECT_EQ(DeviceNow(one).last_report_seq(), 0u);
}

TEST_F(BridgeStreamTest, AFaultOfOnePhoneEndsItsPartAlone) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  Take();
  v1::AgentMessage forged;
  forged.set_device_id(one);
  TestDevice other;
  other.id = one;
  *forged.mutable_report() = other.Sign(StateOf("whatsapp", v1::PhoneApp::COMPLIANT));
  EXPECT_TRUE(stream_->OnMessage(forged).ok());
  const Strings told = Told();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].starts_with(one + " refused 9: ")) << told[0];
  EXPECT_FALSE(hub_->Connected(one));
  EXPECT_TRUE(hub_->Connected(two));
  // What it had sent before it heard that is dropped; then it begins again.
  EXPECT_TRUE(stream_->OnMessage(Ack(one)).ok());
  EXPECT_EQ(Told(), Strings());
  ASSERT_TRUE(Send(two, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_EQ(Told(), Strings({two + " ack 1"}));
  EXPECT_TRUE(SayHello(one, Identity("u-1", "alice")).ok());
  EXPECT_TRUE(hub_->Connected(one));
  EXPECT_GT(Count(Told(), one + " root"), 0);
  EXPECT_TRUE(wire_->closed.ok());
}

TEST_F(BridgeStreamTest, NobodySpeaksForAnotherOnesDevice) {
  const std::string mine = Phone("u-1", "alice");
  Drop();
  const TestDevice first = bridge_;
  bridge_ = TestDevice();
  bridge_.id = EnrolBridge(bridge_.key);
  Connect();
  Take();
  const uint64_t before = DeviceNow(mine).last_report_seq();
  // By Hello, by a report with the other's number, and for the other bridge itself.
  EXPECT_TRUE(SayHello(mine, Identity("u-1", "alice")).ok());
  EXPECT_TRUE(stream_->OnMessage(Ack(mine)).ok());
  EXPECT_TRUE(stream_->OnMessage(Ack(first.id)).ok());
  EXPECT_TRUE(stream_->OnMessage(Ack("dev-/../x")).ok());
  const Strings told = Told();
  EXPECT_EQ(told.size(), 4u);
  EXPECT_EQ(Count(told, " refused 7: "), 4);
  EXPECT_EQ(DeviceNow(mine).last_report_seq(), before);
  EXPECT_EQ(DeviceNow(mine).bridge_id(), first.id);
  ASSERT_EQ(Audited("device.alarm").size(), 1u) << "once an hour";
  EXPECT_EQ(Audited("device.alarm")[0].reason_code(), "SPOKE_FOR_ANOTHER");
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(stream_->OnMessage(Ack(mine)).ok());
  EXPECT_EQ(Audited("device.alarm").size(), 2u);
  EXPECT_TRUE(wire_->closed.ok());
}

TEST_F(BridgeStreamTest, ALaptopSpeaksForItselfAlone) {
  TestDevice laptop;
  laptop.id = EnrolDevice(laptop.key, "bob").device.device_id();
  const auto wire = std::make_shared<Wire>();
  BridgeStream stream(*services_, *hub_, instances_);
  ASSERT_TRUE(stream.Open(PeerOf(laptop), wire).ok());
  v1::AgentMessage hello;
  hello.mutable_hello();
  EXPECT_TRUE(stream.OnMessage(hello).ok());
  EXPECT_EQ(wire->written.size(), 1u);
  EXPECT_EQ(wire->written[0].device_id(), "");
  hello.set_device_id(laptop.id);
  EXPECT_TRUE(stream.OnMessage(hello).ok());
  hello.set_device_id(Phone("u-1", "alice"));
  EXPECT_EQ(stream.OnMessage(hello).code(), absl::StatusCode::kPermissionDenied);
  stream.OnClosed();
}

TEST_F(BridgeStreamTest, APhoneHasNoStreamOfItsOwn) {
  TestDevice phone;
  phone.id = Phone("u-1", "alice");
  phone.key = bridge_.key;
  BridgeStream stream(*services_, *hub_, instances_);
  EXPECT_EQ(stream.Open(PeerOf(phone), std::make_shared<Wire>()).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(BridgeStreamTest, WhoHasNotSaidHelloIsToldTo) {
  const std::string id = Phone("u-1", "alice");
  Drop();
  Connect();
  EXPECT_TRUE(stream_->OnMessage(Ack(id)).ok());
  EXPECT_EQ(Told(),
            Strings({id + " refused 9: phone " + id + " has not said Hello on this stream"}));
  EXPECT_TRUE(Audited("device.alarm").empty());
}

TEST_F(BridgeStreamTest, ARetiredPhoneIsCutOffAndStaysOut) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  Take();
  ASSERT_TRUE(RetireDevice(*services_, Who("soc"), one, "lost", false).ok());
  Settle();
  EXPECT_EQ(Count(Told(), one + " refused 7: this device is retired"), 1);
  EXPECT_FALSE(hub_->Connected(one));
  EXPECT_TRUE(hub_->Connected(two));
  EXPECT_TRUE(SayHello(one, Identity("u-1", "alice")).ok());
  EXPECT_EQ(Told(), Strings({one + " refused 7: phone " + one + " is retired"}));
  EXPECT_TRUE(Audited("device.alarm").empty()) << "it is its own";
}

TEST_F(BridgeStreamTest, APhoneThatLeftIsGoneUntilItComesBack) {
  const std::string id = Phone("u-1", "alice");
  ASSERT_TRUE(Send(id, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  v1::AgentMessage leave;
  leave.set_device_id(id);
  leave.mutable_leave();
  EXPECT_TRUE(stream_->OnMessage(leave).ok());
  EXPECT_FALSE(hub_->Connected(id));
  EXPECT_EQ(DeviceNow(id).state(), v1::Device::ENROLLED);
  EXPECT_EQ(StatusNow(id).report().facts().enrolment(), v1::PhoneFacts::GONE);
  EXPECT_EQ(StatusNow(id).report().apps(0).state(), v1::PhoneApp::UNKNOWN);
  EXPECT_EQ(Audited("phone.left").size(), 1u);
  EXPECT_TRUE(Find<v1::Incident>(*store_->Read(), DeviceGoneKey(id))->has_value());
  EXPECT_TRUE(SayHello(id, Identity("u-1", "alice")).ok());
  ASSERT_TRUE(Send(id, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_TRUE(
      Find<v1::Incident>(*store_->Read(), DeviceGoneKey(id)).value()->value.has_covered_at());
}

TEST_F(BridgeStreamTest, OneWriteIsInFlightAndEveryPhoneHasItsTurn) {
  constexpr int kPhones = 20;
  Strings ids;
  for (int i = 0; i < kPhones; ++i) ids.push_back(Phone(absl::StrCat("u-", i), "alice"));
  Take();
  // All are to hear of a grant; the wire takes one frame at a time, round robin.
  ASSERT_TRUE(ApproveBy("soc", SubmitFor("alice")->request_id()).ok());
  Settle();
  EXPECT_EQ(wire_->written.size(), 1u);
  Strings first;
  for (const std::string& t : Told()) {
    if (first.size() < kPhones) first.push_back(t.substr(0, t.find(' ')));
  }
  std::sort(first.begin(), first.end());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(first, ids) << "nobody twice before everybody once";
}

TEST_F(BridgeStreamTest, DrainIsForTheBridgeAlone) {
  Phone("u-1", "alice");
  Take();
  hub_->Drain();
  EXPECT_EQ(Told(), Strings({"bridge drain"}));
  const std::string late = PhoneId("u-2");
  EXPECT_TRUE(SayHello(late, Identity("u-2", "bob")).ok());
  EXPECT_EQ(Count(Told(), "drain"), 0);
}

TEST_F(BridgeStreamTest, AStreamThatDoesNotMoveIsDroppedWhole) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  // Slow, but moving: a phone may wait for long.
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(wire_->writing);
    clock_.Advance(limits::kStuckStream / 2);
    wire_->writing = false;
    stream_->OnWriteDone();
    hub_->Sweep();
    EXPECT_FALSE(wire_->cancelled);
  }
  ASSERT_TRUE(wire_->writing);
  clock_.Advance(limits::kStuckStream);
  hub_->Sweep();
  EXPECT_TRUE(wire_->cancelled);
  Drop();
  EXPECT_EQ(hub_->size(), 0u);
}

TEST_F(BridgeStreamTest, ABridgeThatSaysNoHelloIsDropped) {
  Drop();
  wire_ = std::make_shared<Wire>();
  stream_ = std::make_unique<BridgeStream>(*services_, *hub_, instances_);
  ASSERT_TRUE(stream_->Open(PeerOf(bridge_), wire_).ok());
  clock_.Advance(limits::kStuckStream);
  hub_->Sweep();
  EXPECT_TRUE(wire_->cancelled);
}

TEST_F(BridgeStreamTest, TheEndOfTheCertificateEndsAll) {
  Phone("u-1", "alice");
  Take();
  clock_.Advance(absl::Hours(24));
  hub_->Sweep();
  EXPECT_EQ(wire_->closed.code(), absl::StatusCode::kUnauthenticated);
  Drop();
  EXPECT_EQ(hub_->size(), 0u);
}

TEST_F(BridgeStreamTest, ANewerStreamTakesOver) {
  const std::string id = Phone("u-1", "alice");
  Take();
  const auto old_wire = wire_;
  auto old = std::move(stream_);
  Connect();
  EXPECT_EQ(old_wire->closed.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(SayHello(id, Identity("u-1", "alice")).ok());
  // The transport's last word on the old one comes late.
  old->OnClosed();
  EXPECT_TRUE(hub_->Connected(id));
  EXPECT_TRUE(hub_->Connected(bridge_.id));
}

// Cost, not time: what a fleet's Hellos read and write stays the same per phone.
TEST_F(BridgeStreamTest, AFleetSaysHello) {
  constexpr int kPhones = 300;
  const int before = store_->commits();
  for (int i = 0; i < kPhones; ++i) {
    const std::string uem = absl::StrCat("fleet-", i);
    ASSERT_TRUE(SayHello(PhoneId(uem), Identity(uem, "alice")).ok());
  }
  EXPECT_EQ(store_->commits() - before, kPhones);
  EXPECT_EQ(hub_->size(), kPhones + 1u);
  Drop();
  Connect();
  const int again = store_->commits();
  for (int i = 0; i < kPhones; ++i) {
    const std::string uem = absl::StrCat("fleet-", i);
    ASSERT_TRUE(SayHello(PhoneId(uem), Identity(uem, "alice")).ok());
  }
  EXPECT_EQ(store_->commits(), again) << "a stream that was lost for a moment writes nothing";
}

}  // namespace
}  // namespace muster
