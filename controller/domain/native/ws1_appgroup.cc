// Workspace ONE application groups: a list of bodies for POST /api/mam/apps/appgroups, one for each
// platform on which anything is blocked.
#include <iterator>

#include "absl/strings/str_cat.h"
#include "controller/domain/native/phone_file.h"

namespace muster::native {
namespace {

// A file for one person blocks less than one for nobody: under the same name it would lift blocks
// of everybody.
std::string GroupName(const NativeInput& in, absl::string_view platform) {
  std::string name = absl::StrCat("Muster blocked ", platform);
  if (!in.person.empty()) absl::StrAppend(&name, " for ", PlainText(in.person));
  return name;
}

nlohmann::json Group(const NativeInput& in, const PhoneApps& apps, absl::string_view name,
                     absl::string_view platform) {
  nlohmann::json applications = nlohmann::json::array();
  for (const PhoneApp& app : apps.apps) {
    applications.push_back({{"Name", app.name}, {"BundleId", app.id}});
  }
  return {{"Name", GroupName(in, name)},
          {"Platform", platform},
          {"AppGroupType", "Blacklist"},
          {"Description", ProvenanceText(in)},
          {"IsActive", true},
          {"Applications", std::move(applications)}};
}

}  // namespace

absl::StatusOr<NativeFile> Ws1AppGroup(const NativeInput& in) {
  nlohmann::json groups = nlohmann::json::array();
  NativeFile out;
  const auto add = [&](v1::Platform::Id id, absl::string_view name, absl::string_view platform) {
    PhoneApps apps = AppsOn(in, id);
    out.notes.insert(out.notes.end(), std::make_move_iterator(apps.notes.begin()),
                     std::make_move_iterator(apps.notes.end()));
    if (apps.apps.empty()) {
      out.notes.push_back(absl::StrCat("No group for ", platform, ": nothing is blocked there."));
    } else {
      groups.push_back(Group(in, apps, name, platform));
    }
  };
  add(v1::Platform::IOS, "ios", "Apple");
  add(v1::Platform::ANDROID, "android", "Android");
  if (groups.empty()) return NothingBlocked("iOS or Android");
  out.bytes = IndentedJson(groups);
  out.media_type = "application/json";
  out.notes.push_back(
      "A group only names apps. On Android it acts through an application control profile or a "
      "compliance policy that uses it; on iOS a compliance policy finds an app and acts on the "
      "phone, but nothing is blocked: install the apple-profile.");
  out.notes.push_back(
      "The personal side of a company-owned Android phone takes a group of type COPEDenylist.");
  out.notes.push_back(
      "Each entry of the list is the body of a call of its own; a group that is there already is "
      "changed, for a second of its name is another group.");
  out.notes.push_back(
      "Web clients are not covered: that takes the profile, or a browser's policy.");
  return out;
}

}  // namespace muster::native
