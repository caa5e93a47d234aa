// Application groups: they name apps.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

const std::set<std::string> kTypes = {"Whitelist",      "Blacklist",     "Required",
                                      "MDMApplication", "COPEAllowlist", "COPEDenylist"};

Json GroupJson(const AppGroupState& group, bool with_apps) {
  Json json = {{"ApplicationGroupID", absl::StrCat(group.number)},
               {"Name", group.name},
               {"Platform", group.platform},
               {"AppGroupType", group.type},
               {"IsActive", true},
               {"AppCount", absl::StrCat(group.apps.size())},
               {"ManagedByOrganizationGroupID", "570"}};
  if (!with_apps) return json;
  json["Applications"] = Json::array();
  for (const auto& [bundle_id, name] : group.apps) {
    json["Applications"].push_back({{"Name", name}, {"BundleId", bundle_id}});
  }
  return json;
}

AppGroupState* GroupAt(World* world, const Call& call) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(call.args[0], &number)) return nullptr;
  const auto it = world->app_groups.find(number);
  return it == world->app_groups.end() ? nullptr : &it->second;
}

// nullopt: not a list of at least one app with name and bundle id.
std::optional<std::map<std::string, std::string>> AppsOf(const Call& call) {
  std::map<std::string, std::string> apps;
  if (!call.json.is_object() || !call.json.contains("Applications")) return std::nullopt;
  for (const Json& app : call.json["Applications"]) {
    if (!app.is_object() || !app.contains("BundleId") || !app["BundleId"].is_string()) {
      return std::nullopt;
    }
    const std::string id = app["BundleId"].get<std::string>();
    const bool named = app.contains("Name") && app["Name"].is_string();
    if (id.empty() || !named) return std::nullopt;
    apps[id] = app["Name"].get<std::string>();
  }
  if (apps.empty()) return std::nullopt;
  return apps;
}

std::string Ids(const std::map<std::string, std::string>& apps) {
  return absl::StrJoin(apps, ",", [](std::string* out, const auto& app) { *out += app.first; });
}

// Empty: the body makes a group.
std::string WrongGroup(const Call& call) {
  if (call.Text("Name").empty()) return "Name is needed";
  if (call.Text("Platform") != "Apple" && call.Text("Platform") != "Android") {
    return "Platform is needed";
  }
  if (kTypes.count(call.Text("AppGroupType")) == 0) return "AppGroupType is needed";
  return AppsOf(call) ? "" : "at least one application with Name and BundleId is needed";
}

}  // namespace

// A name finds whatever contains it, and the apps of a group are not in the list.
Reply SearchAppGroups(World* world, const Call& call) {
  const std::string name = Lower(call.Query("appgroupname"));
  const std::string type = Lower(call.Query("appgrouptype"));
  const std::string platform = Lower(call.Query("platform"));
  std::vector<const AppGroupState*> found;
  for (const auto& [number, group] : world->app_groups) {
    if (!absl::StrContains(Lower(group.name), name)) continue;
    if (!type.empty() && Lower(group.type) != type) continue;
    if (!platform.empty() && Lower(group.platform) != platform) continue;
    found.push_back(&group);
  }
  const auto page = PageOf(call, found.size(), 0, 500, 500);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json groups = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) groups.push_back(GroupJson(*found[i], false));
  return Ok({{"AppGroups", std::move(groups)},
             {"Page", page->number},
             {"PageSize", page->size},
             {"Total", found.size()}});
}

Reply CreateAppGroup(World* world, const Call& call) {
  const std::string wrong = WrongGroup(call);
  if (!wrong.empty()) return Error(400, 0, wrong);
  for (const auto& [number, group] : world->app_groups) {
    if (group.name == call.Text("Name")) return Error(400, 0, "The name is in use");
  }
  AppGroupState group = {.number = world->NextNumber(),
                         .name = call.Text("Name"),
                         .platform = call.Text("Platform"),
                         .type = call.Text("AppGroupType"),
                         .apps = *AppsOf(call)};
  Reply reply = Ok(GroupJson(group, true));
  reply.effect = absl::StrCat("create-app-group '", group.name, "' ", Ids(group.apps));
  world->app_groups[group.number] = std::move(group);
  return reply;
}

Reply DeleteAppGroups(World* world, const Call& call) {
  if (!call.json.is_object() || !call.json.contains("BulkValues") ||
      !call.json["BulkValues"].is_object() || !call.json["BulkValues"].contains("Value")) {
    return Error(400, 0, "BulkValues are needed");
  }
  uint64_t accepted = 0, total = 0;
  Json faults = Json::array();
  for (const Json& value : call.json["BulkValues"]["Value"]) {
    ++total;
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    uint64_t number = 0;
    if (absl::SimpleAtoi(text, &number) && world->app_groups.erase(number) == 1) {
      ++accepted;
    } else {
      faults.push_back({{"ErrorCode", 404}, {"ItemValue", text}, {"Message", "not found"}});
    }
  }
  Reply reply = Ok({{"TotalItems", total},
                    {"AcceptedItems", accepted},
                    {"FailedItems", total - accepted},
                    {"Faults", {{"Fault", std::move(faults)}}}});
  if (accepted > 0) reply.effect = absl::StrCat("delete-app-groups ", accepted);
  return reply;
}

Reply GetAppGroup(World* world, const Call& call) {
  const AppGroupState* group = GroupAt(world, call);
  return group == nullptr ? Error(404, 0, "no such group") : Ok(GroupJson(*group, true));
}

Reply PutAppGroup(World* world, const Call& call) {
  AppGroupState* group = GroupAt(world, call);
  if (group == nullptr) return Error(404, 0, "no such group");
  const std::string wrong = WrongGroup(call);
  if (!wrong.empty()) return Error(400, 0, wrong);
  const AppGroupState before = *group;
  group->name = call.Text("Name");
  group->apps = *AppsOf(call);
  Reply reply = Empty(200);
  reply.effect = absl::StrCat("put-app-group '", group->name, "' ", Ids(group->apps));
  reply.redundant = before.name == group->name && before.apps == group->apps;
  return reply;
}

Reply AddGroupApps(World* world, const Call& call) {
  AppGroupState* group = GroupAt(world, call);
  if (group == nullptr) return Error(400, 0, "no such group");
  const auto apps = AppsOf(call);
  if (!apps) return Error(400, 0, "Applications with Name and BundleId are needed");
  for (const auto& [bundle_id, name] : *apps) {
    if (group->apps.count(bundle_id) != 0) {
      return Error(400, 0, absl::StrCat("The application is in the group already: ", bundle_id));
    }
  }
  group->apps.insert(apps->begin(), apps->end());
  Reply reply = Empty(200);
  reply.effect = absl::StrCat("add-to-app-group '", group->name, "' ", Ids(*apps));
  return reply;
}

Reply RemoveGroupApps(World* world, const Call& call) {
  AppGroupState* group = GroupAt(world, call);
  if (group == nullptr) return Error(404, 0, "no such group");
  const auto apps = AppsOf(call);
  if (!apps) return Error(400, 0, "Applications with Name and BundleId are needed");
  for (const auto& [bundle_id, name] : *apps) {
    if (group->apps.count(bundle_id) == 0) {
      return Error(404, 0, absl::StrCat("The application is not in the group: ", bundle_id));
    }
  }
  for (const auto& [bundle_id, name] : *apps) group->apps.erase(bundle_id);
  Reply reply = Empty(200);
  reply.effect = absl::StrCat("remove-from-app-group '", group->name, "' ", Ids(*apps));
  return reply;
}

}  // namespace muster::uemsim
