// What proves that a phone is as it should be, and what of before says nothing of it.
#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/match.h"
#include "bridge/flow/fleet.h"
#include "common/fleet_limits.h"
#include "common/time_proto.h"
#include "tests/bridge/flow/fleet_fixture.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

PhonePolicyPtr AllowedPolicy() {
  auto out = std::make_shared<PhonePolicy>(*BlockedPolicy());
  out->cohort_version = 2;
  out->apps[0].verdict = v1::Verdict::ALLOW;
  out->apps[0].granted = true;
  out->apps[0].reason = "GRANT GRT-1";
  return out;
}

// The last app of a person is allowed: what hides it has to go, or it stays blocked for ever.
TEST_F(FleetTest, WhereNothingIsHiddenAnyMoreTheProfileIsLifted) {
  for (const bool lost : {false, true}) {
    uem_ = {};
    store_.Restore({});
    policy_ = BlockedPolicy();
    uem_.removal = absl::FailedPreconditionError("no");
    uem_.lose_profile = lost;  // then nobody knows whether it is there
    Start();
    Run(absl::Seconds(10));
    ASSERT_TRUE(absl::StrContains(uem_.profile, kBundle)) << lost;
    uem_.lose_profile = false;
    policy_ = AllowedPolicy();
    Run(absl::Minutes(30));
    EXPECT_TRUE(absl::StrContains(uem_.profile, "PayloadIdentifier")) << lost;
    EXPECT_FALSE(absl::StrContains(uem_.profile, kBundle)) << lost;
    EXPECT_EQ(fleet_->report().open_operations(), 0u) << lost;
    const int profiles = uem_.profiles;
    Run(absl::Hours(2));
    EXPECT_EQ(uem_.profiles, profiles) << lost;
    ASSERT_EQ(report_.apps_size(), 1) << lost;
    EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "COMPLIANT")
        << report_.apps(0).why();
  }
}

TEST_F(FleetTest, APhoneThatNeverHadAProfileGetsNone) {
  policy_ = AllowedPolicy();
  Start();
  fleet_->SetPolicy(id_, policy_, now_);
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.profiles, 0);
}

// What was on the phone went with its enrolment.
TEST_F(FleetTest, APhoneThatEnrolsAgainGetsTheProfileAgain) {
  Start();
  Run(absl::Minutes(30));
  const int profiles = uem_.profiles;
  uem_.enrolled = false;
  Run(absl::Hours(1));
  EXPECT_EQ(fleet_->records()[0].profile_sha256(), "");
  EXPECT_EQ(uem_.profiles, profiles);
  uem_.enrolled = true;
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.profiles, profiles + 1);
  EXPECT_NE(fleet_->records()[0].profile_sha256(), "");
}

// A UEM that has not asked the phone yet lists nothing: that proves nothing.
TEST_F(FleetTest, AListOfBeforeTheFirstSampleProvesNothing) {
  uem_.sampled = false;
  uem_.check_in = now_;
  Start();
  Run(absl::Hours(1));
  ASSERT_EQ(report_.apps_size(), 1);
  EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "UNKNOWN");
  EXPECT_TRUE(absl::StrContains(report_.apps(0).why(), "The UEM lists no app of this phone"))
      << report_.apps(0).why();
  EXPECT_EQ(uem_.queries, 1);
  Kill();
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.queries, 1);
  EXPECT_FALSE(report_.facts().has_apps_read_at());
  // It checks in, answers a little later, and has no app.
  uem_.check_in = std::nullopt;
  Run(absl::Hours(1));
  EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "COMPLIANT")
      << report_.apps(0).why();
  EXPECT_EQ(uem_.queries, 1);
  EXPECT_EQ(fleet_->report().open_operations(), 0u);
  // Enrolled again, it has to be asked again.
  uem_.enrolled = false;
  Run(absl::Hours(1));
  uem_.enrolled = true;
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.queries, 2);
}

// The bridge's role in the UEM may not send DeviceQuery. What the phone tells by itself counts.
TEST_F(FleetTest, AUemThatDoesNotAskThePhoneSaysSo) {
  uem_.sampled = false;
  uem_.check_in = now_;
  uem_.query = absl::PermissionDeniedError("no such role");
  Start();
  Run(absl::Hours(1));
  ASSERT_EQ(report_.apps_size(), 1);
  EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "UNKNOWN");
  EXPECT_TRUE(absl::StrContains(report_.apps(0).why(), "\"PERMISSION_DENIED: no such role\""))
      << report_.apps(0).why();
  uem_.check_in = std::nullopt;
  Run(absl::Hours(1));
  EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "COMPLIANT")
      << report_.apps(0).why();
  EXPECT_EQ(fleet_->report().open_operations(), 0u);
}

// Its list of phones shows when it is seen.
TEST_F(FleetTest, APhoneThatIsOffIsNotReadOverAndOver) {
  uem_.sampled = false;
  uem_.check_in = now_;
  Start();
  Run(absl::Minutes(1));
  const int looks = uem_.looks;
  Run(absl::Hours(8));
  EXPECT_EQ(uem_.looks, looks);
}

// Also where nobody waits for it.
TEST_F(FleetTest, WhatAPhoneAnswersIsReadSoon) {
  uem_.removal = absl::FailedPreconditionError("no");
  uem_.gone_when_asked = true;
  Start();
  Run(absl::Minutes(2));
  EXPECT_EQ(uem_.queries, 1);
  ASSERT_EQ(report_.apps_size(), 1);
  EXPECT_EQ(v1::PhoneApp::Presence_Name(report_.apps(0).presence()), "ABSENT");
}

// By a clock that is ahead, the check-in of before looks as if it came after the profile.
TEST_F(FleetTest, AProfileIsProvenByTheClockOfTheUem) {
  uem_.installed = false;
  uem_.ahead = absl::Minutes(30);
  uem_.check_in = now_;
  Start();
  Run(absl::Hours(2));
  EXPECT_EQ(uem_.profiles, 1);
  EXPECT_FALSE(ProfileShown());
  uem_.check_in = std::nullopt;
  Run(absl::Hours(1));
  EXPECT_TRUE(ProfileShown());
}

// A site that is new in the catalogue is open until the phone has the profile that closes it.
TEST_F(FleetTest, ANewSiteIsNotClosedByTheProfileOfBefore) {
  signs_until_ = now_ + absl::Hours(1);  // the next profile is not sent
  uem_.installed = false;
  Start();
  Run(absl::Hours(2));
  ASSERT_EQ(report_.apps_size(), 1);
  ASSERT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "COMPLIANT");
  auto more = std::make_shared<PhonePolicy>(*BlockedPolicy());
  more->cohort_version = 2;
  more->apps[0].web_hosts = {"web.whatsapp.com"};
  policy_ = more;
  Run(absl::Hours(2));
  EXPECT_EQ(v1::PhoneApp::State_Name(report_.apps(0).state()), "NOT_ENFORCEABLE");
  EXPECT_TRUE(absl::StartsWith(report_.apps(0).why(), "PROFILE_NOT_MADE: "))
      << report_.apps(0).why();
}

TEST_F(FleetTest, APhoneThatLeavesIsNotWaitedFor) {
  uem_.sampled = false;
  uem_.check_in = now_;
  Start();
  Run(absl::Minutes(30));
  EXPECT_EQ(fleet_->report().open_operations(), 1u);
  uem_.enrolled = false;
  Run(absl::Hours(1));
  EXPECT_EQ(fleet_->report().open_operations(), 0u);
}

// The UEM takes the profile with its answer: a check-in before that, or in that moment, is no
// proof.
TEST_F(FleetTest, AProfileIsProvenByACheckInAfterItWasTaken) {
  uem_.installed = false;
  Start();
  Run(absl::Minutes(5));  // long enough for the first sample
  auto more = std::make_shared<PhonePolicy>(*BlockedPolicy());
  more->cohort_version = 2;
  more->apps[0].bundle_ids.push_back("net.whatsapp.other");
  more->by_bundle["net.whatsapp.other"] = 0;
  fleet_->SetPolicy(id_, more, now_);
  policy_ = more;
  std::optional<UemCall> profile;
  for (int i = 0; i < 100 && !profile; ++i, now_ += absl::Seconds(1)) {
    for (auto call = fleet_->Next(now_); call.ok() && call->has_value();
         call = fleet_->Next(now_)) {
      if ((*call)->kind == Kind::kInstallProfile) {
        profile = **call;
        break;
      }
      fleet_->Answer(**call, uem_.Do(**call, now_), now_);
    }
  }
  ASSERT_TRUE(profile.has_value());
  now_ += absl::Seconds(50);
  uem_.check_in = now_ + limits::kProfileProof;  // 60 s after it was sent
  fleet_->Answer(*profile, uem_.Do(*profile, now_), now_);
  EXPECT_EQ(FromProto(fleet_->records()[0].profile_at()), now_);
  Run(absl::Hours(2));
  EXPECT_FALSE(ProfileShown());
  uem_.check_in = now_;
  Run(absl::Hours(1));
  EXPECT_TRUE(ProfileShown());
}

}  // namespace
}  // namespace muster::bridge
