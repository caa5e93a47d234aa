// An agency of phones in the simulator: WhatsApp can be granted, Telegram nobody may have.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bridge/flow/phone_book.h"
#include "common/phone_id.h"
#include "tests/bridge/simulated/driver.h"

namespace muster::bridge {

inline constexpr char kWhatsAppIos[] = "net.whatsapp.WhatsApp";
inline constexpr char kWhatsAppAndroid[] = "com.whatsapp";
inline constexpr char kTelegramIos[] = "ph.telegra.Telegraph";
inline constexpr char kTelegramAndroid[] = "org.telegram.messenger";

struct AgencyOptions {
  int phones = 100;
  uemsim::SimOptions sim;
  PacerOptions pace;
};

class Agency {
 public:
  explicit Agency(AgencyOptions options)
      : clock(absl::FromUnixSeconds(1'800'000'000)), sim(options.sim, &clock) {
    group = sim.AddUserGroup({.name = "Muster-WhatsApp"});
    const uint64_t ios = sim.AddManagedApp(
        {.platform = v1::Platform::IOS, .bundle_id = kWhatsAppIos, .name = "WhatsApp"});
    const uint64_t android = sim.AddManagedApp(
        {.platform = v1::Platform::ANDROID, .bundle_id = kWhatsAppAndroid, .name = "WhatsApp"});
    for (int i = 0; i < options.phones; ++i) AddPhone();
    FleetOptions fleet;
    fleet.tenant = "agency";
    fleet.bridge_id = "bridge-1";
    fleet.pace = options.pace;
    AppConfig app;
    app.app_id = "whatsapp";
    app.user_group = group;
    app.ios = Managed(v1::Platform::IOS, ios, kWhatsAppIos);
    app.android = Managed(v1::Platform::ANDROID, android, kWhatsAppAndroid);
    fleet.apps = {app};
    Ws1Options uem = SimulatedUem(options.sim);
    uem.android_management = AndroidManagement::kByOwnership;
    driver = std::make_unique<Driver>(
        &clock, &sim, std::move(uem), fleet,
        [this](const v1::PhoneRecord& record) { return PolicyOf(record); });
  }

  static std::string User(int i) { return absl::StrCat("user", i, "@agency.gov"); }

  // Of person i, whose phone may come later.
  void Grant(int i) { Change(i, true); }
  void Revoke(int i) { Change(i, false); }

  // The next person's phone enrols. Of ten phones six are supervised iPhones, one is not
  // supervised, three are Android.
  void AddPhone() {
    const int i = static_cast<int>(uuids.size());
    uemsim::SimPhone phone;
    phone.user = User(i);
    if (i % 10 == 6) phone.management = v1::PhoneFacts::UNSUPERVISED;
    if (i % 10 > 6) {
      phone.platform = v1::Platform::ANDROID;
      phone.management = v1::PhoneFacts::DEVICE_OWNER;
    }
    // On most phones something is installed, which shows that the UEM knows its apps.
    if (i % 10 != 1) phone.apps = {"com.example.mail"};
    sim.AddUser(phone.user);
    uuids.push_back(sim.AddPhone(phone));
  }
  std::string DeviceOf(int i) const { return PhoneDeviceId("agency", "bridge-1", uuids.at(i)); }

  PhonePolicyPtr PolicyOf(const v1::PhoneRecord& record) const {
    auto out = std::make_shared<PhonePolicy>();
    const bool ios = record.identity().platform() == v1::Platform::IOS;
    out->platform = record.identity().platform();
    out->how_to_ask = "Ask the service desk.";
    out->cohort_sha256 = "c0";
    out->cohort_version = 1;
    const bool granted = granted_.count(UserKey(record.identity().user_name())) > 0;
    AppRuling telegram;
    telegram.app_id = "telegram";
    telegram.name = "Telegram";
    telegram.verdict = v1::Verdict::BLOCK;
    telegram.reason = "BLOCKLISTED";
    telegram.bundle_ids = {ios ? kTelegramIos : kTelegramAndroid};
    AppRuling whatsapp;
    whatsapp.app_id = "whatsapp";
    whatsapp.name = "WhatsApp";
    whatsapp.verdict = granted ? v1::Verdict::ALLOW : v1::Verdict::BLOCK;
    whatsapp.granted = granted;
    whatsapp.reason = granted ? "GRANT" : "NO_GRANT";
    whatsapp.transaction_id = granted ? "txn-1" : "";
    whatsapp.bundle_ids = {ios ? kWhatsAppIos : kWhatsAppAndroid};
    out->apps = {telegram, whatsapp};
    for (size_t i = 0; i < out->apps.size(); ++i) {
      out->by_bundle[out->apps[i].bundle_ids[0]] = i;
    }
    return out;
  }

  FakeClock clock;
  uemsim::Simulator sim;
  std::string group;
  std::vector<std::string> uuids;  // of phone i
  std::unique_ptr<Driver> driver;

 private:
  static ManagedApp Managed(v1::Platform::Id platform, uint64_t number, const char* bundle) {
    return {"whatsapp", platform, ManagedApp::Kind::kPublic, absl::StrCat(number), bundle};
  }

  void Change(int i, bool granted) {
    if (granted) {
      granted_.insert(UserKey(User(i)));
    } else {
      granted_.erase(UserKey(User(i)));
    }
    // What Muster's own write-back does first.
    (void)sim.SetDirectory(group, {granted_.begin(), granted_.end()});
    if (static_cast<size_t>(i) < uuids.size()) driver->Renew(DeviceOf(i));
  }

  std::set<std::string> granted_;
};

}  // namespace muster::bridge
