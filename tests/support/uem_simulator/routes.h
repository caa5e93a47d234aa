// The operations of the interface. Each is a function of the world and one request; none is called
// before the request was signed in and counted.
#pragma once

#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/world.h"

namespace muster::uemsim {

// 404 where no operation has this method, path and version.
Reply Dispatch(World* world, Call* call);

Reply SearchDevices(World* world, const Call& call);
Reply SearchDevicesV3(World* world, const Call& call);
Reply FindDevice(World* world, const Call& call);
Reply GetDeviceV1(World* world, const Call& call);
Reply GetDeviceV3(World* world, const Call& call);
Reply SearchDeviceApps(World* world, const Call& call);
Reply GetDeviceApp(World* world, const Call& call);
Reply SendCommand(World* world, const Call& call);
Reply SendCommandBySearch(World* world, const Call& call);

Reply SearchAppGroups(World* world, const Call& call);
Reply CreateAppGroup(World* world, const Call& call);
Reply DeleteAppGroups(World* world, const Call& call);
Reply GetAppGroup(World* world, const Call& call);
Reply PutAppGroup(World* world, const Call& call);
Reply AddGroupApps(World* world, const Call& call);
Reply RemoveGroupApps(World* world, const Call& call);

Reply SearchSmartGroups(World* world, const Call& call);
Reply CreateSmartGroup(World* world, const Call& call);
Reply GetSmartGroup(World* world, const Call& call);
Reply PutSmartGroup(World* world, const Call& call);
Reply DeleteSmartGroup(World* world, const Call& call);
Reply PatchSmartGroup(World* world, const Call& call);

Reply SearchApps(World* world, const Call& call);
Reply AssignPublic(World* world, const Call& call);
Reply AssignInternal(World* world, const Call& call);
Reply UnassignPublic(World* world, const Call& call);
Reply InstallPublic(World* world, const Call& call);
Reply InstallInternal(World* world, const Call& call);
Reply InstallPurchased(World* world, const Call& call);
Reply InstallPurchasedV2(World* world, const Call& call);
Reply RemovePublic(World* world, const Call& call);
Reply RemoveInternal(World* world, const Call& call);
Reply RemovePurchased(World* world, const Call& call);
Reply RemovePurchasedV2(World* world, const Call& call);

Reply SearchUserGroups(World* world, const Call& call);
Reply ListMembers(World* world, const Call& call);
Reply SyncGroup(World* world, const Call& call);
Reply AddMissingUsers(World* world, const Call& call);

Reply CreateEventRule(World* world, const Call& call);
Reply SearchEventRules(World* world, const Call& call);
Reply GetEventRule(World* world, const Call& call);
Reply PutEventRule(World* world, const Call& call);
Reply DeleteEventRule(World* world, const Call& call);

// The part of `all` that a page holds. `first`: how the call counts its pages.
struct Page {
  size_t number = 0, size = 0, begin = 0, end = 0;
};
// A larger size than `most` is cut without a word. nullopt: no numbers, or a page before the first.
std::optional<Page> PageOf(const Call& call, size_t total, size_t first, size_t usual, size_t most,
                           const std::string& size_name = "pagesize");

}  // namespace muster::uemsim
