// Devices, their apps, and commands to them.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/uem_simulator/device_json.h"
#include "tests/support/uem_simulator/profile.h"
#include "tests/support/uem_simulator/routes.h"

namespace muster::uemsim {
namespace {

constexpr int kDeviceNotFound = 5061, kAppNotFound = 5005;

Reply NoDevice() { return Error(404, kDeviceNotFound, "Device not found"); }

// nullopt: a filter is no filter.
std::optional<std::vector<const PhoneState*>> Found(const World& world, const Call& call) {
  std::optional<absl::Time> since;
  for (const char* name : {"seensince", "seen_since", "lastseen", "last_seen"}) {
    if (call.Query(name).empty()) continue;
    since = ParseTimeText(call.Query(name));
    if (!since) return std::nullopt;
  }
  const std::string platform = Lower(call.Query("platform") + call.Query("device_type"));
  const std::string user = Lower(call.Query("user")), ownership = Lower(call.Query("ownership"));
  std::vector<const PhoneState*> found;
  for (const auto& [number, phone] : world.phones) {
    if (since && phone.last_seen < *since) continue;
    if (!platform.empty() && Lower(PlatformName(phone.is.platform)) != platform) continue;
    if (!user.empty() && Lower(phone.is.user) != user) continue;
    if (!ownership.empty() && Lower(OwnershipLetter(phone.is.management))[0] != ownership[0]) {
      continue;
    }
    found.push_back(&phone);
  }
  const std::string order = Lower(call.Query("orderby") + call.Query("order_by"));
  if (order.empty()) {
    // By whoever was seen last: so pages shift while they are read.
    std::stable_sort(found.begin(), found.end(),
                     [](const auto* a, const auto* b) { return a->last_seen > b->last_seen; });
  } else if (order != "deviceid" && order != "id") {
    return std::nullopt;
  } else if (Lower(call.Query("sortorder") + call.Query("sort_order")) == "desc") {
    std::reverse(found.begin(), found.end());
  }
  return found;
}

Reply SearchPage(World* world, const Call& call, const std::string& size_name,
                 Json (*make)(const PhoneState&), const char* list, bool capitals) {
  const auto found = Found(*world, call);
  if (!found) return Error(400, 0, "a filter that cannot be read");
  const size_t most = world->options().device_page;
  const auto page = PageOf(call, found->size(), 0, most, most, size_name);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json devices = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) devices.push_back(make(*(*found)[i]));
  return Ok({{list, std::move(devices)},
             {capitals ? "Page" : "page", page->number},
             {capitals ? "PageSize" : "page_size", page->size},
             {capitals ? "Total" : "total", found->size()}});
}

const PhoneState* ByNumber(World* world, const std::string& text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? world->Find(number) : nullptr;
}

Reply Command(World* world, const Call& call, PhoneState* phone) {
  if (phone == nullptr) return NoDevice();
  if (!phone->enrolled) return Error(400, 0, "The device is not enrolled");
  PhoneCommand command;
  const std::string name = Lower(call.Query("command"));
  if (name == "custommdmcommand") {
    if (phone->is.platform != v1::Platform::IOS) return Error(400, 0, "Apple devices only");
    const auto custom = ParseCustomCommand(call.Text("CommandXml"));
    if (!custom.ok()) return Error(400, 0, std::string(custom.status().message()));
    if (custom->request_type == "InstallProfile") {
      const auto profile = ParseProfile(custom->payload);
      if (!profile.ok()) return Error(400, 0, std::string(profile.status().message()));
      command.kind = PhoneCommand::Kind::kProfile;
      command.profile = *profile;
    }
  } else if (name != "devicequery" && name != "syncdevice") {
    return Error(name.empty() ? 422 : 400, 0, "a command that this simulator does not know");
  }
  Reply reply = Empty(202);
  reply.effect = absl::StrCat(command.Name(), " ", phone->is.uuid);
  if (command.kind == PhoneCommand::Kind::kProfile) {
    absl::StrAppend(&reply.effect, " ", command.profile.sha256.substr(0, 12));
  }
  reply.redundant = world->Queue(phone, std::move(command), call.now);
  return reply;
}

PhoneState* FindBy(World* world, const std::string& by, const std::string& id) {
  for (auto& [number, phone] : world->phones) {
    if ((by == "deviceid" && absl::StrCat(number) == id) ||
        (by == "uuid" && phone.is.uuid == Lower(id)) || (by == "udid" && phone.is.udid == id) ||
        (by == "serialnumber" && phone.is.serial == id)) {
      return &phone;
    }
  }
  return nullptr;
}

}  // namespace

Reply SearchDevices(World* world, const Call& call) {
  return SearchPage(world, call, "pagesize", DeviceV1, "Devices", true);
}

Reply SearchDevicesV3(World* world, const Call& call) {
  return SearchPage(world, call, "page_size", DeviceSearchV3, "devices", false);
}

Reply FindDevice(World* world, const Call& call) {
  const std::string by = Lower(call.Query("searchby")), id = call.Query("id");
  if (by.empty() || id.empty()) return Error(422, 0, "searchby and id are needed");
  const PhoneState* phone = FindBy(world, by, id);
  return phone == nullptr ? NoDevice() : Ok(DeviceV1(*phone));
}

Reply GetDeviceV1(World* world, const Call& call) {
  const PhoneState* phone = ByNumber(world, call.args[0]);
  return phone == nullptr ? NoDevice() : Ok(DeviceV1(*phone));
}

Reply GetDeviceV3(World* world, const Call& call) {
  const PhoneState* phone = world->Find(call.args[0]);
  return phone == nullptr ? NoDevice() : Ok(DeviceV3(*phone));
}

// What the phone last said, what is assigned to it, and what was ever done about an app.
Reply SearchDeviceApps(World* world, const Call& call) {
  const PhoneState* phone = world->Find(call.args[0]);
  if (phone == nullptr) return NoDevice();
  std::set<std::string> ids;
  for (const auto& [bundle_id, app] : phone->sample) ids.insert(bundle_id);
  for (const auto& [bundle_id, history] : phone->history) {
    if (history.action != "Unknown") ids.insert(bundle_id);
  }
  for (const auto& [id, app] : world->apps) {
    if (app.platform == phone->is.platform && world->Assigned(*phone, app)) {
      ids.insert(app.bundle_id);
    }
  }
  std::vector<std::string> found;
  const std::string text = Lower(call.Query("searchtext"));
  for (const std::string& id : ids) {
    if (text.empty() || absl::StrContains(Lower(id), text)) found.push_back(id);
  }
  if (Lower(call.Query("sortorder")) == "desc") std::reverse(found.begin(), found.end());
  const auto page = PageOf(call, found.size(), 0, 500, 500);
  if (!page) return Error(400, 0, "a page that cannot be read");
  Json items = Json::array();
  for (size_t i = page->begin; i < page->end; ++i) {
    items.push_back(AppItem(*world, *phone, found[i]));
  }
  return Ok({{"app_items", std::move(items)}, {"TotalResults", found.size()}});
}

Reply GetDeviceApp(World* world, const Call& call) {
  const PhoneState* phone = world->Find(call.args[0]);
  if (phone == nullptr) return NoDevice();
  const std::string bundle_id = call.Query("bundleid");
  if (bundle_id.empty()) return Error(400, 0, "bundleid is needed");
  if (phone->sample.count(bundle_id) == 0 && !AssignedHere(*world, *phone, bundle_id)) {
    return Error(404, kAppNotFound, "The app is neither assigned to this device nor installed");
  }
  return Ok(AppDetails(*world, *phone, bundle_id));
}

Reply SendCommand(World* world, const Call& call) {
  uint64_t number = 0;
  return Command(world, call,
                 absl::SimpleAtoi(call.args[0], &number) ? world->Find(number) : nullptr);
}

Reply SendCommandBySearch(World* world, const Call& call) {
  const std::string by = Lower(call.Query("searchby")), id = call.Query("id");
  if (by.empty() || id.empty()) return Error(400, 0, "searchby and id are needed");
  return Command(world, call, FindBy(world, by, id));
}

}  // namespace muster::uemsim
