// A phone's documents and reports from end to end: what the controller decides is what the phone's
// policy says, and nothing of another phone, another bridge or another time is taken.
#include "tests/channel/phones.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;

class PhonesTest : public PhoneChannel {
 protected:
  PhonesTest() : bridge_(NewBridge()) {}

  // The SignedDoc of a phone's assignment as it is published.
  v1::SignedDoc AssignmentOf(const std::string& id) {
    return Load<v1::SignedDoc>(*store_->Read(), DocumentKey(AssignmentName(id)), "none")->value;
  }
  // Sends it to a phone by hand; the answer's code, or "ack".
  std::string Offer(const std::string& id, const v1::SignedDoc& doc) {
    v1::ControllerMessage message;
    message.set_device_id(id);
    *message.mutable_update()->add_documents() = doc;
    bridge_->sessions().OnMessage(message);
    for (const v1::AgentMessage& m : bridge_->Take()) {
      if (m.has_nack()) return m.nack().code();
      if (m.has_ack()) return "ack";
    }
    return "";
  }

  std::unique_ptr<SimBridge> bridge_;
};

TEST_F(PhonesTest, ApprovedAndRevoked) {
  const std::string alice = bridge_->Add("alice@agency.test"), bob = bridge_->Add("bob");
  const std::string nobody = bridge_->Add("somebody@else.test");
  ASSERT_TRUE(Connect(*bridge_).ok());
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(DeviceNow(alice).bridge_id(), bridge_->id());
  for (const std::string& id : {alice, bob, nobody}) {
    EXPECT_EQ(bridge_->Verdict(id, "whatsapp"), "BLOCK NO_GRANT");
    EXPECT_EQ(bridge_->Verdict(id, "signal"), "BLOCK TRM_PROHIBITED");
    EXPECT_EQ(ShownOf(id), (Strings{"root VERIFIED", absl::StrCat("assignment/", id, " VERIFIED"),
                                    "cohort/ios VERIFIED"}));
  }
  EXPECT_EQ(bridge_->policies[alice], bridge_->policies[bob]);

  const std::string request = Grant("alice");
  Run();
  ASSERT_TRUE(Talk(*bridge_));
  const std::string grant = RequestNow(request).grant_id();
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "ALLOW GRANT " + grant);
  EXPECT_EQ(bridge_->Verdict(bob, "whatsapp"), "BLOCK NO_GRANT");
  EXPECT_EQ(v1::Request::State_Name(RequestNow(request).state()), "ACTIVE");

  ASSERT_TRUE(Revoke(grant, "left").ok());
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "BLOCK NO_GRANT");
}

TEST_F(PhonesTest, WhatIsNotThisPhonesIsRefused) {
  const std::string alice = bridge_->Add("alice"), bob = bridge_->Add("bob");
  const auto other = NewBridge();
  const std::string strange = other->Add("alice");
  Grant("alice");
  Run();
  ASSERT_TRUE(Connect(*other).ok());
  ASSERT_TRUE(Talk(*other));
  EXPECT_EQ(other->Verdict(strange, "whatsapp").substr(0, 5), "ALLOW");
  ASSERT_TRUE(Connect(*bridge_).ok());
  const v1::SignedDoc before = [&] {
    EXPECT_TRUE(Talk(*bridge_));
    return AssignmentOf(alice);
  }();
  // Of another phone, of the other bridge's phone.
  EXPECT_EQ(Offer(bob, before), "WRONG_DEVICE");
  EXPECT_EQ(Offer(bob, AssignmentOf(strange)), "WRONG_DEVICE");
  EXPECT_EQ(bridge_->Verdict(bob, "whatsapp"), "BLOCK NO_GRANT");
  // Of before the revocation.
  const auto live = store_->Read()->Get(LiveGrantKey(IdOf(kAlice), "whatsapp"));
  ASSERT_TRUE(live.ok() && *live);
  ASSERT_TRUE(Revoke((*live)->bytes, "left").ok());
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "BLOCK NO_GRANT");
  EXPECT_EQ(Offer(alice, before), "ROLLBACK");
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "BLOCK NO_GRANT");
  // Edited on its way.
  v1::SignedDoc edited = AssignmentOf(alice);
  edited.mutable_payload()->append("x");
  EXPECT_EQ(Offer(alice, edited), "BAD_SIGNATURE");
}

TEST_F(PhonesTest, APhoneOfAnotherBridgeIsRefusedAndTheOthersGoOn) {
  const auto other = NewBridge();
  const std::string strange = other->Add("alice"), own = bridge_->Add("bob");
  ASSERT_TRUE(Connect(*other).ok());
  ASSERT_TRUE(Talk(*other));
  const std::string before = DeviceNow(strange).SerializeAsString();
  v1::PhoneIdentity identity;
  identity.set_uem_id("uem-0");
  identity.set_platform(v1::Platform::IOS);
  identity.set_user_name("bob");
  bridge_->sessions().Add(identity, strange);
  ASSERT_TRUE(Connect(*bridge_).ok());
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(bridge_->Verdict(strange, "whatsapp"), "(none)");
  EXPECT_EQ(bridge_->Verdict(own, "whatsapp"), "BLOCK NO_GRANT");
  EXPECT_EQ(bridge_->sessions().last_error().substr(0, strange.size()), strange);
  EXPECT_EQ(DeviceNow(strange).SerializeAsString(), before);
}

TEST_F(PhonesTest, ForgedAndEditedReportsAreRefused) {
  const std::string alice = bridge_->Add("alice"), bob = bridge_->Add("bob");
  ASSERT_TRUE(Connect(*bridge_).ok());
  ASSERT_TRUE(Talk(*bridge_));
  v1::Report body;
  body.mutable_phone()->mutable_identity()->set_user_name("alice");
  ASSERT_TRUE(bridge_->sessions().Report(alice, body).ok());
  const std::vector<v1::AgentMessage> sent = bridge_->Take();
  ASSERT_EQ(sent.size(), 1u);
  const uint64_t seq = DeviceNow(alice).last_report_seq();
  v1::AgentMessage edited = sent[0];
  edited.mutable_report()->mutable_payload()->append("x");
  v1::AgentMessage of_another = sent[0];
  of_another.set_device_id(bob);
  v1::Report forged_body;
  ASSERT_TRUE(forged_body.ParseFromString(sent[0].report().payload()));
  v1::AgentMessage forged = sent[0];
  *forged.mutable_report() = *MakeSignedDoc(forged_body, {*PrivateKey::Generate(kEcdsaP256Sha256)});
  for (const v1::AgentMessage& m : {edited, of_another, forged}) {
    EXPECT_TRUE(Say(*bridge_, m).ok());
    const auto answer = Hear(*bridge_);
    ASSERT_TRUE(answer && answer->has_refusal()) << m.device_id();
    EXPECT_EQ(answer->device_id(), m.device_id());
    EXPECT_EQ(DeviceNow(m.device_id()).last_report_seq(), m.device_id() == alice ? seq : 1);
    // Its part has ended; the next stream begins afresh.
    Drop(*bridge_);
    ASSERT_TRUE(Connect(*bridge_).ok());
    for (const v1::AgentMessage& hello : bridge_->Take()) {
      if (hello.has_hello()) {
        ASSERT_TRUE(Say(*bridge_, hello).ok());
      }
    }
    while (Hear(*bridge_)) {
    }
  }
  // The true one is taken.
  EXPECT_TRUE(Say(*bridge_, sent[0]).ok());
  EXPECT_EQ(DeviceNow(alice).last_report_seq(), seq + 1);
}

TEST_F(PhonesTest, KilledBetweenSaveAndAnswer) {
  const std::string alice = bridge_->Add("alice");
  ASSERT_TRUE(Connect(*bridge_).ok());
  ASSERT_TRUE(Talk(*bridge_));
  Grant("alice");
  Run();
  for (const bool committed : {false, true}) {
    SCOPED_TRACE(committed);
    // The documents come; the answers never leave.
    while (auto message = Hear(*bridge_)) bridge_->sessions().OnMessage(*message);
    EXPECT_EQ(bridge_->Verdict(alice, "whatsapp").substr(0, 5), "ALLOW");
    if (committed) {
      ASSERT_TRUE(bridge_->sessions().Flush().ok());
    }
    lines_.at(bridge_->id()).stream->OnClosed();
    bridge_->Boot();
    EXPECT_EQ(bridge_->Verdict(alice, "whatsapp").substr(0, 5), committed ? "ALLOW" : "BLOCK");
    ASSERT_TRUE(Connect(*bridge_).ok());
    for (const v1::AgentMessage& m : bridge_->Take()) ASSERT_TRUE(Say(*bridge_, m).ok());
  }
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp").substr(0, 5), "ALLOW");
  EXPECT_EQ(ShownOf(alice)[1], absl::StrCat("assignment/", alice, " VERIFIED"));
}

TEST_F(PhonesTest, DocumentsEndWithoutTheController) {
  const std::string alice = bridge_->Add("alice");
  Grant("alice");
  Run();
  ASSERT_TRUE(Connect(*bridge_).ok());
  ASSERT_TRUE(Talk(*bridge_));
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp").substr(0, 5), "ALLOW");
  Drop(*bridge_);
  clock_.Advance(absl::Hours(25));  // the grant's term
  bridge_->Work();
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "BLOCK NO_GRANT");
  clock_.Advance(absl::Hours(24 * 31));
  bridge_->Work();
  EXPECT_EQ(bridge_->Verdict(alice, "whatsapp"), "BLOCK NO_GRANT stale");
}

TEST_F(PhonesTest, TwoHundredPhonesFollowOneChange) {
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(bridge_->Add(absl::StrCat("u", i % kExtras)));
  ASSERT_TRUE(Connect(*bridge_).ok());
  size_t chunks = 0;
  const auto count = [&chunks](const v1::ControllerMessage& m) {
    chunks += m.has_chunk();
    return true;
  };
  ASSERT_TRUE(Talk(*bridge_, count));
  const size_t first = chunks;
  EXPECT_GT(first, 0u);
  EXPECT_LT(first, 10u);  // one phone fetches for all
  for (const std::string& id : ids) {
    EXPECT_EQ(bridge_->Verdict(id, "whatsapp"), "BLOCK NO_GRANT");
    EXPECT_EQ(bridge_->policies[id], bridge_->policies[ids[0]]);
  }
  ASSERT_TRUE(
      SetTrm(*services_, Who("soc"), {"whatsapp", v1::Trm::PROHIBITED, "TRM-2", "test"}, false)
          .ok());
  Settle();
  // A wave at a time: until all of them have reported it.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Talk(*bridge_, count));
    clock_.Advance(absl::Minutes(31));
    work_.WakeAll();
  }
  EXPECT_LT(chunks - first, 10u);
  for (const std::string& id : ids) {
    EXPECT_EQ(bridge_->Verdict(id, "whatsapp"), "BLOCK TRM_PROHIBITED");
    EXPECT_EQ(ShownOf(id)[2], "cohort/ios VERIFIED");
  }
}

}  // namespace
}  // namespace muster
