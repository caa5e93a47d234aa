// User groups that copy a directory's: no call adds a member.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

constexpr int kGroupNotFound = 17, kSyncRuns = 200032;

Reply StartGroupAction(World* world, const Call& call, bool adds_users) {
  UserGroupState* group = world->UserGroup(call.args[0]);
  if (group == nullptr) return Error(400, kGroupNotFound, "User group not found");
  if (group->is.by_scim) return Error(403, 0, "The group is provisioned by SCIM");
  if (!world->StartSync(group, adds_users, call.now)) {
    return Error(412, kSyncRuns, "A sync of the group runs already");
  }
  Reply reply = Empty(202);
  reply.effect = absl::StrCat(adds_users ? "add-missing-users " : "sync ", group->is.uuid);
  // Not redundant, whatever it will find: only the directory knows.
  return reply;
}

}  // namespace

Reply SearchUserGroups(World* world, const Call& call) {
  const std::string name = Lower(call.Query("groupname"));
  const std::string uuid = Lower(call.Query("usergroupuuid"));
  std::vector<const UserGroupState*> found;
  for (const auto& [id, group] : world->user_groups) {
    if (!absl::StrContains(Lower(group.is.name), name)) continue;
    if (uuid.empty() || id == uuid) found.push_back(&group);
  }
  if (found.empty()) return Empty(204);
  const auto page = PageOf(call, found.size(), 0, 500, 500);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json groups = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) {
    groups.push_back({{"UserGroupId", found[i]->number},
                      {"UserGroupName", found[i]->is.name},
                      {"OrganizationGroup", "Simulated agency"},
                      {"UserCount", found[i]->members.size()}});
  }
  return Ok({{"UserGroup", std::move(groups)},
             {"Page", page->number},
             {"PageSize", page->size},
             {"Total", found.size()}});
}

// These pages count from 1, and a size beyond 1,000 is refused.
Reply ListMembers(World* world, const Call& call) {
  const UserGroupState* group = world->UserGroup(call.args[0]);
  if (group == nullptr) return Error(400, kGroupNotFound, "User group not found");
  const auto size = call.Number("page_size", 100);
  const auto page = PageOf(call, group->members.size(), 1, 100, 1000, "page_size");
  if (!page || *size == 0 || *size > 1000) return Error(400, 0, "a page that cannot be read");
  Json users = Json::array();
  const std::vector<std::string> members(group->members.begin(), group->members.end());
  for (size_t i = page->begin; i < page->end; ++i) {
    users.push_back({{"username", members[i]},
                     {"firstname", ""},
                     {"lastname", ""},
                     {"EnrollmentUserUUID", MakeUuid(0, members[i], 0)}});
  }
  return Ok({{"UsersList", std::move(users)},
             {"PageNumber", page->number},
             {"TotalPageCount", (members.size() + page->size - 1) / page->size}});
}

Reply SyncGroup(World* world, const Call& call) { return StartGroupAction(world, call, false); }

Reply AddMissingUsers(World* world, const Call& call) {
  return StartGroupAction(world, call, true);
}

}  // namespace muster::uemsim
