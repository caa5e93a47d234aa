#include "bridge/adapters/ws1/ws1_request.h"

#include <gtest/gtest.h>

#include "tests/bridge/adapters/ws1/ws1_values.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

std::string Shown(const absl::StatusOr<Ws1Request>& request) {
  if (!request.ok()) return std::string(request.status().message());
  return request->method + " " + request->target + " v" + std::to_string(request->version) + " " +
         request->body;
}

TEST(Ws1Request, EachCallIsOneExactRequest) {
  const std::string device = std::string("/api/mdm/devices/") + kPhoneUuid;
  const std::string users = std::string("/api/system/user-groups/") + kUsersUuid;
  const std::string apps =
      R"({"Applications":[{"BundleId":"a.b","Name":"a.b"},{"BundleId":"c.d","Name":"c.d"}]})";
  const std::pair<Kind, std::string> kCases[] = {
      {Kind::kListPhones,
       "GET /api/mdm/devices/search?lgid=570&orderby=deviceid&sortorder=ASC&page=0&pagesize=500 "
       "v1 "},
      {Kind::kGetPhone, "GET /api/mdm/devices/42 v1 "},
      {Kind::kListApps, "GET " + device + "/apps/search?sortorder=ASC&page=0&pagesize=500 v1 "},
      {Kind::kGetApp, "GET " + device + "/apps?bundleid=net.whatsapp.WhatsApp v1 "},
      {Kind::kInstallApp, R"(POST /api/mam/apps/public/301/install v1 {"DeviceId":42})"},
      {Kind::kRemoveApp, R"(POST /api/mam/apps/public/301/uninstall v1 {"DeviceId":42})"},
      {Kind::kQueryPhone, "POST /api/mdm/devices/42/commands?command=DeviceQuery v1 "},
      {Kind::kFindAppGroup,
       "GET /api/mam/apps/appgroups/search?appgroupname=Muster%20blocked%20ios&"
       "organizationgroupid=570&platform=Apple&appgrouptype=Blacklist v1 "},
      {Kind::kGetAppGroup, "GET /api/mam/apps/appgroups/77 v1 "},
      {Kind::kCreateAppGroup,
       R"(POST /api/mam/apps/appgroups v1 {"AppGroupType":"Blacklist",)" +
           apps.substr(1, apps.size() - 2) +
           R"(,"ManagedByOrganizationGroupID":"570","Name":"Muster blocked ios",)"
           R"("OrganizationGroups":[{"Id":"570"}],"Platform":"Apple"})"},
      {Kind::kAddToAppGroup, "POST /api/mam/apps/appgroups/77/applications v1 " + apps},
      {Kind::kRemoveFromAppGroup, "DELETE /api/mam/apps/appgroups/77/applications v1 " + apps},
      {Kind::kFindSmartGroup,
       "GET /api/mdm/smartgroups/search?name=Muster%20blocked%20ios&organizationgroupid=570&"
       "orderby=smartgroupid&sortorder=ASC&page=0&pagesize=500 v1 "},
      {Kind::kGetSmartGroup, "GET /api/mdm/smartgroups/77 v1 "},
      {Kind::kCreateSmartGroup,
       std::string(R"(POST /api/mdm/smartgroups v1 {"CriteriaType":"All",)") +
           R"("ManagedByOrganizationGroupId":"570","Name":"Muster blocked ios",)" +
           R"("UserGroups":[{"Id":")" + kUsersUuid + R"("}]})"},
      {Kind::kChangeSmartGroup, std::string("PATCH /api/mdm/smartgroups/") + kGroupUuid +
                                    R"( v2 [{"op":"add","path":"/smartGroupsOperationsV2/)" +
                                    R"(userGroups","value":")" + kUsersUuid + R"("}])"},
      {Kind::kAssignApp, "POST /api/mam/apps/public/301/smartgroups/77 v1 "},
      {Kind::kListMembers, "GET " + users + "/members?page=1&page_size=1000 v1 "},
      {Kind::kSyncUserGroup, "POST " + users + "/actions/sync v1 "},
      {Kind::kAddMissingUsers, "POST " + users + "/actions/add-missing-users v1 "},
  };
  for (const auto& [kind, want] : kCases) {
    UemCall call = Call(kind);
    if (kind >= Kind::kListMembers) call.group.uuid = kUsersUuid;
    EXPECT_EQ(Shown(MakeWs1Request(TestOptions(), call)), want) << CallName(kind);
  }
}

TEST(Ws1Request, PagesCountFromWhereTheCallDoes) {
  const std::pair<Kind, std::string> kCases[] = {
      {Kind::kListPhones,
       "GET /api/mdm/devices/search?lgid=570&orderby=deviceid&sortorder=ASC&page=3&pagesize=500 "
       "v1 "},
      {Kind::kListApps, std::string("GET /api/mdm/devices/") + kPhoneUuid +
                            "/apps/search?sortorder=ASC&page=3&pagesize=500 v1 "},
      {Kind::kListMembers, std::string("GET /api/system/user-groups/") + kGroupUuid +
                               "/members?page=4&page_size=1000 v1 "},
      {Kind::kFindAppGroup,
       "GET /api/mam/apps/appgroups/search?appgroupname=Muster%20blocked%20ios&"
       "organizationgroupid=570&platform=Apple&appgrouptype=Blacklist&page=3 v1 "},
  };
  for (const auto& [kind, want] : kCases) {
    UemCall call = Call(kind);
    call.page = 3;
    EXPECT_EQ(Shown(MakeWs1Request(TestOptions(), call)), want) << CallName(kind);
  }
}

TEST(Ws1Request, InstallAndRemoveByKindOfApp) {
  const std::string phone = std::string(R"({"device_uuid":")") + kPhoneUuid + R"("})";
  const std::pair<ManagedApp::Kind, std::string> kCases[] = {
      {ManagedApp::Kind::kInternal,
       R"(POST /api/mam/apps/internal/301/install v1 {"DeviceId":42})"},
      {ManagedApp::Kind::kPurchased,
       std::string("POST /api/mam/apps/purchased/") + kAppUuid + "/install v2 " + phone},
  };
  for (const auto& [kind, want] : kCases) {
    UemCall call = Call(Kind::kInstallApp);
    call.app = TestApp(kind);
    EXPECT_EQ(Shown(MakeWs1Request(TestOptions(), call)), want);
  }
}

TEST(Ws1Request, APhoneWithoutANumberGoesByWhatIsKnown) {
  UemCall call = Call(Kind::kInstallApp);
  call.phone.number = 0;
  const std::string target = "POST /api/mam/apps/public/301/install v1 ";
  EXPECT_EQ(Shown(MakeWs1Request({}, call)), target + R"({"Udid":"udid42"})");
  call.phone.udid.clear();
  EXPECT_EQ(Shown(MakeWs1Request({}, call)), target + R"({"SerialNumber":"SER1"})");
  call.phone.identity.clear_serial();
  EXPECT_EQ(Shown(MakeWs1Request({}, call)),
            "the call to the UEM lacks a number, UDID or serial of the phone");
  call.kind = Kind::kGetPhone;
  EXPECT_EQ(Shown(MakeWs1Request({}, call)),
            std::string("GET /api/mdm/devices/") + kPhoneUuid + " v3 ");
  call.kind = Kind::kQueryPhone;
  EXPECT_EQ(Shown(MakeWs1Request({}, call)),
            std::string("POST /api/mdm/devices/commands?command=DeviceQuery&searchby=Uuid&id=") +
                kPhoneUuid + " v1 ");
}

TEST(Ws1Request, AProfileIsAnMdmCommandWithItsBytes) {
  UemCall call = Call(Kind::kInstallProfile);
  call.payload = std::string("<plist>\0&\xFF", 10);
  EXPECT_EQ(Shown(MakeWs1Request({}, call)),
            "POST /api/mdm/devices/42/commands?command=CustomMdmCommand v1 "
            R"({"CommandXml":"<dict><key>RequestType</key><string>InstallProfile</string>)"
            R"(<key>Payload</key><data>PHBsaXN0PgAm/w==</data></dict>"})");
  call.phone.identity.set_platform(v1::Platform::ANDROID);
  EXPECT_EQ(Shown(MakeWs1Request({}, call)), "only an Apple device takes a configuration profile");
}

TEST(Ws1Request, WhatIsForeignIsEscaped) {
  UemCall call = Call(Kind::kGetApp);
  call.app.bundle_id = "a b&c=d/é?#";
  call.phone.identity.set_uem_id("../x");
  EXPECT_EQ(Shown(MakeWs1Request({}, call)),
            "GET /api/mdm/devices/..%2Fx/apps?bundleid=a%20b%26c%3Dd%2F%C3%A9%3F%23 v1 ");
}

TEST(Ws1Request, NumbersOfUserGroupsWhereTheyAreKnown) {
  Ws1Options options = TestOptions();
  options.user_group_numbers = {{kUsersUuid, 9}};
  UemCall call = Call(Kind::kCreateSmartGroup);
  call.group.user_group_exclusions = {"other"};
  EXPECT_EQ(MakeWs1Request(options, call)->body,
            R"({"CriteriaType":"All","ManagedByOrganizationGroupId":"570",)"
            R"("Name":"Muster blocked ios","UserGroupExclusions":[{"Id":"other"}],)"
            R"("UserGroups":[{"Id":"9"}]})");
}

TEST(Ws1Request, WhatTheUemCannotBeAskedIsSaid) {
  const auto refused = [](Kind kind, void (*change)(UemCall&)) {
    UemCall call = Call(kind);
    change(call);
    const auto request = MakeWs1Request(TestOptions(), call);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument) << CallName(kind);
    return std::string(request.status().message());
  };
  EXPECT_EQ(refused(Kind::kCreateSmartGroup, [](UemCall& c) { c.group.user_groups.clear(); }),
            "the group in the call to the UEM lacks a user group");
  EXPECT_EQ(
      refused(Kind::kChangeSmartGroup, [](UemCall& c) { c.group.user_group_exclusions = {"x"}; }),
      "the UEM has no request that adds exclusions to a smart group; set them in its "
      "console");
  EXPECT_EQ(
      refused(Kind::kAssignApp, [](UemCall& c) { c.app = TestApp(ManagedApp::Kind::kPurchased); }),
      "no known request assigns a purchased app to a smart group; assign it in the UEM's "
      "console");
  EXPECT_EQ(refused(Kind::kCreateAppGroup, [](UemCall& c) { c.group.bundle_ids.clear(); }),
            "the group in the call to the UEM lacks an app");
  EXPECT_EQ(refused(Kind::kFindAppGroup,
                    [](UemCall& c) { c.group.platform = v1::Platform::UNSPECIFIED; }),
            "an application group is for iOS or Android");
  EXPECT_EQ(refused(Kind::kListApps, [](UemCall& c) { c.phone.identity.clear_uem_id(); }),
            "the call to the UEM lacks the phone's id");
  for (const Kind kind : {Kind::kGetAppGroup, Kind::kAddToAppGroup, Kind::kRemoveFromAppGroup,
                          Kind::kGetSmartGroup, Kind::kAssignApp}) {
    EXPECT_EQ(refused(kind, [](UemCall& c) { c.group.id.clear(); }),
              "the group in the call to the UEM lacks its id");
  }
}

}  // namespace
}  // namespace muster::bridge
