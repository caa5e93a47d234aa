// Two thousand phones (fewer under a sanitizer), a limited and unsound UEM, three kills: what was
// to be done is done, once.
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/match.h"
#include "tests/bridge/simulated/agency.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;

// A sanitizer costs ten times as much: there the same story has fewer phones.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kSanitized = false;
#endif
constexpr int kPhones = kSanitized ? 300 : 2000;
constexpr int kApart = kSanitized ? 5 : 45;  // the phones of those who are approved

App::State StateOf(const Agency& agency, int i, const std::string& app_id) {
  const std::string id = PhoneDeviceId("agency", "bridge-1", agency.uuids[i]);
  const auto it = agency.driver->reports().find(id);
  if (it == agency.driver->reports().end()) return App::UNSPECIFIED;
  for (const App& app : it->second.apps()) {
    if (app.app_id() == app_id) return app.state();
  }
  return App::UNSPECIFIED;
}

// "install net.whatsapp.WhatsApp <uuid>" -> how often, of what changes apps.
std::map<std::string, int> AppEffects(uemsim::Simulator& sim) {
  std::map<std::string, int> out;
  for (const uemsim::CallRecord& call : sim.Calls()) {
    if (absl::StartsWith(call.effect, "install ") || absl::StartsWith(call.effect, "remove ")) {
      ++out[call.effect];
    }
  }
  return out;
}

std::string WhatsAppOf(int i) { return i % 10 > 6 ? kWhatsAppAndroid : kWhatsAppIos; }

AgencyOptions Story(int phones) {
  AgencyOptions out;
  out.phones = phones;
  out.sim.per_minute = 600;
  out.pace.per_minute = 600;
  out.pace.parallel = 8;
  return out;
}

TEST(Converge, OnePersonIsApprovedAndLosesItAgain) {
  Agency agency(Story(20));
  // The check-in that fetches the profile does not prove it; the next one does.
  agency.driver->RunUntil(agency.clock.Now() + absl::Hours(5));
  EXPECT_EQ(StateOf(agency, 0, "telegram"), App::COMPLIANT);
  EXPECT_EQ(StateOf(agency, 6, "telegram"), App::NOT_ENFORCEABLE);
  EXPECT_EQ(agency.driver->fleet().report().open_operations(), 0u);

  const absl::Time approved = agency.clock.Now();
  agency.Grant(0);
  agency.driver->RunUntil(approved + absl::Minutes(10));
  EXPECT_LE(agency.driver->last_sync() - approved, absl::Seconds(2));
  EXPECT_EQ(StateOf(agency, 0, "whatsapp"), App::COMPLIANT);
  const auto truth = agency.sim.Phone(agency.uuids[0]);
  ASSERT_TRUE(truth.ok());
  ASSERT_NE(truth->Find(kWhatsAppIos), nullptr);
  EXPECT_TRUE(truth->Find(kWhatsAppIos)->managed);
  EXPECT_FALSE(truth->Find(kWhatsAppIos)->hidden);

  agency.Revoke(0);
  agency.driver->RunUntil(agency.clock.Now() + absl::Hours(1));
  EXPECT_EQ(StateOf(agency, 0, "whatsapp"), App::COMPLIANT);
  EXPECT_EQ(agency.sim.Phone(agency.uuids[0])->Find(kWhatsAppIos), nullptr);
  const std::map<std::string, int> once = {
      {absl::StrCat("install net.whatsapp.WhatsApp ", agency.uuids[0]), 1},
      {absl::StrCat("remove net.whatsapp.WhatsApp ", agency.uuids[0]), 1}};
  EXPECT_EQ(AppEffects(agency.sim), once);
  EXPECT_EQ(agency.driver->fleet().report().open_operations(), 0u);
  EXPECT_EQ(agency.sim.AppGroup("Muster blocked ios"), std::vector<std::string>{kTelegramIos});
}

TEST(Converge, WhatAPersonInstalledIsHidden) {
  Agency agency(Story(10));
  ASSERT_TRUE(agency.sim.InstallByPerson(agency.uuids[0], kTelegramIos).ok());
  ASSERT_TRUE(agency.sim.InstallByPerson(agency.uuids[6], kTelegramIos).ok());
  agency.driver->RunUntil(agency.clock.Now() + absl::Hours(9));
  EXPECT_TRUE(agency.sim.Phone(agency.uuids[0])->Find(kTelegramIos)->hidden);
  EXPECT_EQ(StateOf(agency, 0, "telegram"), App::COMPLIANT);
  EXPECT_EQ(StateOf(agency, 6, "telegram"), App::NOT_ENFORCEABLE);
}

TEST(Converge, TwoThousandPhonesThroughFaultsAndThreeKills) {
  AgencyOptions options = Story(kPhones);
  options.sim.per_day = 50'000;
  options.pace.per_day = 50'000;
  options.sim.faults = {.slow = 5,
                        .lost_before = 10,
                        .lost_after = 10,
                        .broken_json = 5,
                        .truncated = 5,
                        .error_with_effect = 5,
                        .unavailable = 5};
  Agency agency(options);
  for (int i = kPhones * 19 / 20; i < kPhones; ++i)
    ASSERT_TRUE(agency.sim.SetOnline(agency.uuids[i], false).ok());
  const absl::Time start = agency.clock.Now();
  agency.driver->RunUntil(start + absl::Minutes(5));
  for (int i = 0; i < 40; ++i) agency.Grant(i * kApart);
  agency.driver->RunUntil(agency.clock.Now() + absl::Seconds(40));
  agency.driver->Kill();
  agency.driver->RunUntil(agency.clock.Now() + absl::Minutes(2));
  agency.driver->LoseNextCall();
  agency.driver->RunUntil(agency.clock.Now() + absl::Hours(3));
  for (int i = 0; i < 20; ++i) agency.Revoke(i * kApart);
  agency.driver->RunUntil(agency.clock.Now() + absl::Seconds(10));
  agency.driver->Kill();
  for (int i = kPhones * 19 / 20; i < kPhones; ++i)
    ASSERT_TRUE(agency.sim.SetOnline(agency.uuids[i], true).ok());
  agency.driver->RunUntil(start + absl::Hours(24));

  std::map<std::string, int> expected;
  for (int i = 0; i < 40; ++i) {
    const int phone = i * kApart;
    const bool kept = i >= 20;
    const std::string target = absl::StrCat(WhatsAppOf(phone), " ", agency.uuids[phone]);
    expected["install " + target] = 1;
    if (!kept) expected["remove " + target] = 1;
    EXPECT_EQ(agency.sim.Phone(agency.uuids[phone])->Find(WhatsAppOf(phone)) != nullptr, kept)
        << phone;
  }
  EXPECT_EQ(AppEffects(agency.sim), expected);
  EXPECT_EQ(agency.driver->fleet().report().open_operations(), 0u);
  int compliant = 0, unenforceable = 0;
  for (int i = 0; i < kPhones; ++i) {
    const App::State state = StateOf(agency, i, "telegram");
    compliant += state == App::COMPLIANT;
    unenforceable += state == App::NOT_ENFORCEABLE;
  }
  EXPECT_EQ(unenforceable, kPhones / 10);
  EXPECT_EQ(compliant, kPhones * 9 / 10);
}

}  // namespace
}  // namespace muster::bridge
