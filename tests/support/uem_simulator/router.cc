#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

struct Route {
  const char* method;
  const char* path;  // {} stands for one segment
  int version;
  Reply (*handler)(World*, const Call&);
};

constexpr Route kRoutes[] = {
    {"GET", "api/mdm/devices/search", 1, SearchDevices},
    {"GET", "api/mdm/devices/search", 3, SearchDevicesV3},
    {"GET", "api/mdm/devices", 1, FindDevice},
    {"GET", "api/mdm/devices/{}/apps/search", 1, SearchDeviceApps},
    {"GET", "api/mdm/devices/{}/apps", 1, GetDeviceApp},
    {"GET", "api/mdm/devices/{}", 1, GetDeviceV1},
    {"GET", "api/mdm/devices/{}", 3, GetDeviceV3},
    {"POST", "api/mdm/devices/commands", 1, SendCommandBySearch},
    {"POST", "api/mdm/devices/{}/commands", 1, SendCommand},
    {"GET", "api/mam/apps/appgroups/search", 1, SearchAppGroups},
    {"POST", "api/mam/apps/appgroups", 1, CreateAppGroup},
    {"DELETE", "api/mam/apps/appgroups", 1, DeleteAppGroups},
    {"GET", "api/mam/apps/appgroups/{}", 1, GetAppGroup},
    {"PUT", "api/mam/apps/appgroups/{}", 1, PutAppGroup},
    {"POST", "api/mam/apps/appgroups/{}/applications", 1, AddGroupApps},
    {"DELETE", "api/mam/apps/appgroups/{}/applications", 1, RemoveGroupApps},
    {"GET", "api/mdm/smartgroups/search", 1, SearchSmartGroups},
    {"POST", "api/mdm/smartgroups", 1, CreateSmartGroup},
    {"GET", "api/mdm/smartgroups/{}", 1, GetSmartGroup},
    {"PUT", "api/mdm/smartgroups/{}", 1, PutSmartGroup},
    {"DELETE", "api/mdm/smartgroups/{}", 1, DeleteSmartGroup},
    {"PATCH", "api/mdm/smartgroups/{}", 2, PatchSmartGroup},
    {"GET", "api/mam/apps/search", 1, SearchApps},
    {"POST", "api/mam/apps/public/{}/smartgroups/{}", 1, AssignPublic},
    {"POST", "api/mam/apps/internal/{}/smartgroups/{}", 1, AssignInternal},
    {"DELETE", "api/mam/apps/public/{}/smartgroups/{}", 1, UnassignPublic},
    {"POST", "api/mam/apps/public/{}/install", 1, InstallPublic},
    {"POST", "api/mam/apps/public/{}/uninstall", 1, RemovePublic},
    {"POST", "api/mam/apps/internal/{}/install", 1, InstallInternal},
    {"POST", "api/mam/apps/internal/{}/uninstall", 1, RemoveInternal},
    {"POST", "api/mam/apps/purchased/{}/install", 1, InstallPurchased},
    {"POST", "api/mam/apps/purchased/{}/install", 2, InstallPurchasedV2},
    {"POST", "api/mam/apps/purchased/{}/uninstall", 1, RemovePurchased},
    {"POST", "api/mam/apps/purchased/{}/uninstall", 2, RemovePurchasedV2},
    {"GET", "api/system/usergroups/search", 1, SearchUserGroups},
    {"GET", "api/system/user-groups/{}/members", 1, ListMembers},
    {"POST", "api/system/user-groups/{}/actions/sync", 1, SyncGroup},
    {"POST", "api/system/user-groups/{}/actions/add-missing-users", 1, AddMissingUsers},
    {"POST", "api/system/eventnotifications", 2, CreateEventRule},
    {"GET", "api/system/eventnotifications/search", 2, SearchEventRules},
    {"GET", "api/system/eventnotifications/{}", 2, GetEventRule},
    {"PUT", "api/system/eventnotifications/{}", 2, PutEventRule},
    {"DELETE", "api/system/eventnotifications/{}", 2, DeleteEventRule},
};

// The path is also seen as /API/.
bool Fits(const char* pattern, const std::vector<std::string>& segments,
          std::vector<std::string>* args) {
  args->clear();
  size_t i = 0;
  for (absl::string_view part : absl::StrSplit(pattern, '/')) {
    if (i == segments.size()) return false;
    if (part == "{}") {
      args->push_back(segments[i]);
    } else if (Lower(segments[i]) != part) {
      return false;
    }
    ++i;
  }
  return i == segments.size();
}

}  // namespace

Reply Dispatch(World* world, Call* call) {
  const int version = std::max(1, call->version);  // without Accept: the first, in XML
  for (const Route& route : kRoutes) {
    if (call->method != route.method || version != route.version) continue;
    if (Fits(route.path, call->segments, &call->args)) return route.handler(world, *call);
  }
  return Error(404, 0, absl::StrCat("no ", call->method, " here in version ", version));
}

std::optional<Page> PageOf(const Call& call, size_t total, size_t first, size_t usual, size_t most,
                           const std::string& size_name) {
  const std::optional<uint64_t> number = call.Number("page", first);
  const std::optional<uint64_t> size = call.Number(size_name, usual);
  if (!number || !size || *number < first || *number > 1'000'000) return std::nullopt;
  Page page = {.number = *number, .size = std::min<size_t>(*size == 0 ? usual : *size, most)};
  page.begin = std::min(total, (page.number - first) * page.size);
  page.end = std::min(total, page.begin + page.size);
  return page;
}

}  // namespace muster::uemsim
