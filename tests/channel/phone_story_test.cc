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

// Killed around a removal: before and after the UEM has it, before its answer is known, and when
// the phone was read back and nobody was told. It is asked for once, and the end of it is shown.
TEST_F(PhoneStory, KilledAroundARemovalItIsAskedForOnceAndShown) {
  using Kind = bridge::UemCall::Kind;
  const struct {
    const char* what;
    Kind kind;
    Moment moment;
  } kMoments[] = {
      {"queued, and not sent", Kind::kRemoveApp, Moment::kTaken},
      {"asked for, and no answer yet", Kind::kRemoveApp, Moment::kCarriedOut},
      {"answered", Kind::kRemoveApp, Moment::kAnswered},
      {"read back, and the answer not heard", Kind::kListApps, Moment::kCarriedOut},
      {"read back, and not reported", Kind::kListApps, Moment::kAnswered},
  };
  const std::string bob = AddPhone("bob", v1::PhoneFacts::SUPERVISED);
  const auto shown = [&](const char* what) { return [&, what] { return ShownApp(bob) == what; }; };
  for (const auto& m : kMoments) {
    SCOPED_TRACE(m.what);
    const std::string request = Grant("bob");
    RunFor(absl::Hours(1), shown("ALLOW COMPLIANT MANAGED"));
    ASSERT_EQ(ShownApp(bob), "ALLOW COMPLIANT MANAGED");
    const absl::Time revoked = clock_.Now();
    ASSERT_TRUE(Revoke(RequestNow(request).grant_id(), "left").ok());
    ArmKill([&](const bridge::UemCall& call, Moment moment) {
      const bool reads_end = m.kind == Kind::kListApps && Truth(bob).empty();
      return call.kind == m.kind && moment == m.moment && (m.kind == Kind::kRemoveApp || reads_end);
    });
    RunFor(absl::Hours(3), [&] { return killed(); });
    ASSERT_TRUE(killed());
    EXPECT_NE(ShownApp(bob), "BLOCK COMPLIANT ABSENT");
    RunFor(absl::Hours(3), shown("BLOCK COMPLIANT ABSENT"));
    RunFor(absl::Minutes(5));
    EXPECT_EQ(CallsTo("/uninstall", revoked).size(), 1u);
    EXPECT_EQ(Truth(bob), Strings());
    EXPECT_EQ(ShownApp(bob), "BLOCK COMPLIANT ABSENT");
  }
  EXPECT_EQ(sim_.redundant(), 0u);
}

}  // namespace
}  // namespace muster
