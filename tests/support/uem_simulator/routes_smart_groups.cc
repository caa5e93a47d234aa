// Smart groups: whom an app is assigned to.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

constexpr int kPatchRefused = 6;

SmartGroupState* SmartGroupAt(World* world, const Call& call) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(call.args[0], &number)) return nullptr;
  const auto it = world->smart_groups.find(number);
  return it == world->smart_groups.end() ? nullptr : &it->second;
}

Json UserGroupsJson(const World& world, const std::set<std::string>& uuids) {
  Json list = Json::array();
  for (const std::string& uuid : uuids) {
    const auto group = world.user_groups.find(uuid);
    list.push_back(
        {{"Id", uuid}, {"Name", group == world.user_groups.end() ? "" : group->second.is.name}});
  }
  return list;
}

Json IdsJson(const std::set<std::string>& ids) {
  Json list = Json::array();
  for (const std::string& id : ids) list.push_back({{"Id", id}, {"Name", ""}});
  return list;
}

Json SmartGroupJson(const World& world, const SmartGroupState& group) {
  return {{"SmartGroupID", group.number},
          {"SmartGroupUuid", group.uuid},
          {"Name", group.name},
          {"CriteriaType", group.criteria},
          {"ManagedByOrganizationGroupId", group.organization_group},
          {"Assignments", group.apps.size()},
          {"UserGroups", UserGroupsJson(world, group.user_groups)},
          {"UserGroupExclusions", UserGroupsJson(world, group.user_group_exclusions)},
          {"UserAdditions", IdsJson(group.users)},
          {"DeviceAdditions", IdsJson(group.devices)},
          {"Tags", IdsJson(group.tags)},
          {"OrganizationGroups", IdsJson(group.organization_groups)}};
}

// The Id of each object under `name`; false: something there is none.
bool ReadIds(const Json& body, const char* name, std::set<std::string>* out) {
  out->clear();
  if (!body.contains(name)) return true;
  if (!body[name].is_array()) return false;
  for (const Json& each : body[name]) {
    if (!each.is_object() || !each.contains("Id")) return false;
    out->insert(each["Id"].is_string() ? each["Id"].get<std::string>() : each["Id"].dump());
  }
  return true;
}

// User groups may be named by number or UUID; kept by UUID. False: there is no such group.
bool ReadUserGroups(World* world, const Json& body, const char* name, std::set<std::string>* out) {
  std::set<std::string> ids;
  if (!ReadIds(body, name, &ids)) return false;
  out->clear();
  for (const std::string& id : ids) {
    const UserGroupState* group = world->UserGroupByEither(id);
    if (group == nullptr) return false;
    out->insert(group->is.uuid);
  }
  return true;
}

// Everything that the body does not name is emptied. Empty: done; else what is wrong with it.
std::string Fill(World* world, const Call& call, SmartGroupState* group) {
  if (!call.json.is_object() || call.Text("Name").empty()) return "Name is needed";
  const std::string criteria = call.Text("CriteriaType");
  if (!criteria.empty() && criteria != "All" && criteria != "UserDevice") return "CriteriaType";
  group->name = call.Text("Name");
  if (!criteria.empty()) group->criteria = criteria;
  const Json& body = call.json;
  if (!ReadUserGroups(world, body, "UserGroups", &group->user_groups) ||
      !ReadUserGroups(world, body, "UserGroupExclusions", &group->user_group_exclusions)) {
    return "a user group that is not there";
  }
  if (!ReadIds(body, "UserAdditions", &group->users) ||
      !ReadIds(body, "DeviceAdditions", &group->devices) || !ReadIds(body, "Tags", &group->tags) ||
      !ReadIds(body, "OrganizationGroups", &group->organization_groups)) {
    return "a list that cannot be read";
  }
  for (const auto& [number, other] : world->smart_groups) {
    if (number != group->number && other.name == group->name) return "The name is in use";
  }
  return "";
}

std::string Words(const SmartGroupState& group) {
  return absl::StrCat("'", group.name, "' ", absl::StrJoin(group.user_groups, ","), "/",
                      absl::StrJoin(group.user_group_exclusions, ","));
}

bool SameContent(const SmartGroupState& a, const SmartGroupState& b) {
  return a.name == b.name && a.criteria == b.criteria && a.user_groups == b.user_groups &&
         a.user_group_exclusions == b.user_group_exclusions && a.users == b.users &&
         a.devices == b.devices && a.tags == b.tags &&
         a.organization_groups == b.organization_groups;
}

// One {op, path, value}. False: it does not fit the group.
bool Patch(World* world, const Json& step, SmartGroupState* group) {
  if (!step.is_object()) return false;
  for (const char* name : {"op", "path", "value"}) {
    if (!step.contains(name) || !step[name].is_string()) return false;
  }
  const std::string op = Lower(step["op"].get<std::string>()), path = step["path"];
  if (op != "add" && op != "remove") return false;
  std::set<std::string>* list = nullptr;
  bool of_all = true;  // else of the criteria UserDevice
  const std::string prefix = "/smartGroupsOperationsV2/";
  if (path == prefix + "userGroups") list = &group->user_groups;
  if (path == prefix + "tags") list = &group->tags;
  if (path == prefix + "organizationGroups") list = &group->organization_groups;
  if (path == prefix + "users" || path == prefix + "devices") {
    list = path == prefix + "users" ? &group->users : &group->devices;
    of_all = false;
  }
  if (list == nullptr || of_all != (group->criteria == "All")) return false;
  const std::string value = step["value"];
  for (absl::string_view each : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    const std::string id = Lower(absl::StripAsciiWhitespace(each));
    if (list == &group->user_groups && world->UserGroup(id) == nullptr) return false;
    if (op == "add") {
      list->insert(id);
    } else {
      list->erase(id);
    }
  }
  return true;
}

}  // namespace

// A name finds whatever contains it.
Reply SearchSmartGroups(World* world, const Call& call) {
  std::vector<const SmartGroupState*> found;
  for (const auto& [number, group] : world->smart_groups) {
    if (absl::StrContains(Lower(group.name), Lower(call.Query("name")))) found.push_back(&group);
  }
  if (found.empty()) return Empty(204);
  const auto page = PageOf(call, found.size(), 0, 500, 500);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json groups = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) {
    groups.push_back({{"SmartGroupID", found[i]->number},
                      {"SmartGroupUuid", found[i]->uuid},
                      {"Name", found[i]->name},
                      {"Assignments", found[i]->apps.size()},
                      {"ManagedByOrganizationGroupId", found[i]->organization_group}});
  }
  return Ok({{"SmartGroups", std::move(groups)},
             {"Page", page->number},
             {"PageSize", page->size},
             {"Total", found.size()}});
}

Reply CreateSmartGroup(World* world, const Call& call) {
  SmartGroupState group = {.number = world->NextNumber(), .uuid = world->NewUuid("smart-group")};
  const std::string wrong = Fill(world, call, &group);
  if (!wrong.empty()) return Error(400, 0, wrong);
  Reply reply = Ok({{"Value", group.number}});
  reply.effect = absl::StrCat("create-smart-group ", Words(group));
  world->smart_groups[group.number] = std::move(group);
  return reply;
}

Reply GetSmartGroup(World* world, const Call& call) {
  const SmartGroupState* group = SmartGroupAt(world, call);
  // 404 is not among this call's answers.
  return group == nullptr ? Error(400, 0, "no such group") : Ok(SmartGroupJson(*world, *group));
}

Reply PutSmartGroup(World* world, const Call& call) {
  SmartGroupState* group = SmartGroupAt(world, call);
  if (group == nullptr) return Error(400, 0, "no such group");
  if (group->read_only) return Error(403, 0, "The group is read-only");
  SmartGroupState after = *group;
  const std::string wrong = Fill(world, call, &after);
  if (!wrong.empty()) return Error(400, 0, wrong);
  Reply reply = Empty(200);
  reply.effect = absl::StrCat("put-smart-group ", Words(after));
  reply.redundant = SameContent(*group, after);
  *group = std::move(after);
  return reply;
}

Reply DeleteSmartGroup(World* world, const Call& call) {
  const SmartGroupState* group = SmartGroupAt(world, call);
  if (group == nullptr) return Error(404, 0, "no such group");
  if (group->read_only) return Error(403, 0, "The group is read-only");
  if (!group->apps.empty()) return Error(400, 0, "The group has assignments");
  Reply reply = Empty(200);
  reply.effect = absl::StrCat("delete-smart-group ", Words(*group));
  world->smart_groups.erase(group->number);
  return reply;
}

Reply PatchSmartGroup(World* world, const Call& call) {
  SmartGroupState* group = nullptr;
  for (auto& [number, each] : world->smart_groups) {
    if (each.uuid == Lower(call.args[0])) group = &each;
  }
  if (group == nullptr) return Error(404, 0, "no such group");
  if (group->read_only) return Error(403, 0, "The group is read-only");
  if (!call.json.is_array() || call.json.empty()) return Error(400, 0, "a list of steps is needed");
  SmartGroupState after = *group;
  for (const Json& step : call.json) {
    if (!Patch(world, step, &after)) {
      return Error(400, kPatchRefused, "The operation does not fit the group");
    }
  }
  Reply reply = Ok({{"id", after.number},
                    {"uuid", after.uuid},
                    {"name", after.name},
                    {"userGroups", after.user_groups},
                    {"users", after.users},
                    {"devices", after.devices}});
  reply.effect = absl::StrCat("patch-smart-group ", Words(after));
  reply.redundant = SameContent(*group, after);
  *group = std::move(after);
  return reply;
}

}  // namespace muster::uemsim
