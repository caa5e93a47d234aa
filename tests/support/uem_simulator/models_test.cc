// Every answer has the vendor's own field names and types: tests/data/schemas/workspace-one.
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/match.h"
#include "common/clock.h"
#include "tests/support/uem_simulator/test_client.h"

namespace muster::uemsim {
namespace {

constexpr char kGroupUuid[] = "22222222-2222-4222-8222-222222222222";

const Json& Models() {
  static const Json models = [] {
    std::ifstream file(MUSTER_SOURCE_DIR "/tests/data/schemas/workspace-one/models.json");
    return Json::parse(file, nullptr, false)["models"];
  }();
  return models;
}

// What does not fit, with its path; empty: all of it fits. `space`: "mdmv1", …
std::string Misfit(const Json& value, const Json& type, const std::string& space,
                   const std::string& path) {
  if (type.is_array()) {
    if (!value.is_array()) return path + " is no list";
    for (const Json& each : value) {
      const std::string wrong = Misfit(each, type[0], space, path + "[]");
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  if (type.is_object()) {  // an enumeration
    for (const Json& word : type["enum"]) {
      if (word == value) return "";
    }
    return absl::StrCat(path, " has no such word: ", value.dump());
  }
  const std::string name = type;
  if (absl::StartsWith(name, "string")) return value.is_string() ? "" : path + " is no string";
  if (absl::StartsWith(name, "integer")) return value.is_number_integer() ? "" : path + " no int";
  if (absl::StartsWith(name, "number")) return value.is_number() ? "" : path + " is no number";
  if (name == "boolean") return value.is_boolean() ? "" : path + " is no boolean";
  if (name == "object") return "";
  const std::string model = absl::StrCat(space, ".", name);
  if (!Models().contains(model)) return absl::StrCat(path, ": no model ", model);
  if (!value.is_object()) return path + " is no object";
  for (const auto& [key, each] : value.items()) {
    const std::string here = absl::StrCat(path, ".", key);
    if (!Models()[model].contains(key)) return here + " is not in the model";
    const std::string wrong = Misfit(each, Models()[model][key], space, here);
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string MisfitOf(const Got& got, const std::string& space, const std::string& model) {
  if (got.json.is_discarded()) return absl::StrCat("no JSON, status ", got.status);
  return Misfit(got.json, model, space, model);
}

TEST(Models, AnswersFit) {
  FakeClock clock(TestStart());
  Simulator simulator(SimOptions(), &clock);
  TestClient client(&simulator);
  simulator.AddUserGroup({.uuid = kGroupUuid, .name = "g", .members = {"ada"}});
  simulator.AddManagedApp({.id = 77, .bundle_id = "com.chat", .assigned_to_all = true});
  const std::string phone = simulator.AddPhone({.user = "ada"});
  simulator.AddPhone(
      {.platform = v1::Platform::ANDROID, .management = v1::PhoneFacts::PERSONAL_WORK_PROFILE});
  const Json apps = Json::array({{{"Name", "x"}, {"BundleId", "com.x"}}});
  const Got made = client.Call("POST", "/api/mam/apps/appgroups",
                               {{"Name", "g"},
                                {"Platform", "Apple"},
                                {"AppGroupType", "Blacklist"},
                                {"Applications", apps}});
  const Json steps = Json::array(
      {{{"op", "add"}, {"path", "/smartGroupsOperationsV2/userGroups"}, {"value", kGroupUuid}}});
  const std::string smart =
      client.Call("POST", "/api/mdm/smartgroups", {{"Name", "s"}}).json["Value"].dump();
  const Got shown = client.Get("/api/mdm/smartgroups/" + smart);
  const Got patched = client.Call(
      "PATCH", "/api/mdm/smartgroups/" + shown.json["SmartGroupUuid"].get<std::string>(), steps, 2);
  const Got rule = client.Call("POST", "/api/system/eventnotifications",
                               {{"TargetName", "t"}, {"TargetUrl", "u"}}, 2);
  const std::string device = absl::StrCat("/api/mdm/devices/", phone);
  const struct {
    Got got;
    std::string space, model;
  } kCases[] = {
      {client.Get("/api/mdm/devices/search"), "mdmv1", "DeviceSearchResultExtended"},
      {client.Get("/api/mdm/devices/search", 3), "mdmv3", "DeviceSearchResultExtendedV2"},
      {client.Get("/api/mdm/devices?searchby=Uuid&id=" + phone), "mdmv1", "Device"},
      {client.Get(device, 3), "mdmv3", "DeviceResponseV3Model"},
      {client.Get(device + "/apps/search"), "mdmv1", "AppV1PagedSearchResultsModel"},
      {client.Get(device + "/apps?bundleid=com.chat"), "mdmv1", "AppV1Model1"},
      {made, "mamv1", "ApplicationGroup"},
      {client.Get("/api/mam/apps/appgroups/search"), "mamv1", "ApplicationGroupSearchResult"},
      {client.Get("/api/mam/apps/search"), "mamv1", "ApplicationSearchResult"},
      {shown, "mdmv1", "SmartGroup"},
      {client.Get("/api/mdm/smartgroups/" + smart), "mdmv1", "SmartGroup"},
      {client.Get("/api/mdm/smartgroups/search"), "mdmv1", "SmartGroupSearchResult"},
      {patched, "mdmv2", "SmartGroupPatchResponseV2Model"},
      {client.Get("/api/system/usergroups/search"), "systemv1", "UserGroups"},
      {client.Get(absl::StrCat("/api/system/user-groups/", kGroupUuid, "/members")), "systemv1",
       "UserGroupMembersModel"},
      {rule, "systemv2", "BaseModel"},
      {client.Get("/api/system/eventnotifications/" + rule.json["uuid"].get<std::string>(), 2),
       "systemv2", "EventNotificationModel"},
      {client.Get("/api/mdm/devices/1"), "mdmv1", "BaseExceptionModel"},
  };
  for (const auto& each : kCases) {
    EXPECT_EQ(MisfitOf(each.got, each.space, each.model), "") << each.got.body;
  }
  // The check can fail.
  EXPECT_NE(MisfitOf(kCases[0].got, "mdmv3", "DeviceSearchResultExtendedV2"), "");
}

}  // namespace
}  // namespace muster::uemsim
