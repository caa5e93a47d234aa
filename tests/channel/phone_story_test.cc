// The story that the program exists for, on phones: nobody may have the app, one gets it, and loses
// it again; each step is read back and shown.
#include "tests/channel/phone_story.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;

TEST_F(PhoneStory, AnOfficersIphone) {
  const std::string alice = AddPhone("alice", v1::PhoneFacts::SUPERVISED);
  const std::string bob = AddPhone("bob", v1::PhoneFacts::UNSUPERVISED);
  for (const std::string& phone : {alice, bob}) {
    ASSERT_TRUE(sim_.InstallByPerson(phone, "test.whatsapp").ok());
  }
  clock_.Advance(absl::Minutes(10));  // the phones tell the UEM of it
  // Seen before anything could be done about it: a violation.
  RunFor(absl::Minutes(10), [&] { return !Audited("phone.violation").empty(); });
  ASSERT_EQ(Audited("phone.violation").size(), 1u);
  EXPECT_EQ(Audited("phone.violation")[0].object(), "device/" + DeviceOf(alice));
  // No UEM can remove what the person installed; the restrictions profile hides it.
  RunFor(absl::Hours(1));
  EXPECT_EQ(ShownApp(alice), "BLOCK COMPLIANT HIDDEN");
  EXPECT_EQ(Truth(alice), Strings{"test.whatsapp by person hidden"});
  EXPECT_EQ(Audited("phone.resolved").size(), 1u);
  // Bob's iPhone takes no such profile, and is never called compliant.
  EXPECT_EQ(ShownApp(bob), "BLOCK NOT_ENFORCEABLE BY_PERSON");
  EXPECT_TRUE(absl::StrContains(AppNow(bob).why(), "IOS_UNSUPERVISED")) << AppNow(bob).why();
  EXPECT_EQ(Truth(bob), Strings{"test.whatsapp by person"});
  EXPECT_EQ(ShownApp(bob, "signal"), "BLOCK NOT_ENFORCEABLE ABSENT");

  // Approved: it can be used, with what proves that it may.
  const std::string request = Grant("alice");
  RunFor(absl::Hours(1));
  EXPECT_EQ(Truth(alice), Strings{"test.whatsapp by person"});
  EXPECT_EQ(ShownApp(alice), "ALLOW COMPLIANT BY_PERSON");
  EXPECT_EQ(AppNow(alice).reason(), "GRANT " + RequestNow(request).grant_id());
  EXPECT_EQ(v1::Request::State_Name(RequestNow(request).state()), "ACTIVE");
  // Revoked: hidden again.
  ASSERT_TRUE(Revoke(RequestNow(request).grant_id(), "left").ok());
  RunFor(absl::Hours(1));
  EXPECT_EQ(Truth(alice), Strings{"test.whatsapp by person hidden"});
  EXPECT_EQ(ShownApp(alice), "BLOCK COMPLIANT HIDDEN");
}

TEST_F(PhoneStory, ApprovedInstalledRevokedRemoved) {
  const std::string bob = AddPhone("bob", v1::PhoneFacts::SUPERVISED);
  RunFor(absl::Hours(1));
  EXPECT_EQ(ShownApp(bob), "BLOCK COMPLIANT ABSENT");

  // Directory -> the UEM's copy -> installed -> shown.
  const absl::Time approved = clock_.Now();
  const std::string request = Grant("bob");
  RunFor(absl::Hours(1));
  const auto syncs = CallsTo("/actions/sync", approved);
  ASSERT_FALSE(syncs.empty());
  EXPECT_LE(syncs[0].at - approved, absl::Seconds(2));
  EXPECT_EQ(sim_.Members(group_), Strings{"bob@agency.test"});
  EXPECT_EQ(Truth(bob), Strings{"test.whatsapp managed"});
  EXPECT_EQ(ShownApp(bob), "ALLOW COMPLIANT MANAGED");
  EXPECT_EQ(AppNow(bob).transaction_id(), RequestNow(request).transaction_id());
  EXPECT_EQ(v1::Request::State_Name(RequestNow(request).state()), "ACTIVE");

  // Removed, and read back.
  const absl::Time revoked = clock_.Now();
  ASSERT_TRUE(Revoke(RequestNow(request).grant_id(), "left").ok());
  RunFor(absl::Hours(1));
  EXPECT_EQ(CallsTo("/uninstall", revoked).size(), 1u);
  EXPECT_EQ(Truth(bob), Strings());
  EXPECT_EQ(sim_.Members(group_), Strings());
  EXPECT_EQ(ShownApp(bob), "BLOCK COMPLIANT ABSENT");
  EXPECT_EQ(v1::Grant::State_Name(GrantNow(RequestNow(request).grant_id()).state()), "REVOKED");
  EXPECT_EQ(sim_.redundant(), 0u);
}

TEST_F(PhoneStory, KilledAtEachStepItComesToTheSame) {
  const std::string alice = AddPhone("alice", v1::PhoneFacts::SUPERVISED);
  const std::string bob = AddPhone("bob", v1::PhoneFacts::SUPERVISED);
  ASSERT_TRUE(sim_.InstallByPerson(alice, "test.whatsapp").ok());
  clock_.Advance(absl::Minutes(10));
  for (int i = 0; i < 12; ++i) {
    RunFor(absl::Seconds(7));
    Boot();
  }
  RunFor(absl::Hours(1));
  EXPECT_EQ(ShownApp(alice), "BLOCK COMPLIANT HIDDEN");
  EXPECT_EQ(ShownApp(bob), "BLOCK COMPLIANT ABSENT");
  Grant("bob");
  for (int i = 0; i < 12; ++i) {
    RunFor(absl::Seconds(11));
    Boot();
  }
  RunFor(absl::Hours(1));
  EXPECT_EQ(ShownApp(bob), "ALLOW COMPLIANT MANAGED");
  EXPECT_EQ(Truth(bob), Strings{"test.whatsapp managed"});
  EXPECT_EQ(ShownApp(alice), "BLOCK COMPLIANT HIDDEN");
}

}  // namespace
}  // namespace muster
