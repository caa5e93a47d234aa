// The catalogue's apps: assign, install, remove.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

using AppKind = bridge::ManagedApp::Kind;
constexpr int kNotAssigned = 20, kCannotRemove = 11, kNoSuchDevice = 5061;

// By number, and purchased apps of version 2 by UUID.
const SimManagedApp* CatalogueApp(const World& world, AppKind kind, const std::string& id,
                                  bool by_uuid) {
  for (const auto& [number, app] : world.apps) {
    if (app.kind != kind) continue;
    if (by_uuid ? app.uuid == Lower(id) : absl::StrCat(number) == id) return &app;
  }
  return nullptr;
}

// The one device that the body names.
PhoneState* NamedDevice(World* world, const Call& call) {
  uint64_t number = 0;
  if (absl::SimpleAtoi(call.Text("DeviceId"), &number)) return world->Find(number);
  const std::string uuid = call.Text("device_uuid");
  if (!uuid.empty()) return world->Find(uuid);
  const std::string udid = call.Text("Udid") + call.Text("device_udid");
  const std::string serial = call.Text("SerialNumber") + call.Text("serial_number");
  for (auto& [id, phone] : world->phones) {
    if ((!udid.empty() && phone.is.udid == udid) ||
        (!serial.empty() && phone.is.serial == serial)) {
      return &phone;
    }
  }
  return nullptr;
}

struct Target {
  PhoneState* phone = nullptr;
  const SimManagedApp* app = nullptr;
};

// An error, or none and the target.
std::optional<Reply> Wrong(World* world, const Call& call, AppKind kind, bool v2, Target* target) {
  target->app = CatalogueApp(*world, kind, call.args[0], v2);
  if (target->app == nullptr) return Error(404, 0, "no such application");
  if (!call.json.is_object() || call.json.empty()) return Error(400, 0, "a device is needed");
  target->phone = NamedDevice(world, call);
  if (target->phone == nullptr) return Error(404, kNoSuchDevice, "Device not found");
  if (!target->phone->enrolled) return Error(400, 0, "The device is not enrolled");
  if (target->phone->is.platform != target->app->platform) {
    return Error(400, 0, "The application is of another platform");
  }
  return std::nullopt;
}

Reply Queued(World* world, const Call& call, const Target& at, PhoneCommand::Kind kind,
             int status) {
  PhoneCommand command = {
      .kind = kind, .bundle_id = at.app->bundle_id, .version = at.app->version, .profile = {}};
  Reply reply = Empty(status);
  reply.effect = absl::StrCat(command.Name(), " ", at.phone->is.uuid);
  reply.redundant = world->Queue(at.phone, std::move(command), call.now);
  return reply;
}

Reply Install(World* world, const Call& call, AppKind kind, bool v2) {
  Target at;
  if (auto wrong = Wrong(world, call, kind, v2, &at)) return *std::move(wrong);
  if (!world->Assigned(*at.phone, *at.app)) {
    return Error(v2 ? 500 : 400, v2 ? kNotAssigned : 0,
                 "The application is not assigned to the device");
  }
  return Queued(world, call, at, PhoneCommand::Kind::kInstall,
                kind == AppKind::kPurchased ? 200 : 202);
}

// What the UEM knows is of the last sample: what a phone's person put there since, it finds out
// when the command fails there.
Reply Remove(World* world, const Call& call, AppKind kind, bool v2) {
  Target at;
  if (auto wrong = Wrong(world, call, kind, v2, &at)) return *std::move(wrong);
  const bool purchased = kind == AppKind::kPurchased;
  const auto known = at.phone->sample.find(at.app->bundle_id);
  if (!at.app->removable || (known != at.phone->sample.end() && !known->second.managed)) {
    return Error(403, purchased ? kCannotRemove : 0, "The application cannot be removed");
  }
  return Queued(world, call, at, PhoneCommand::Kind::kRemove, purchased ? 200 : 204);
}

SmartGroupState* AssignmentGroup(World* world, const std::string& text) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number)) return nullptr;
  const auto it = world->smart_groups.find(number);
  return it == world->smart_groups.end() ? nullptr : &it->second;
}

Reply Assign(World* world, const Call& call, AppKind kind) {
  const SimManagedApp* app = CatalogueApp(*world, kind, call.args[0], false);
  SmartGroupState* group = AssignmentGroup(world, call.args[1]);
  if (app == nullptr || group == nullptr) return Error(400, 0, "no such application or group");
  if (!group->apps.insert(app->id).second) {
    return Error(400, 0, "The application is assigned to the group already");
  }
  Reply reply = Empty(201);
  reply.effect = absl::StrCat("assign ", app->id, " to '", group->name, "'");
  return reply;
}

std::string KindName(AppKind kind) {
  switch (kind) {
    case AppKind::kPublic:
      return "public";
    case AppKind::kPurchased:
      return "purchased";
    case AppKind::kInternal:
      return "internal";
  }
  return "";
}

}  // namespace

Reply SearchApps(World* world, const Call& call) {
  const std::string bundle_id = Lower(call.Query("bundleid"));
  const std::string type = Lower(call.Query("applicationtype"));
  std::vector<const SimManagedApp*> found;
  for (const auto& [number, app] : world->apps) {
    if (!bundle_id.empty() && Lower(app.bundle_id) != bundle_id) continue;
    if (!type.empty() && KindName(app.kind) != type) continue;
    found.push_back(&app);
  }
  if (found.empty() && type == "purchased") return Empty(204);
  const auto page = PageOf(call, found.size(), 0, 500, 500);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json list = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) {
    const SimManagedApp& app = *found[i];
    list.push_back({{"Id", {{"Value", app.id}}},
                    {"Uuid", app.uuid},
                    {"ApplicationName", app.name},
                    {"BundleId", app.bundle_id},
                    {"AppVersion", app.version},
                    {"AppType", KindName(app.kind)},
                    {"Platform", app.platform == v1::Platform::IOS ? 2 : 5},
                    {"Status", "Active"}});
  }
  return Ok({{"Application", std::move(list)},
             {"Page", page->number},
             {"PageSize", page->size},
             {"Total", found.size()}});
}

Reply AssignPublic(World* world, const Call& call) { return Assign(world, call, AppKind::kPublic); }
// Of this one only the public app's sister is in the documents that were read.
Reply AssignInternal(World* world, const Call& call) {
  return Assign(world, call, AppKind::kInternal);
}

Reply UnassignPublic(World* world, const Call& call) {
  const SimManagedApp* app = CatalogueApp(*world, AppKind::kPublic, call.args[0], false);
  SmartGroupState* group = AssignmentGroup(world, call.args[1]);
  if (app == nullptr || group == nullptr) return Error(404, 0, "no such application or group");
  if (group->apps.erase(app->id) == 0) return Error(400, 0, "not assigned");
  Reply reply = Empty(204);
  reply.effect = absl::StrCat("unassign ", app->id, " from '", group->name, "'");
  return reply;
}

Reply InstallPublic(World* world, const Call& call) {
  return Install(world, call, AppKind::kPublic, false);
}
Reply InstallInternal(World* world, const Call& call) {
  return Install(world, call, AppKind::kInternal, false);
}
Reply InstallPurchased(World* world, const Call& call) {
  return Install(world, call, AppKind::kPurchased, false);
}
Reply InstallPurchasedV2(World* world, const Call& call) {
  return Install(world, call, AppKind::kPurchased, true);
}
Reply RemovePublic(World* world, const Call& call) {
  return Remove(world, call, AppKind::kPublic, false);
}
Reply RemoveInternal(World* world, const Call& call) {
  return Remove(world, call, AppKind::kInternal, false);
}
Reply RemovePurchased(World* world, const Call& call) {
  return Remove(world, call, AppKind::kPurchased, false);
}
Reply RemovePurchasedV2(World* world, const Call& call) {
  return Remove(world, call, AppKind::kPurchased, true);
}

}  // namespace muster::uemsim
