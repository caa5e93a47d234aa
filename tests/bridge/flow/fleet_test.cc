// The engine of a bridge over answers as values, killed at every commit and at every call.
#include "bridge/flow/fleet.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/bridge/flow/fleet_fixture.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

TEST_F(FleetTest, KilledAtAnyCommitItRemovesOnce) {
  for (int n = 0; n < 12; ++n) {
    uem_ = {};
    store_.Restore({});
    store_.DieAfter(n);
    Start();
    Run(absl::Minutes(30));
    EXPECT_EQ(uem_.removals, 1) << n;
    EXPECT_GE(uem_.profiles, 1) << n;
    EXPECT_EQ(fleet_->report().open_operations(), 0u) << n;
  }
}

TEST_F(FleetTest, KilledAtAnyCallItRemovesOnce) {
  for (const bool after_effect : {false, true}) {
    for (int n = 0; n < 20; ++n) {
      uem_ = {};
      store_.Restore({});
      calls_ = 0;
      Start();
      Run(absl::Minutes(30), n, after_effect);
      EXPECT_EQ(uem_.removals, 1) << n << after_effect;
      EXPECT_EQ(fleet_->report().open_operations(), 0u) << n << after_effect;
    }
  }
}

// The profile of an answer that was lost is on the phone, although it is not wanted any more.
TEST_F(FleetTest, AProfileThatMayBeThereIsReplaced) {
  const auto with_telegram = [](v1::Verdict::Kind whatsapp, uint64_t version) {
    auto out = std::make_shared<PhonePolicy>(*BlockedPolicy());
    out->cohort_version = version;
    out->apps[0].verdict = whatsapp;
    AppRuling telegram = BlockedPolicy()->apps[0];
    telegram.app_id = telegram.name = "telegram";
    telegram.bundle_ids = {"ph.telegra.Telegraph"};
    out->apps.insert(out->apps.begin(), telegram);
    out->by_bundle = {{"ph.telegra.Telegraph", 0}, {kBundle, 1}};
    return out;
  };
  Start();
  policy_ = with_telegram(v1::Verdict::BLOCK, 1);
  Run(absl::Minutes(10));
  EXPECT_TRUE(absl::StrContains(uem_.profile, kBundle));
  uem_.lose_profile = true;
  policy_ = with_telegram(v1::Verdict::ALLOW, 2);
  Run(absl::Seconds(5));
  EXPECT_FALSE(absl::StrContains(uem_.profile, kBundle));
  policy_ = with_telegram(v1::Verdict::BLOCK, 3);
  uem_.lose_profile = false;
  Run(absl::Minutes(30));
  EXPECT_TRUE(absl::StrContains(uem_.profile, kBundle));
  EXPECT_EQ(fleet_->report().open_operations(), 0u);
}

// Never unsigned, never in silence; and a new certificate is used as soon as the bridge has it.
TEST_F(FleetTest, WhatCannotBeSignedIsNotSentAndSaysSo) {
  signs_until_ = now_;
  uem_.installed = false;
  Start();
  Run(absl::Minutes(10));
  EXPECT_EQ(uem_.profiles, 0);
  ASSERT_EQ(report_.apps_size(), 1);
  EXPECT_EQ(report_.apps(0).state(), v1::PhoneApp::NOT_ENFORCEABLE);
  EXPECT_TRUE(absl::StartsWith(report_.apps(0).why(), "PROFILE_NOT_MADE: "))
      << report_.apps(0).why();
  const auto refused = [this] {
    for (const v1::BridgeOperation& op : fleet_->operations()) {
      if (op.kind() == v1::BridgeOperation::INSTALL_PROFILE) return op.last_error();
    }
    return std::string();
  };
  EXPECT_EQ(refused(), "the restrictions profile cannot be made: the certificate is too old");
  signs_until_ = now_ + absl::Hours(1);
  Run(absl::Minutes(1));
  EXPECT_EQ(uem_.profiles, 0) << "it is tried daily";
  store_.Commit().IgnoreError();
  Kill();
  Run(absl::Minutes(1));
  EXPECT_EQ(uem_.profiles, 1) << "and at the start";
  EXPECT_TRUE(absl::StartsWith(uem_.profile, "signed "));
  EXPECT_EQ(refused(), "");
}

// A compliance policy in the UEM acts on what the groups name.
TEST_F(FleetTest, WhatIsAllowedNowIsInNoGroupAnyMore) {
  Start();
  Run(absl::Minutes(10));
  const std::string name = "Muster restricted whatsapp ios";
  EXPECT_EQ(uem_.groups[name].bundle_ids, std::vector<std::string>{kBundle});
  auto allowed = std::make_shared<PhonePolicy>(*BlockedPolicy());
  allowed->cohort_version = 2;
  allowed->apps[0].verdict = v1::Verdict::ALLOW;
  allowed->apps[0].reason = "TRM_PERMITTED";
  policy_ = allowed;
  Run(absl::Minutes(10));
  EXPECT_EQ(uem_.groups[name].bundle_ids, std::vector<std::string>());
  EXPECT_EQ(uem_.groups.count("Muster blocked ios"), 0u);  // never needed, never made
  EXPECT_EQ(fleet_->report().open_operations(), 0u);
}

TEST_F(FleetTest, ARefusalIsShownAndTriedAgainTheNextDay) {
  uem_.removal = absl::FailedPreconditionError("the app cannot be removed");
  Start();
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.removals, 0);
  ASSERT_EQ(fleet_->operations().size(), 1u);
  EXPECT_EQ(fleet_->operations()[0].state(), v1::BridgeOperation::REFUSED);
  EXPECT_EQ(fleet_->operations()[0].last_error(), "FAILED_PRECONDITION: the app cannot be removed");
  uem_.removal = absl::OkStatus();
  Run(absl::Hours(1));
  EXPECT_EQ(uem_.removals, 0);
  Run(absl::Hours(24));
  EXPECT_EQ(uem_.removals, 1);
}

TEST_F(FleetTest, OneMissingListIsNotTheEndOfAPhone) {
  Start();
  Run(absl::Minutes(20));
  EXPECT_EQ(appeared_, 1);
  uem_.listed = false;  // an empty list is not believed, and the UEM still finds the phone
  Run(absl::Hours(3));
  EXPECT_EQ(left_, 0);
  uem_.found = false;
  Run(absl::Hours(3));
  EXPECT_EQ(left_, 1);
  EXPECT_EQ(fleet_->report().phones(), 0u);
}

TEST_F(FleetTest, NothingNewIsNotReported) {
  Start();
  Run(absl::Minutes(30));
  const int before = reports_;
  Run(absl::Hours(2));
  EXPECT_EQ(reports_, before);
}

TEST_F(FleetTest, ARefusedAccountStopsAllButAProbe) {
  Start();
  const auto call = fleet_->Next(now_);
  ASSERT_TRUE(call.ok() && call->has_value());
  UemAnswer denied;
  denied.status = absl::UnauthenticatedError("no");
  fleet_->Answer(**call, denied, now_);
  EXPECT_FALSE(fleet_->Next(now_)->has_value());
  EXPECT_NE(fleet_->report().last_error().find("client id and secret"), std::string::npos);
  now_ += absl::Seconds(30);
  const auto probe = fleet_->Next(now_);
  ASSERT_TRUE(probe.ok() && probe->has_value());
  EXPECT_EQ((*probe)->kind, Kind::kListPhones);
  EXPECT_FALSE(fleet_->Next(now_)->has_value());
  fleet_->Answer(**probe, uem_.Do(**probe, now_), now_);
  EXPECT_EQ(fleet_->report().last_error(), "");
}

}  // namespace
}  // namespace muster::bridge
