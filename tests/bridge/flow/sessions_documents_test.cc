// One stream for many phones: what each of them accepts, what of it they share, and what it says.
#include "tests/bridge/flow/sessions_fixture.h"

namespace muster::bridge {
namespace {

TEST_F(SessionsTest, EachPhoneHasItsOwnDocumentsAndOneFetchesForAll) {
  for (const char* id : {"phn-1", "phn-2", "phn-3"}) Add(id, PhoneOf(id));
  Connect();
  Take();
  const v1::SignedDoc cohort = Cohort(1);
  Offer("phn-1", {Assign("phn-1", 1, true), cohort});
  Offer("phn-2", {Assign("phn-2", 1, false), cohort});
  Offer("phn-3", {Assign("phn-3", 1, false), cohort});
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 ack assignment/phn-1 1", "phn-1 need 1"}));
  EXPECT_EQ(Verdict("phn-1"), "(none)");
  Feed("phn-1", tenant_.chunks().begin()->first);
  EXPECT_EQ(WorkAndTake(),
            (Strings{"phn-1 ack cohort/ios 1", "phn-2 ack assignment/phn-2 1",
                     "phn-2 ack cohort/ios 1", "phn-3 ack assignment/phn-3 1",
                     "phn-3 ack cohort/ios 1", "phn-1 report phn-1 1 policy of 3",
                     "phn-2 report phn-2 1 policy of 3", "phn-3 report phn-3 1 policy of 3"}));
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
  EXPECT_EQ(Verdict("phn-2"), "BLOCK NO_GRANT");
  // What is equal is one object.
  EXPECT_EQ(policies_["phn-2"].get(), policies_["phn-3"].get());
  EXPECT_NE(policies_["phn-1"].get(), policies_["phn-2"].get());

  Give("phn-1", {Assign("phn-1", 2, false)});
  EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT");
  EXPECT_EQ(policies_["phn-1"].get(), policies_["phn-2"].get());
  EXPECT_EQ(told_, 4);

  // A start finds all of it again, and says what it has.
  policies_.clear();
  Boot();
  EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT");
  Connect();
  const Strings hello = Take();
  EXPECT_EQ(hello[1], "phn-1 hello phn-1 seq 2 root=1 cohort/ios=1 assignment/phn-1=2");
}

TEST_F(SessionsTest, WhatIsForAnotherIsRefused) {
  Add("phn-1", PhoneOf("alice"));
  Add("phn-2", PhoneOf("bob", v1::Platform::ANDROID));
  Connect();
  Give("phn-1", {Assign("phn-1", 1, false), Cohort(1)});
  const v1::DeviceAssignment stolen = [&] {
    v1::DeviceAssignment out = Assignment("phn-1", 2, true);
    out.set_certificate_key_sha256(std::string(64, 'a'));
    return out;
  }();
  v1::DeviceAssignment laptop = tenant_.Assignment(2, true);
  v1::SignedDoc edited = Assign("phn-1", 2, true);
  edited.mutable_payload()->back() ^= 1;
  const std::pair<v1::SignedDoc, std::string> cases[] = {
      {Assign("phn-2", 2, true), "phn-1 nack assignment/phn-2 2 WRONG_DEVICE"},
      {tenant_.Sign(stolen), "phn-1 nack assignment/phn-1 2 WRONG_DEVICE"},
      {tenant_.Sign(laptop), "phn-1 nack assignment/dev-1 2 WRONG_DEVICE"},
      {Assign("phn-1", 2, true, v1::Platform::ANDROID),
       "phn-1 nack assignment/phn-1 2 WRONG_COHORT"},
      {Cohort(2, v1::Platform::ANDROID), "phn-1 nack cohort/android 2 WRONG_COHORT"},
      {edited, "phn-1 nack assignment/phn-1 2 BAD_SIGNATURE"},
      {Assign("phn-1", 1, true), "phn-1 nack assignment/phn-1 1 EQUIVOCATION"},
  };
  for (const auto& [doc, want] : cases) {
    EXPECT_EQ(Give("phn-1", {doc}), (Strings{want}));
    EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT");
  }
  EXPECT_EQ(sessions_->alarms().size(), 1u);
  Give("phn-1", {Assign("phn-1", 3, false)});
  EXPECT_EQ(Give("phn-1", {Assign("phn-1", 2, true)}),
            (Strings{"phn-1 nack assignment/phn-1 2 ROLLBACK"}));
  // The bridge itself belongs to no cohort, whatever is signed for it.
  v1::DeviceAssignment own = tenant_.Assignment(1, true);
  own.mutable_header()->set_name(AssignmentName(kBridge));
  own.set_device_id(kBridge);
  EXPECT_EQ(Give("", {tenant_.Sign(own), tenant_.Sign(tenant_.Cohort())}),
            (Strings{"- nack assignment/dev-bridge 1 WRONG_COHORT",
                     "- nack cohort/linux 1 WRONG_COHORT"}));
  // A device that this bridge does not speak for gets no answer.
  Offer("phn-9", {Assign("phn-9", 1, true)});
  EXPECT_EQ(WorkAndTake(), Strings());
}

TEST_F(SessionsTest, TheOneWhoFetchesFailsAndTheNextGoesOn) {
  for (const char* id : {"phn-1", "phn-2", "phn-3"}) Add(id, PhoneOf(id));
  Connect();
  Take();
  const v1::SignedDoc cohort = Cohort(1);
  for (const char* id : {"phn-1", "phn-2", "phn-3"}) Offer(id, {Assign(id, 1, false), cohort});
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 ack assignment/phn-1 1", "phn-1 need 1"}));
  v1::ControllerMessage refusal;
  refusal.set_device_id("phn-1");
  refusal.mutable_refusal()->set_code(7);
  refusal.mutable_refusal()->set_message("phn-1 is retired");
  sessions_->OnMessage(refusal);
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-2 ack assignment/phn-2 1", "phn-2 need 1"}));
  v1::ControllerMessage broken;
  broken.set_device_id("phn-2");
  broken.mutable_chunk()->set_sha256(tenant_.chunks().begin()->first);
  broken.mutable_chunk()->set_data("other bytes");
  sessions_->OnMessage(broken);
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-2 nack cohort/ios 1 MALFORMED",
                                    "phn-3 ack assignment/phn-3 1", "phn-3 need 1"}));
  // Dropped, and offered afresh.
  Disconnect();
  Connect();
  Take();
  EXPECT_EQ(Give("phn-2", {Assign("phn-2", 1, false), cohort}),
            (Strings{"phn-2 ack assignment/phn-2 1", "phn-2 ack cohort/ios 1",
                     "phn-2 report phn-2 1 policy of 3"}));
}

TEST_F(SessionsTest, DocumentsEndAndEntitlementsExpire) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  Give("phn-1", {Assign("phn-1", 1, true), Cohort(1)});
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
  clock_.Advance(absl::Minutes(59));
  Work();
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
  EXPECT_EQ(sessions_->NextTick(), kStart + absl::Hours(1));
  clock_.Advance(absl::Minutes(1));
  Work();
  EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT");
  clock_.Advance(absl::Hours(23));
  Work();
  EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT stale");
  EXPECT_EQ(Give("phn-1", {Assign("phn-1", 2, true)}),
            (Strings{"phn-1 nack assignment/phn-1 2 EXPIRED"}));
}

TEST_F(SessionsTest, APolicyThatIsHereBeforeTheAssignmentWaitsForIt) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  EXPECT_EQ(Give("phn-1", {Cohort(1)}).size(), 2u);  // the Hellos
  EXPECT_EQ(Give("phn-1", {Assign("phn-2", 1, true)}),
            (Strings{"phn-1 nack assignment/phn-2 1 WRONG_DEVICE"}));
  EXPECT_EQ(Give("phn-1", {Assign("phn-1", 1, true)}),
            (Strings{"phn-1 ack assignment/phn-1 1", "phn-1 ack cohort/ios 1",
                     "phn-1 report phn-1 1 policy of 3"}));
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
}

TEST_F(SessionsTest, SeveralPersonsAreNobody) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  v1::DeviceAssignment two = Assignment("phn-1", 1, true);
  v1::AssignedPerson* other = two.add_persons();
  other->set_person_id("id-bob");
  Give("phn-1", {tenant_.Sign(two), Cohort(1)});
  EXPECT_EQ(Verdict("phn-1"), "BLOCK NO_GRANT");
}

TEST_F(SessionsTest, AnEmergencyDenyHoldsForTheBridgeAndForEachPhone) {
  Add("phn-1", PhoneOf("alice"));
  Connect();
  Give("phn-1", {Assign("phn-1", 1, true), Cohort(1)});
  const v1::SignedDoc deny = tenant_.Sign(tenant_.Deny(1, {"chat"}));
  EXPECT_EQ(Give("", {deny}), (Strings{"- ack emergency-deny 1"}));
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
  EXPECT_EQ(Give("phn-1", {deny}),
            (Strings{"phn-1 ack emergency-deny 1", "phn-1 report phn-1 2 policy of 4"}));
  EXPECT_EQ(Verdict("phn-1"), "BLOCK EMERGENCY_DENY");
}

TEST_F(SessionsTest, BeaconsAreAcceptedAndChangeNothingElse) {
  tenant_.NameLogKey();
  ASSERT_TRUE(store_.Write(agent::kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
  Boot();
  Add("phn-1", PhoneOf("alice"));
  Connect();
  const std::vector<v1::SignedDoc> docs = {Assign("phn-1", 1, true), Cohort(1)};
  Give("phn-1", docs);
  const int told = told_;
  LogFolder fork = tenant_.log();
  tenant_.log().Add(v1::AuditEntry());
  Beacon("", 1, {});
  Beacon("phn-1", 1, docs);
  // The bridge alone is a witness of the log that all of them see.
  EXPECT_EQ(WorkAndTake(),
            (Strings{"- ack beacon 1", "phn-1 ack beacon 1", "- report dev-bridge 1 witness "}));
  EXPECT_EQ(told_, told);
  // A Beacon that names another assignment of the same version.
  Beacon("phn-1", 2, {Assign("phn-1", 1, false)});
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 nack beacon 2 EQUIVOCATION"}));
  // Another log, shown to one phone alone.
  v1::AuditEntry other;
  other.set_reason("never happened");
  fork.Add(other);
  tenant_.log() = fork;
  Beacon("phn-1", 2, docs);
  EXPECT_EQ(WorkAndTake(), (Strings{"phn-1 nack beacon 2 EQUIVOCATION",
                                    "phn-1 report phn-1 2 witness EQUIVOCATION"}));
  EXPECT_EQ(sessions_->alarms().size(), 3u);
}

TEST_F(SessionsTest, AMissingBlobIsTheLossOfThosePhonesAlone) {
  Add("phn-1", PhoneOf("alice"));
  Add("phn-2", PhoneOf("bob", v1::Platform::ANDROID));
  Connect();
  const v1::SignedDoc cohort = Cohort(3);
  Give("phn-1", {Assign("phn-1", 2, true), cohort});
  Give("phn-2",
       {Assign("phn-2", 1, true, v1::Platform::ANDROID), Cohort(1, v1::Platform::ANDROID)});
  Disconnect();
  MemoryBridgeStore::Records records = store_.committed();
  ASSERT_EQ(records.erase("blob/" + Sha256Hex(cohort.SerializeAsString())), 1u);
  store_.Restore(records);
  policies_.clear();
  Boot();
  EXPECT_EQ(Verdict("phn-1"), "(none)");
  EXPECT_EQ(Verdict("phn-2"), "ALLOW GRANT GRT-1");
  Connect();
  EXPECT_EQ(Take()[1], "phn-1 hello alice seq 1 root=1");
  // Floors stay: nothing older is taken, and the same is.
  EXPECT_EQ(
      Give("phn-1", {Assign("phn-1", 1, true), Cohort(2)}),
      (Strings{"phn-1 nack assignment/phn-1 1 ROLLBACK", "phn-1 nack cohort/ios 2 ROLLBACK"}));
  Give("phn-1", {Assign("phn-1", 2, true), cohort});
  EXPECT_EQ(Verdict("phn-1"), "ALLOW GRANT GRT-1");
}

TEST_F(SessionsTest, WhatPhonesShareIsKeptOnceAndDroppedWhenNobodyUsesIt) {
  for (int i = 0; i < 20; ++i) Add(absl::StrCat("phn-", i), PhoneOf(absl::StrCat("user", i)));
  Connect();
  const auto blobs = [this] { return store_.List(kBlobDir)->size(); };
  for (uint64_t version = 1; version <= 3; ++version) {
    const v1::SignedDoc cohort = Cohort(version, v1::Platform::IOS,
                                        version == 2 ? v1::Trm::PROHIBITED : v1::Trm::RESTRICTED);
    for (const auto& [id, phone] : known_) Give(id, {Assign(id, version, false), cohort});
  }
  const v1::BeaconUpdate first = tenant_.Beacon(1, {});
  for (const auto& [id, phone] : known_) Beacon(id, first);
  Work();
  EXPECT_EQ(blobs(), 1 + 3 + 2 + 1u);  // a root, three policies of two contents, a Beacon
  Boot();
  EXPECT_EQ(blobs(), 4u);
  Connect();
  for (uint64_t version = 2; version <= 3; ++version) {
    const v1::BeaconUpdate next = tenant_.Beacon(version, {});
    for (const auto& [id, phone] : known_) Beacon(id, next);
  }
  Work();
  EXPECT_EQ(blobs(), 6u);
  clock_.Advance(limits::kBlobSweep);
  Work();
  EXPECT_EQ(blobs(), 4u);
}

}  // namespace
}  // namespace muster::bridge
