#include "bridge/flow/group_plan.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace muster::bridge {
namespace {

std::string PlatformWord(v1::Platform::Id platform) {
  return platform == v1::Platform::IOS ? "ios" : "android";
}

bool CanBeGranted(const AppRuling& ruling) {
  return ruling.granted || ruling.reason == "NO_GRANT" || ruling.reason == "ARCHIVE_OVERDUE" ||
         absl::StartsWith(ruling.reason, "GRANT");
}

WantedGroup AppGroup(std::string name, v1::Platform::Id platform, std::vector<std::string> ids) {
  WantedGroup out;
  out.group.name = std::move(name);
  out.group.platform = platform;
  out.group.bundle_ids = std::move(ids);
  return out;
}

}  // namespace

bool PlatformRules::operator==(const PlatformRules& other) const {
  return version == other.version && blocked == other.blocked && restricted == other.restricted;
}

PlatformRules RulesOf(const PhonePolicy& policy) {
  PlatformRules out;
  out.version = policy.cohort_version;
  std::set<std::string> blocked;
  for (const AppRuling& ruling : policy.apps) {
    if (ruling.only_reports) {  // the agency looks, and blocks nothing yet
      out.restricted[ruling.app_id];
      continue;
    }
    std::set<std::string> ids(ruling.bundle_ids.begin(), ruling.bundle_ids.end());
    if (CanBeGranted(ruling)) {
      out.restricted[ruling.app_id].assign(ids.begin(), ids.end());
    } else if (ruling.verdict == v1::Verdict::BLOCK ||
               ruling.verdict == v1::Verdict::ALLOW_EXPORT_ONLY) {
      blocked.insert(ids.begin(), ids.end());
    } else {
      out.restricted[ruling.app_id];  // it may have been: then its group is emptied
    }
  }
  out.blocked.assign(blocked.begin(), blocked.end());
  return out;
}

std::vector<WantedGroup> AppGroups(const PlatformRules& rules, v1::Platform::Id platform) {
  std::vector<WantedGroup> out;
  const std::string word = PlatformWord(platform);
  out.push_back(AppGroup(absl::StrCat("Muster blocked ", word), platform, rules.blocked));
  for (const auto& [app, ids] : rules.restricted) {
    out.push_back(AppGroup(absl::StrCat("Muster restricted ", app, " ", word), platform, ids));
  }
  return out;
}

std::vector<WantedGroup> SmartGroups(const std::vector<AppConfig>& apps) {
  std::vector<WantedGroup> out;
  for (const AppConfig& app : apps) {
    if (app.user_group.empty() || (!app.ios && !app.android)) continue;
    WantedGroup group;
    group.smart = true;
    group.group.name = absl::StrCat("Muster allowed ", app.app_id);
    group.group.user_groups = {app.user_group};
    if (app.ios) group.apps.push_back(*app.ios);
    if (app.android) group.apps.push_back(*app.android);
    out.push_back(std::move(group));
  }
  return out;
}

std::vector<std::string> Missing(const std::vector<std::string>& a,
                                 const std::vector<std::string>& b) {
  std::vector<std::string> out;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

}  // namespace muster::bridge
