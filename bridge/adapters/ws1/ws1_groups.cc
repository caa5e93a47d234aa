#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "bridge/adapters/ws1/ws1_models.h"
#include "common/bridge_limits.h"

namespace muster::bridge {
namespace {

void SortUnique(std::vector<std::string>* list) {
  std::sort(list->begin(), list->end());
  list->erase(std::unique(list->begin(), list->end()), list->end());
}

// The older calls give a number for what the newer ones know by its UUID.
std::string UserGroupUuid(const std::string& id, const Ws1Options& options) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(id, &number)) return id;
  for (const auto& [uuid, known] : options.user_group_numbers) {
    if (known == number) return uuid;
  }
  return id;
}

std::vector<std::string> UserGroupsOf(const Json& group, const char* name,
                                      const Ws1Options& options) {
  std::vector<std::string> out;
  for (const Json& item : UemList(group, {name})) {
    std::string id = UemId(item, {"Uuid", "Id"});
    if (!id.empty()) out.push_back(UserGroupUuid(id, options));
  }
  SortUnique(&out);
  return out;
}

}  // namespace

UemGroup ReadWs1AppGroup(const Json& group) {
  UemGroup out;
  out.name = UemText(group, {"Name"});
  out.id = UemId(group, {"ApplicationGroupID", "ApplicationGroupId"});
  const std::string platform = UemWord(group, {"Platform"});
  if (platform == "apple") out.platform = v1::Platform::IOS;
  if (platform == "android") out.platform = v1::Platform::ANDROID;
  for (const Json& app : UemList(group, {"Applications"})) {
    std::string id = UemText(app, {"BundleId"});
    if (!id.empty()) out.bundle_ids.push_back(std::move(id));
  }
  SortUnique(&out.bundle_ids);
  return out;
}

UemGroup ReadWs1SmartGroup(const Json& group, const Ws1Options& options) {
  UemGroup out;
  out.name = UemText(group, {"Name", "name"});
  out.id = UemId(group, {"SmartGroupID", "SmartGroupId", "id"});
  out.uuid = UemId(group, {"SmartGroupUuid", "uuid"});
  out.user_groups = UserGroupsOf(group, "UserGroups", options);
  out.user_group_exclusions = UserGroupsOf(group, "UserGroupExclusions", options);
  return out;
}

}  // namespace muster::bridge
