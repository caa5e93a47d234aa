// Policy of the Android Management API: fields of enterprises.policies that Muster means, no other.
#include "absl/strings/str_cat.h"
#include "controller/domain/native/phone_file.h"

namespace muster::native {
namespace {

constexpr absl::string_view kChrome = "com.android.chrome";

nlohmann::json Blocked(const PhoneApps& apps) {
  nlohmann::json out = nlohmann::json::array();
  for (const PhoneApp& app : apps.apps) {
    out.push_back({{"packageName", app.id}, {"installType", "BLOCKED"}});
  }
  return out;
}

bool Blocks(const PhoneApps& apps, absl::string_view id) {
  for (const PhoneApp& app : apps.apps) {
    if (app.id == id) return true;
  }
  return false;
}

// Chrome takes a list as the text of its JSON; a list itself it ignores in silence.
nlohmann::json ChromeWithout(const std::vector<std::string>& hosts) {
  return {{"packageName", kChrome},
          {"installType", "AVAILABLE"},
          {"managedConfiguration", {{"URLBlocklist", nlohmann::json(hosts).dump()}}}};
}

void AddNotes(bool chrome, std::vector<std::string>* notes) {
  notes->push_back(
      "Covers all of a fully managed phone, and the work profile of any other. On a company-owned "
      "phone with a work profile the personal side is closed to these apps from Android 11 on, but "
      "cannot be listed; on a personally owned phone the personal side is out of reach.");
  notes->push_back(
      "An app is known by its package name alone: a copy under another name is not blocked, "
      "whoever signed it. Installs from outside the Play Store are closed.");
  notes->push_back(
      "playStoreMode is always written: without it the phone would remove every app that is not "
      "named. BLACKLIST opens all others; where you keep an allow list (WHITELIST), keep it and "
      "leave these apps off it instead.");
  notes->push_back(
      "Send it with an updateMask of its fields; without one, everything else in your policy is "
      "reset. applications is replaced whole: keep your own entries in it.");
  notes->push_back(
      "The format has no comment: version, hash and time stand in longSupportMessage, which the "
      "phone shows under device administrators.");
  if (!chrome) return;
  notes->push_back(
      "Web clients are closed in Chrome 86 and later; in no other browser, and not in a page that "
      "is open. It replaces what else you configure for Chrome.");
}

}  // namespace

absl::StatusOr<NativeFile> AndroidPolicy(const NativeInput& in) {
  NativeFile out;
  PhoneApps apps = AppsOn(in, v1::Platform::ANDROID);
  out.notes = std::move(apps.notes);
  const std::vector<std::string> hosts = PlainHosts(in, &out.notes);
  if (apps.apps.empty() && hosts.empty()) return NothingBlocked("Android");
  nlohmann::json applications = Blocked(apps);
  const bool chrome = !hosts.empty() && !Blocks(apps, kChrome);
  if (chrome) applications.push_back(ChromeWithout(hosts));
  nlohmann::json policy = {
      {"applications", std::move(applications)},
      {"playStoreMode", "BLACKLIST"},
      {"personalUsagePolicies",
       {{"personalPlayStoreMode", "BLOCKLIST"}, {"personalApplications", Blocked(apps)}}},
      {"advancedSecurityOverrides", {{"untrustedAppsPolicy", "DISALLOW_INSTALL"}}},
      {"statusReportingSettings", {{"applicationReportsEnabled", true}}},
      {"longSupportMessage", {{"defaultMessage", ProvenanceText(in)}}}};
  if (!in.how_to_ask.empty()) {
    policy["shortSupportMessage"] = {{"defaultMessage", PlainText(in.how_to_ask)}};
  }
  out.bytes = IndentedJson(policy);
  out.media_type = "application/json";
  AddNotes(chrome, &out.notes);
  return out;
}

}  // namespace muster::native
