// Two thousand phones (fewer under a sanitizer), a limited and unsound UEM, three kills: what was
// to be done is done, once.
#include <gtest/gtest.h>

#include <map>
#include <set>

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
constexpr int kNew = 20;                     // phones that enrol while the list is read
constexpr int kLeave = 4;                    // and that leave it, each after the first page of one

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

// Whose phones stay in the UEM's list: all but persons 1 to kLeave.
bool Stays(int i) { return i == 0 || i > kLeave; }

// While the list is read, between two of its pages: one phone enrols, whose page is still to come,
// and, once a list, one leaves that was on the first page, so that what follows moves up. The
// newcomers are approved in part before they have a phone.
class ShiftingPages {
 public:
  explicit ShiftingPages(Agency* agency) : agency_(agency) {
    agency->driver->before_call = [this](const UemCall& call) {
      if (call.kind != UemCall::Kind::kListPhones || call.page == 0) return;
      if (enrolled_ < kNew) {
        agency_->AddPhone();
        ++enrolled_;
      }
      if (call.page == 1 && left_ < kLeave) {
        EXPECT_TRUE(agency_->sim.Delete(agency_->uuids[++left_]).ok());
      }
    };
  }
  int enrolled() const { return enrolled_; }
  int left() const { return left_; }

 private:
  Agency* const agency_;
  int enrolled_ = 0, left_ = 0;
};

AgencyOptions Unsound(int phones) {
  AgencyOptions options = Story(phones);
  options.sim.per_day = 50'000;
  options.pace.per_day = 50'000;
  if (kSanitized) options.sim.device_page = 70;  // as many pages of fewer phones
  options.sim.faults = {.slow = 5,
                        .lost_before = 10,
                        .lost_after = 10,
                        .broken_json = 5,
                        .truncated = 5,
                        .error_with_effect = 5,
                        .unavailable = 5,
                        .throttle_storm = 1};
  return options;
}

// Of one kind of call, how many met a storm of 429.
int Stormed(const std::vector<uemsim::CallRecord>& calls, absl::string_view path_end) {
  int out = 0;
  for (const uemsim::CallRecord& call : calls) {
    out += call.status == 429 && call.fault == uemsim::Fault::kThrottleStorm &&
           absl::EndsWith(call.target, path_end);
  }
  return out;
}

// Every phone of the UEM's list is known and as it should be, and no other.
void ExpectEachPhoneOnce(Agency& agency) {
  std::set<std::string> all, gone;
  int compliant = 0, unenforceable = 0, others = 0;
  const int phones = static_cast<int>(agency.uuids.size());
  for (int i = 0; i < phones; ++i) {
    (Stays(i) ? all : gone).insert(agency.DeviceOf(i));
    if (!Stays(i)) continue;
    const App::State state = StateOf(agency, i, "telegram");
    compliant += state == App::COMPLIANT;
    unenforceable += state == App::NOT_ENFORCEABLE;
    others += i % 10 != 6;
  }
  std::set<std::string> known;
  for (const auto& [id, record] : agency.driver->phones()) known.insert(id);
  EXPECT_EQ(known, all);
  EXPECT_EQ(agency.driver->left(), gone);
  EXPECT_EQ(unenforceable, phones / 10);
  EXPECT_EQ(compliant, others);
}

// Persons 0, kApart, 2 * kApart, … are approved, and every other one of those who come later; the
// first half of them loses it again.
std::vector<int> ApprovedPersons() {
  std::vector<int> out;
  for (int i = 0; i < 40; ++i) out.push_back(i * kApart);
  for (int i = 0; i < kNew; i += 2) out.push_back(kPhones + i);
  return out;
}
bool Keeps(int i) { return i >= kPhones ? i >= kPhones + kNew / 2 : i >= 20 * kApart; }

TEST(Converge, TwoThousandPhonesThroughFaultsAndThreeKills) {
  Agency agency(Unsound(kPhones));
  ShiftingPages pages(&agency);
  for (int i = kPhones * 19 / 20; i < kPhones; ++i)
    ASSERT_TRUE(agency.sim.SetOnline(agency.uuids[i], false).ok());
  const absl::Time start = agency.clock.Now();
  agency.driver->RunUntil(start + absl::Minutes(5));
  agency.sim.FailNext(uemsim::Fault::kThrottleStorm, 1, "/install");
  for (const int i : ApprovedPersons()) agency.Grant(i);
  agency.driver->RunUntil(agency.clock.Now() + absl::Seconds(40));
  agency.driver->Kill();
  agency.driver->RunUntil(agency.clock.Now() + absl::Minutes(2));
  agency.driver->LoseNextCall();
  agency.driver->RunUntil(agency.clock.Now() + absl::Hours(3));
  agency.sim.FailNext(uemsim::Fault::kThrottleStorm, 1, "/uninstall");
  for (const int i : ApprovedPersons()) {
    if (!Keeps(i)) agency.Revoke(i);
  }
  agency.driver->RunUntil(agency.clock.Now() + absl::Seconds(10));
  agency.driver->Kill();
  for (int i = kPhones * 19 / 20; i < kPhones; ++i)
    ASSERT_TRUE(agency.sim.SetOnline(agency.uuids[i], true).ok());
  agency.driver->RunUntil(start + absl::Hours(24));

  ASSERT_EQ(pages.enrolled(), kNew);
  ASSERT_EQ(pages.left(), kLeave);
  const std::vector<uemsim::CallRecord> calls = agency.sim.Calls();
  EXPECT_GE(Stormed(calls, "/install"), 1);
  EXPECT_GE(Stormed(calls, "/uninstall"), 1);
  EXPECT_GE(Stormed(calls, ""), 20);
  std::map<std::string, int> expected;
  for (const int i : ApprovedPersons()) {
    const std::string target = absl::StrCat(WhatsAppOf(i), " ", agency.uuids[i]);
    expected["install " + target] = 1;
    if (!Keeps(i)) expected["remove " + target] = 1;
    EXPECT_EQ(agency.sim.Phone(agency.uuids[i])->Find(WhatsAppOf(i)) != nullptr, Keeps(i)) << i;
  }
  EXPECT_EQ(AppEffects(agency.sim), expected);
  EXPECT_EQ(agency.driver->fleet().report().open_operations(), 0u);
  ExpectEachPhoneOnce(agency);
}

}  // namespace
}  // namespace muster::bridge
