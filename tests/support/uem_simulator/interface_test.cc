// The conventions of the interface, one by one: who may call, versions, pages, errors, groups.
#include <gtest/gtest.h>

#include "common/clock.h"
#include "tests/support/uem_simulator/test_client.h"

namespace muster::uemsim {
namespace {

constexpr char kPhone[] = "11111111-1111-4111-8111-111111111111";
constexpr char kGroup[] = "22222222-2222-4222-8222-222222222222";

class Interface : public ::testing::Test {
 protected:
  Interface() : simulator_(SimOptions(), &clock_), client_(&simulator_) {
    simulator_.AddPhone({.uuid = kPhone, .user = "ada", .serial = "S1"});
    app_ = simulator_.AddManagedApp({.id = 77, .bundle_id = "com.chat"});
    simulator_.AddUserGroup({.uuid = kGroup, .name = "Chat users", .members = {"ada"}});
    number_ = simulator_.Phone(kPhone)->number;
  }
  Json Device() const { return {{"DeviceId", number_}}; }
  std::string CreateSmartGroup(const std::string& criteria = "All") {
    const Json body = {{"Name", "Muster allowed chat"},
                       {"CriteriaType", criteria},
                       {"UserGroups", Json::array({{{"Id", kGroup}}})}};
    return client_.Call("POST", "/api/mdm/smartgroups", body).json["Value"].dump();
  }
  void Assign() {
    client_.Call("POST", absl::StrCat("/api/mam/apps/public/77/smartgroups/", CreateSmartGroup()));
  }

  FakeClock clock_{TestStart()};
  Simulator simulator_;
  TestClient client_;
  uint64_t app_ = 0, number_ = 0;
};

TEST_F(Interface, EveryAnswerSaysThatItIsASimulator) {
  for (const char* target : {"/api/mdm/devices/search", "/nothing"}) {
    EXPECT_EQ(client_.Get(target).Header("x-muster-simulator"), "yes") << target;
  }
}

TEST_F(Interface, TokensEndAndTheTenantCodeCounts) {
  EXPECT_EQ(client_.Get("/api/mdm/devices/search").status, 200);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(client_.Get("/api/mdm/devices/search").status, 401);
  client_.SignIn();
  EXPECT_EQ(client_.Get("/API/mdm/devices/search").status, 200);
  simulator_.RevokeTokens();
  EXPECT_EQ(client_.Get("/api/mdm/devices/search").status, 401);
  TestClient other(&simulator_, {.tenant_code = "wrong"});
  EXPECT_EQ(other.Get("/api/mdm/devices/search").status, 403);
  EXPECT_EQ(TestClient(&simulator_, {.client_secret = "wrong"}).token_, "");
}

TEST_F(Interface, VersionsAreChosenByAccept) {
  const std::string target = absl::StrCat("/api/mdm/devices/", kPhone);
  EXPECT_EQ(client_.Get("/api/mdm/devices/search", 1).json["Devices"][0]["Id"]["Value"], number_);
  EXPECT_EQ(client_.Get("/api/mdm/devices/search", 3).json["devices"][0]["Uuid"], kPhone);
  EXPECT_EQ(client_.Get("/api/mdm/devices/search", 2).status, 404);
  EXPECT_EQ(client_.Get(target, 3).json["enrollment_info"]["enrollment_status"], "ENROLLED");
  EXPECT_EQ(client_.Get(target, 1).code(), 5061);  // version 1 knows numbers
  const Got xml = client_.Get("/api/mdm/devices/search", 0);
  EXPECT_EQ(xml.Header("content-type"), "application/xml");
  EXPECT_EQ(xml.body.substr(0, 5), "<?xml");
}

TEST_F(Interface, LastSeenHasNoZoneInVersionOne) {
  const Json device = client_.Get("/api/mdm/devices/search").json["Devices"][0];
  EXPECT_EQ(device["LastSeen"], "2027-01-15T08:00:00.000");
  EXPECT_EQ(device["IsSupervised"], true);
  EXPECT_EQ(device["Platform"], "Apple");
}

TEST_F(Interface, DevicePagesAreCutTo500WithoutAWord) {
  for (int i = 0; i < 500; ++i) simulator_.AddPhone({});
  const std::string order = "/api/mdm/devices/search?orderby=deviceid&sortorder=ASC&pagesize=9999";
  const Got first = client_.Get(order), second = client_.Get(order + "&page=1");
  EXPECT_EQ(first.json["Devices"].size(), 500u);
  EXPECT_EQ(first.json["PageSize"], 500);
  EXPECT_EQ(first.json["Total"], 501);
  EXPECT_EQ(second.json["Devices"].size(), 1u);
  EXPECT_EQ(client_.Get(order + "&page=2").json["Devices"].size(), 0u);
  EXPECT_EQ(client_.Get(order + "&page=x").status, 400);
}

TEST_F(Interface, PagesShift) {
  const std::string second = simulator_.AddPhone({}), third = simulator_.AddPhone({});
  const auto at = [&](const std::string& query) {
    const Json devices = client_.Get("/api/mdm/devices/search?pagesize=1" + query).json["Devices"];
    return devices.empty() ? "" : devices[0]["Uuid"].get<std::string>();
  };
  // Sorted, only who leaves moves the rest: the third is on no page that is read after the first.
  EXPECT_EQ(at("&orderby=deviceid&page=0"), kPhone);
  ASSERT_TRUE(simulator_.Delete(kPhone).ok());
  EXPECT_EQ(at("&orderby=deviceid&page=1"), third);
  // Unsorted, a check-in moves a phone to the front.
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(simulator_.SetOnline(third, false).ok());
  ASSERT_TRUE(simulator_.SetOnline(third, true).ok());
  clock_.Advance(absl::Seconds(5));
  const std::string front = at("&page=0");
  EXPECT_TRUE(front == third || front == second);
  EXPECT_GE(simulator_.Phone(front)->last_seen, simulator_.Phone(second)->last_seen);
}

TEST_F(Interface, Errors) {
  struct Case {
    std::string method, target;
    Json body;
    int version, status, code;
  };
  const std::string device = absl::StrCat("/api/mdm/devices/", kPhone);
  const std::string users = absl::StrCat("/api/system/user-groups/", kGroup);
  const std::string other = "33333333-3333-4333-8333-333333333333";
  const Json app = {{"Name", "a"}, {"BundleId", "b"}};
  const Case cases[] = {
      {"GET", "/api/mdm/devices/1", nullptr, 1, 404, 5061},
      {"GET", absl::StrCat(device, "/apps?bundleid=com.none"), nullptr, 1, 404, 5005},
      {"GET", absl::StrCat(device, "/apps"), nullptr, 1, 400, 400},
      {"GET", absl::StrCat(users, "/members?page=0"), nullptr, 1, 400, 400},
      {"GET", absl::StrCat(users, "/members?page_size=1001"), nullptr, 1, 400, 400},
      {"GET", absl::StrCat("/api/system/user-groups/", other, "/members"), nullptr, 1, 400, 17},
      {"GET", "/api/mdm/smartgroups/search?name=none", nullptr, 1, 204, 0},
      {"GET", "/api/system/usergroups/search?groupname=none", nullptr, 1, 204, 0},
      {"GET", "/api/mam/apps/search?applicationtype=purchased", nullptr, 1, 204, 0},
      {"POST",
       "/api/mam/apps/appgroups",
       {{"Name", "g"}, {"Platform", "Apple"}, {"AppGroupType", "Blacklist"}},
       1,
       400,
       400},
      {"POST",
       "/api/mam/apps/appgroups",
       {{"Name", "g"},
        {"Platform", "Apple"},
        {"AppGroupType", "Black"},
        {"Applications", Json::array({app})}},
       1,
       400,
       400},
      {"DELETE", "/api/mam/apps/appgroups/9/applications", nullptr, 1, 404, 404},
      {"POST", "/api/mam/apps/public/77/install", {{"DeviceId", 1}}, 1, 404, 5061},
      {"POST", "/api/mam/apps/public/78/install", Device(), 1, 404, 404},
      {"POST", "/api/mam/apps/public/77/install", Device(), 1, 400, 400},  // not assigned
      {"POST", absl::StrCat("/api/mdm/devices/", number_, "/commands"), nullptr, 1, 422, 422},
      {"POST",
       absl::StrCat("/api/mdm/devices/", number_, "/commands?command=CustomMdmCommand"),
       {{"CommandXml", "<dict></dict>"}},
       1,
       400,
       400},
  };
  for (const Case& each : cases) {
    const Got got = client_.Call(each.method, each.target, each.body, each.version);
    EXPECT_EQ(got.status, each.status) << each.method << " " << each.target << " " << got.body;
    EXPECT_EQ(got.code(), each.code) << each.method << " " << each.target;
    EXPECT_EQ(simulator_.Calls().back().effect, "") << each.target;
  }
}

TEST_F(Interface, ApplicationGroupsAreReadBeforeTheyAreWritten) {
  const Json apps = {{"Applications", Json::array({{{"Name", "x"}, {"BundleId", "com.x"}}})}};
  Json group = apps;
  group.update(
      Json{{"Name", "Muster blocked ios"}, {"Platform", "Apple"}, {"AppGroupType", "Blacklist"}});
  const Got made = client_.Call("POST", "/api/mam/apps/appgroups", group);
  ASSERT_EQ(made.status, 200) << made.body;
  const std::string id = made.json["ApplicationGroupID"];
  const std::string path = absl::StrCat("/api/mam/apps/appgroups/", id);
  EXPECT_EQ(client_.Call("POST", "/api/mam/apps/appgroups", group).status, 400);  // the name
  EXPECT_EQ(client_.Call("POST", path + "/applications", apps).status, 400);      // there already
  const Json more = {{"Applications", Json::array({{{"Name", "y"}, {"BundleId", "com.y"}}})}};
  EXPECT_EQ(client_.Call("POST", path + "/applications", more).status, 200);
  EXPECT_EQ(client_.Call("DELETE", path + "/applications", apps).status, 200);
  EXPECT_EQ(client_.Call("DELETE", path + "/applications", apps).status, 404);
  EXPECT_EQ(simulator_.AppGroup("Muster blocked ios"), std::vector<std::string>{"com.y"});
  // The search takes a part of a name, and does not show the apps.
  const Json found =
      client_.Get("/api/mam/apps/appgroups/search?appgroupname=blocked").json["AppGroups"];
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FALSE(found[0].contains("Applications"));
  EXPECT_EQ(client_.Get(path).json["Applications"][0]["BundleId"], "com.y");
  EXPECT_EQ(client_.Call("PUT", path, group).status, 200);  // replaces
  EXPECT_EQ(simulator_.AppGroup("Muster blocked ios"), std::vector<std::string>{"com.x"});
  const Json bulk = {{"BulkValues", {{"Value", Json::array({id, "1"})}}}};
  EXPECT_EQ(client_.Call("DELETE", "/api/mam/apps/appgroups", bulk).json["AcceptedItems"], 1);
  EXPECT_EQ(client_.Get(path).status, 404);
}

TEST_F(Interface, SmartGroups) {
  const std::string id = CreateSmartGroup();
  const std::string path = "/api/mdm/smartgroups/" + id;
  Json group = client_.Get(path).json;
  EXPECT_EQ(group["UserGroups"], Json::array({{{"Id", kGroup}, {"Name", "Chat users"}}}));
  const std::string uuid = group["SmartGroupUuid"];
  const auto patch = [&](const char* op, const char* list, const std::string& value) {
    const Json steps = Json::array({{{"op", op},
                                     {"path", absl::StrCat("/smartGroupsOperationsV2/", list)},
                                     {"value", value}}});
    return client_.Call("PATCH", "/api/mdm/smartgroups/" + uuid, steps, 2);
  };
  const std::string second = simulator_.AddUserGroup({.name = "Second"});
  EXPECT_EQ(patch("add", "userGroups", absl::StrCat(second, ", ", kGroup)).status, 200);
  EXPECT_FALSE(simulator_.Calls().back().redundant);
  EXPECT_EQ(client_.Get(path).json["UserGroups"].size(), 2u);
  EXPECT_EQ(patch("add", "userGroups", second).status, 200);
  EXPECT_TRUE(simulator_.Calls().back().redundant);
  EXPECT_EQ(patch("remove", "userGroups", second).status, 200);
  EXPECT_EQ(patch("add", "devices", kPhone).code(), 6);  // criteria All take no devices
  EXPECT_EQ(patch("add", "exclusions", second).code(), 6);
  // PUT replaces: what it does not name is gone.
  EXPECT_EQ(client_.Call("PUT", path, {{"Name", "Muster allowed chat"}}).status, 200);
  EXPECT_EQ(client_.Get(path).json["UserGroups"].size(), 0u);
  ASSERT_TRUE(simulator_.SetSmartGroupReadOnly("Muster allowed chat", true).ok());
  EXPECT_EQ(client_.Call("PUT", path, group).status, 403);
  EXPECT_EQ(patch("add", "userGroups", second).status, 403);
}

TEST_F(Interface, AssigningTwiceIs400) {
  const std::string path = absl::StrCat("/api/mam/apps/public/77/smartgroups/", CreateSmartGroup());
  EXPECT_EQ(client_.Call("POST", path).status, 201);
  EXPECT_EQ(client_.Call("POST", path).status, 400);
  const Json apps =
      client_.Get(absl::StrCat("/api/mdm/devices/", kPhone, "/apps/search")).json["app_items"];
  ASSERT_EQ(apps.size(), 1u);
  EXPECT_EQ(apps[0]["assignment_status"], "Assigned");
  EXPECT_EQ(apps[0]["installed_status"], "NotInstalled");
}

TEST_F(Interface, ASyncCopiesTheDirectoryAndLeavesOutWhomItDoesNotKnow) {
  const std::string path = absl::StrCat("/api/system/user-groups/", kGroup);
  ASSERT_TRUE(simulator_.SetDirectory(kGroup, {"ada", "bob"}).ok());
  EXPECT_EQ(client_.Call("POST", path + "/actions/sync").status, 202);
  const Got again = client_.Call("POST", path + "/actions/sync");
  EXPECT_EQ(again.status, 412);
  EXPECT_EQ(again.code(), 200032);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(simulator_.Members(kGroup), std::vector<std::string>{"ada"});
  EXPECT_EQ(client_.Call("POST", path + "/actions/add-missing-users").status, 202);
  EXPECT_EQ(client_.Call("POST", path + "/actions/sync").status, 412);
  clock_.Advance(absl::Seconds(30));
  const Json page = client_.Get(path + "/members?page=1&page_size=1").json;
  EXPECT_EQ(page["TotalPageCount"], 2);
  EXPECT_EQ(page["UsersList"][0]["username"], "ada");
  EXPECT_EQ(client_.Get(path + "/members?page=2&page_size=1").json["UsersList"][0]["username"],
            "bob");
  const std::string scim = simulator_.AddUserGroup({.name = "scim", .by_scim = true});
  EXPECT_EQ(
      client_.Call("POST", absl::StrCat("/api/system/user-groups/", scim, "/actions/sync")).status,
      403);
}

TEST_F(Interface, InstallAndRemoveAnswerByKind) {
  struct Case {
    bridge::ManagedApp::Kind kind;
    const char* name;
    int version, install, remove;
  };
  using Kind = bridge::ManagedApp::Kind;
  const Case cases[] = {{Kind::kPublic, "public", 1, 202, 204},
                        {Kind::kInternal, "internal", 1, 202, 204},
                        {Kind::kPurchased, "purchased", 1, 200, 200},
                        {Kind::kPurchased, "purchased", 2, 200, 200}};
  for (const Case& each : cases) {
    const std::string uuid = MakeUuid(9, each.name, each.version);
    const uint64_t id = simulator_.AddManagedApp(
        {.uuid = uuid, .kind = each.kind, .bundle_id = uuid, .assigned_to_all = true});
    const std::string path =
        absl::StrCat("/api/mam/apps/", each.name, "/", each.version == 2 ? uuid : absl::StrCat(id));
    const Json body = each.version == 2 ? Json{{"device_uuid", kPhone}} : Device();
    EXPECT_EQ(client_.Call("POST", path + "/install", body, each.version).status, each.install);
    EXPECT_EQ(client_.Call("POST", path + "/uninstall", body, each.version).status, each.remove);
  }
  simulator_.AddManagedApp({.uuid = kGroup, .kind = Kind::kPurchased, .bundle_id = "com.vpp"});
  const std::string vpp = absl::StrCat("/api/mam/apps/purchased/", kGroup);
  EXPECT_EQ(client_.Call("POST", vpp + "/install", {{"device_uuid", kPhone}}, 2).status, 500);
  EXPECT_EQ(client_.Call("POST", vpp + "/install", {{"device_uuid", kPhone}}, 2).code(), 20);
}

}  // namespace
}  // namespace muster::uemsim
