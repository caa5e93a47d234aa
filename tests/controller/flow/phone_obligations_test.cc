// What a phone owes whose person exports on a laptop.
#include "absl/strings/match.h"
#include "controller/domain/owed_chats.h"
#include "controller/flow/obligations.h"
#include "tests/controller/flow/archive_world.h"

namespace muster {
namespace {

// A phone shows no export itself: what the person exports of their chats elsewhere counts for it.
class PhoneObligationsTest : public ArchiveWorld {
 protected:
  void SetUp() override {
    ArchiveWorld::SetUp();
    NameRecordsKey();
    phone_ = Enrol("alice");
    v1::Device device = LoadDevice(*store_->Read(), phone_.id)->value;
    device.set_bridge_id("dev-bridge");
    Mutation mutation;
    Put(mutation, DeviceKey(phone_.id), device);
    PutMark(mutation, PhoneOfBridgeKey("dev-bridge", phone_.id));
    ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
    ASSERT_TRUE(Install(phone_, true).ok());
    ASSERT_TRUE(RunArchive().ok());
  }
  // Everything of the chat, on the laptop; with the records office's receipt.
  void Export(const std::string& chat, bool receipted) { ExportOn(alice_, chat, receipted); }
  void ExportOn(TestDevice& laptop, const std::string& chat, bool receipted) {
    const std::string name = absl::StrCat("bag-", ++exports_);
    const v1::ExportSeen seen = Packed(Seen(chat, 40, name), name);
    ASSERT_TRUE(Tell(laptop, {seen}).ok());
    if (receipted) {
      ASSERT_EQ(Submit(Signed(ReceiptFor(seen, laptop.id))), "");
    }
    ASSERT_TRUE(RunArchive().ok());
  }
  // How many obligations her devices are told of.
  int Told() {
    v1::DeviceAssignment out;
    AssignObligations(*ObligationsOf(*store_->Read(), IdOf(kAlice), kApp), out);
    for (const v1::AssignedObligation& o : out.obligations()) {
      EXPECT_TRUE(o.has_uncovered_since()) << o.ShortDebugString();
    }
    return out.obligations_size();
  }
  // The laptop is gone, with everything on it exported.
  void RetireLaptop() {
    ASSERT_TRUE(RetireDevice(*services_, Who("soc"), alice_.id, "Replaced.", false).ok());
    ASSERT_TRUE(RunArchive().ok());
  }
  std::string OwedOnPhone() {
    for (const std::string& line : Owed()) {
      if (absl::StartsWith(line, phone_.id + "  ")) return line.substr(phone_.id.size() + 2);
    }
    return "nothing";
  }

  TestDevice phone_;
  int exports_ = 0;
};

TEST_F(PhoneObligationsTest, WhatIsExportedElsewhereCounts) {
  EXPECT_EQ(OwedOnPhone(), "ACCRUING E0_NONE");
  for (int day = 0; day < 30; ++day) {
    Advance(1);
    ASSERT_TRUE(Hear(alice_).ok());
    ASSERT_TRUE(Hear(phone_).ok());
    Export("a chat", true);
    EXPECT_EQ(OwedOnPhone(), "CLEAR E3_RECEIPTED") << day;
  }
  EXPECT_EQ(GrantNow(grant_).state(), v1::Grant::ACTIVE);
  // The worst of the chats counts.
  Export("another chat", false);
  EXPECT_EQ(OwedOnPhone(), "EXPORTED E2_SEEN");
  Export("another chat", true);
  ASSERT_TRUE(Revoke(grant_, "left the project").ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(OwedOnPhone(), "CLEAR E3_RECEIPTED");
}

// On the day of an export nothing is late, and still the phone is told of what was written since:
// it would go with the app.
TEST_F(PhoneObligationsTest, WhatWasWrittenSinceTheLastExportIsTold) {
  Advance(1);
  Export("a chat", true);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(Revoke(grant_, "left the project").ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(Told(), 2);  // of the chat and of the phone
  Export("a chat", true);
  EXPECT_EQ(OwedOnPhone(), "CLEAR E3_RECEIPTED");
  EXPECT_EQ(Told(), 0);
}

TEST_F(PhoneObligationsTest, AnAppThatGoesWithUncoveredTimeIsALoss) {
  Advance(1);
  Export("a chat", true);
  clock_.Advance(absl::Hours(2));
  ASSERT_TRUE(Install(phone_, false).ok());
  ASSERT_TRUE(RunArchive().ok());
  EXPECT_EQ(OwedOnPhone(), "LOSS_SUSPECTED E3_RECEIPTED");
}

// Nobody can export that chat any more, and nothing of it is left: the other chats count.
TEST_F(PhoneObligationsTest, AChatThatIsOverHoldsNothingUp) {
  Advance(1);
  Export("a chat", true);
  RetireLaptop();
  TestDevice second = Enrol("alice");
  ExportOn(second, "another chat", true);
  for (int day = 0; day < 32; ++day) {
    Advance(1);
    ASSERT_TRUE(Hear(second).ok());
    ASSERT_TRUE(Hear(phone_).ok());
    ExportOn(second, "another chat", true);
    ASSERT_EQ(OwedOnPhone(), "CLEAR E3_RECEIPTED") << day;
  }
  EXPECT_EQ(GrantNow(grant_).state(), v1::Grant::ACTIVE);
  // What goes on counts as before.
  ExportOn(second, "a third chat", false);
  EXPECT_EQ(OwedOnPhone(), "EXPORTED E2_SEEN");
}

// The clock runs on from where the last chat ended, and not from the start.
TEST_F(PhoneObligationsTest, WhereEveryChatIsOverTheLastOneCounts) {
  for (int day = 0; day < 15; ++day) {
    Advance(1);
    ASSERT_TRUE(Hear(phone_).ok());
    Export("a chat", true);
  }
  RetireLaptop();
  for (int day = 0; day < 10; ++day) {
    Advance(1);
    ASSERT_TRUE(Hear(phone_).ok());
    ASSERT_TRUE(RunArchive().ok());
  }
  EXPECT_EQ(OwedOnPhone(), "ACCRUING E3_RECEIPTED");
}

}  // namespace
}  // namespace muster
