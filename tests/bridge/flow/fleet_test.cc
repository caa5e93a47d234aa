// The engine of a bridge over answers as values, killed at every commit and at every call.
#include "bridge/flow/fleet.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "bridge/domain/phone_reports.h"
#include "common/fleet_limits.h"
#include "common/phone_id.h"
#include "common/time_proto.h"
#include "tests/bridge/memory_bridge_store.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;
constexpr char kBundle[] = "net.whatsapp.WhatsApp";

// A UEM with one iPhone, on which it has installed WhatsApp.
struct OnePhoneUem {
  absl::Time seen_at, removed_at = absl::InfinitePast();
  bool installed = true, listed = true, found = true;
  int removals = 0, profiles = 0, lists = 0;
  absl::Status removal = absl::OkStatus();
  std::map<std::string, UemGroup> groups;
  std::string profile;        // on the phone
  bool lose_profile = false;  // the answers to profiles
  bool enrolled = true, sampled = true;
  int queries = 0;
  std::optional<absl::Time> check_in;  // the last; unset: it is always connected

  UemPhone Phone() const {
    UemPhone out;
    out.identity.set_uem_id("u-1");
    out.identity.set_platform(v1::Platform::IOS);
    out.identity.set_user_name("jdoe");
    out.facts.set_enrolment(enrolled ? v1::PhoneFacts::ENROLLED : v1::PhoneFacts::UNENROLLED);
    out.facts.set_management(v1::PhoneFacts::SUPERVISED);
    out.facts.mutable_last_seen_at()->set_seconds(absl::ToUnixSeconds(seen_at));
    return out;
  }
  UemAnswer Do(const UemCall& call, absl::Time now) {
    seen_at = check_in.value_or(now);
    UemAnswer out;
    if (call.kind == Kind::kListPhones) {
      ++lists;
      if (listed) out.phones = {Phone()};
    } else if (call.kind == Kind::kGetPhone) {
      if (found) out.phones = {Phone()};
      if (!found) out.status = absl::NotFoundError("5061");
    } else if (call.kind == Kind::kQueryPhone) {
      ++queries;
    } else if (call.kind == Kind::kListApps && !sampled) {
    } else if (call.kind == Kind::kListApps || call.kind == Kind::kGetApp) {
      UemApp app;
      app.bundle_id = kBundle;
      app.installed = installed;
      app.assigned = true;
      app.reason = installed ? "Managed" : "";
      app.latest_action = removals > 0 ? "RemoveCommandSuccessful" : "";
      app.latest_action_at = removed_at;
      out.apps = {app};
    } else if (call.kind == Kind::kRemoveApp) {
      if (!removal.ok()) {
        out.status = removal;
        return out;
      }
      ++removals;
      installed = false;
      removed_at = now;
    } else if (call.kind == Kind::kInstallProfile) {
      ++profiles;
      profile = call.payload;
      if (lose_profile) {
        out.status = absl::UnavailableError("no answer");
        out.effect_unknown = true;
      }
    } else if (call.kind == Kind::kCreateAppGroup) {
      UemGroup made = call.group;
      made.id = made.name;
      out.group = groups[made.name] = made;
    } else if (call.kind == Kind::kFindAppGroup || call.kind == Kind::kGetAppGroup) {
      const auto it =
          groups.find(call.kind == Kind::kFindAppGroup ? call.group.name : call.group.id);
      if (it != groups.end()) out.group = it->second;
    } else if (call.kind == Kind::kRemoveFromAppGroup) {
      std::vector<std::string>& ids = groups[call.group.id].bundle_ids;
      for (const std::string& id : call.group.bundle_ids) std::erase(ids, id);
    }
    return out;
  }
};

PhonePolicyPtr BlockedPolicy() {
  auto out = std::make_shared<PhonePolicy>();
  out->platform = v1::Platform::IOS;
  out->cohort_version = 1;
  AppRuling app;
  app.app_id = "whatsapp";
  app.name = "WhatsApp";
  app.verdict = v1::Verdict::BLOCK;
  app.reason = "NO_GRANT";
  app.bundle_ids = {kBundle};
  out->apps = {app};
  out->by_bundle[kBundle] = 0;
  return out;
}

class FleetTest : public ::testing::Test {
 protected:
  void Start() {
    FleetOptions options;
    options.tenant = "t";
    options.bridge_id = "b";
    AppConfig app;
    app.app_id = "whatsapp";
    app.ios = ManagedApp{"whatsapp", v1::Platform::IOS, ManagedApp::Kind::kPublic, "7", kBundle};
    options.apps = {app};
    FleetEvents events;
    events.appeared = [this](const v1::PhoneRecord&) { ++appeared_; };
    events.left = [this](const std::string&) { ++left_; };
    events.changed = [this](const PhoneChange& change) {
      report_ = change.report;
      ++reports_;
    };
    fleet_ = std::make_unique<Fleet>(std::move(options), &store_, std::move(events));
    (void)fleet_->Load(now_);
    fleet_->SetPolicy(id_, BlockedPolicy(), now_);
  }
  void Kill() {
    fleet_.reset();
    store_.Crash();
    Start();
  }
  // `lose`: the call that is killed, counted from 0, before or after its effect.
  void Run(absl::Duration time, int lose = -1, bool after_effect = false) {
    for (const absl::Time end = now_ + time; now_ < end; now_ += absl::Seconds(5)) {
      fleet_->SetPolicy(id_, policy_, now_);
      for (int i = 0; i < 50; ++i) {
        const auto call = fleet_->Next(now_);
        if (store_.dead()) Kill();
        if (!call.ok() || !call->has_value()) break;
        const bool lost = lose >= 0 && calls_++ == lose;
        if (lost && !after_effect) {
          Kill();
          break;
        }
        const UemAnswer answer = uem_.Do(**call, now_);
        if (lost) {
          Kill();
          break;
        }
        fleet_->Answer(**call, answer, now_);
      }
    }
  }

  bool ProfileShown() const {
    for (const v1::Canary& canary : fleet_->Canaries(id_, now_)) {
      if (canary.filesystem() == kProfileProbe) return canary.result() == v1::Canary::BLOCKED;
    }
    return false;
  }

  MemoryBridgeStore store_;
  OnePhoneUem uem_;
  PhonePolicyPtr policy_ = BlockedPolicy();
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const std::string id_ = PhoneDeviceId("t", "b", "u-1");
  std::unique_ptr<Fleet> fleet_;
  v1::PhoneReport report_;
  int appeared_ = 0, left_ = 0, reports_ = 0, calls_ = 0;
};

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
