#include "bridge/adapters/ws1/ws1_answer.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/bridge_limits.h"
#include "common/time_proto.h"
#include "tests/bridge/adapters/ws1/ws1_values.h"
#include "tests/support/now.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;
using v1::PhoneFacts;

UemAnswer Read(const UemCall& call, const std::string& body, int status = 200) {
  return ReadWs1Answer(TestOptions(), call, Answer(status, body), kNow);
}

// Everything of a phone on one line.
std::string Shown(const UemPhone& phone) {
  const auto& id = phone.identity;
  const auto& f = phone.facts;
  return absl::StrCat(
      id.uem_id(), "|", v1::Platform::Id_Name(id.platform()), "|", id.user_name(), "|", id.serial(),
      "|", id.name(), "|", phone.number, "|", phone.udid, "|", phone.user_id, "|",
      PhoneFacts::Enrolment_Name(f.enrolment()), "|", PhoneFacts::Management_Name(f.management()),
      "|", PhoneFacts::Compliance_Name(f.uem_compliance()), "|", f.os(), "|", f.model(), "|",
      f.has_last_seen_at() ? TimeText(FromProto(f.last_seen_at())) : "", "|",
      f.has_enrolled_at() ? TimeText(FromProto(f.enrolled_at())) : "", "|", f.compromised());
}

constexpr char kVersion1[] = R"({
  "Id":{"Value":42},"Uuid":"0A1B2C3D-0000-4000-8000-00000000002A","Udid":"udid42",
  "SerialNumber":"SER1","DeviceFriendlyName":"Pat's iPhone","UserName":"pat",
  "EnrollmentUserUuid":"0A1B2C3D-0000-4000-8000-0000000000DD","Platform":"Apple",
  "OperatingSystem":"17.5.1","Model":"iPhone 15","EnrollmentStatus":"Enrolled",
  "ComplianceStatus":"Compliant","CompromisedStatus":false,"IsSupervised":true,
  "ManagedBy":"MDM","Ownership":"C","LastSeen":"2026-04-30T10:11:12.1234567",
  "LastEnrolledOn":"2026-01-02T03:04:05.12345","LocationGroupId":{"Id":{"Value":570}}})";

constexpr char kVersion1Phone[] =
    "0a1b2c3d-0000-4000-8000-00000000002a|IOS|pat|SER1|Pat's iPhone|42|udid42|"
    "0a1b2c3d-0000-4000-8000-0000000000dd|ENROLLED|SUPERVISED|COMPLIANT|17.5.1|iPhone 15|"
    "2026-04-30T10:11:12.123Z|2026-01-02T03:04:05.123Z|0";

TEST(Ws1Answer, APhoneOfVersion1) {
  const UemAnswer list =
      Read(Call(Kind::kListPhones), absl::StrCat(R"({"Devices":[)", kVersion1, R"(],"Total":1})"));
  ASSERT_TRUE(list.status.ok()) << list.status;
  ASSERT_EQ(list.phones.size(), 1u);
  EXPECT_EQ(Shown(list.phones[0]), kVersion1Phone);
  EXPECT_TRUE(list.last_page);
  const UemAnswer one = Read(Call(Kind::kGetPhone), kVersion1);
  ASSERT_EQ(one.phones.size(), 1u);
  EXPECT_EQ(Shown(one.phones[0]), kVersion1Phone);
}

TEST(Ws1Answer, APhoneOfVersion3InBothShapes) {
  UemCall call = Call(Kind::kGetPhone);
  const UemAnswer one = Read(call, R"({
    "id":42,"uuid":"0a1b2c3d-0000-4000-8000-00000000002a","udid":"udid42","serial_number":"SER1",
    "friendly_name":"Pat's iPhone","supervised":false,
    "platform_info":{"device_type":"APPLE","os_version":"17.5.1","model":"iPhone 15"},
    "enrollment_info":{"enrollment_status":"USER_ENROLLED","compliance_status":"NOT_COMPLIANT",
      "enrollment_user_email_address":"pat@agency.example","managed_by":"MDM",
      "enrollment_user_uuid":"dd","ownership":"EMPLOYEE",
      "last_seen_timestamp":"2026-04-30T10:11:12Z",
      "enrollment_timestamp":"2026-01-02T04:04:05+01:00"}})");
  ASSERT_TRUE(one.status.ok()) << one.status;
  ASSERT_EQ(one.phones.size(), 1u);
  EXPECT_EQ(Shown(one.phones[0]),
            "0a1b2c3d-0000-4000-8000-00000000002a|IOS|pat@agency.example|SER1|Pat's iPhone|42|"
            "udid42|dd|ENROLLED|USER_ENROLLED|NOT_COMPLIANT|17.5.1|iPhone 15|"
            "2026-04-30T10:11:12Z|2026-01-02T03:04:05Z|0");
  const UemAnswer list = Read(Call(Kind::kListPhones), R"({"devices":[{
    "Id":{"Value":43},"Uuid":"0a1b2c3d-0000-4000-8000-00000000002b","device_type":"ANDROID",
    "enrollment_user_name":"kim","operating_system":"14","enrollment_status":"UNENROLLED",
    "compliance_status":"UNKNOWN","compromised_status":true,"last_seen":"0001-01-01T00:00:00"}],
    "total":1})");
  ASSERT_EQ(list.phones.size(), 1u);
  EXPECT_EQ(Shown(list.phones[0]),
            "0a1b2c3d-0000-4000-8000-00000000002b|ANDROID|kim|||43|||UNENROLLED|"
            "MANAGEMENT_UNSPECIFIED|COMPLIANCE_UNSPECIFIED|14||||1");
}

TEST(Ws1Answer, ManagementIsClaimedOnlyWhereTheUemOrTheAgencySaysSo) {
  using M = AndroidManagement;
  const std::tuple<std::string, M, PhoneFacts::Management> kCases[] = {
      {R"("Platform":"Apple","IsSupervised":true)", M::kUnknown, PhoneFacts::SUPERVISED},
      {R"("Platform":"Apple","IsSupervised":"true")", M::kUnknown, PhoneFacts::SUPERVISED},
      {R"("Platform":"Apple","IsSupervised":false)", M::kUnknown, PhoneFacts::UNSUPERVISED},
      {R"("Platform":"Apple")", M::kUnknown, PhoneFacts::MANAGEMENT_UNSPECIFIED},
      {R"("Platform":"Apple","IsSupervised":true,"EnrollmentStatus":"UserEnrolled")", M::kUnknown,
       PhoneFacts::USER_ENROLLED},
      {R"("Platform":"Apple","IsSupervised":true,"ManagedBy":"HubRegistered")", M::kUnknown,
       PhoneFacts::MANAGEMENT_UNSPECIFIED},
      {R"("Platform":"Android","Ownership":"C")", M::kUnknown, PhoneFacts::MANAGEMENT_UNSPECIFIED},
      {R"("Platform":"Android","Ownership":"C")", M::kByOwnership, PhoneFacts::DEVICE_OWNER},
      {R"("Platform":"Android","Ownership":"C")", M::kByOwnershipWithCope,
       PhoneFacts::COMPANY_WORK_PROFILE},
      {R"("Platform":"Android","Ownership":"S")", M::kByOwnershipWithCope,
       PhoneFacts::DEVICE_OWNER},
      {R"("Platform":"Android","Ownership":"EmployeeOwned")", M::kByOwnership,
       PhoneFacts::PERSONAL_WORK_PROFILE},
      {R"("Platform":"Android","Ownership":"Undefined")", M::kByOwnership,
       PhoneFacts::MANAGEMENT_UNSPECIFIED},
      {R"("Platform":"Android","Ownership":"C","ManagedBy":"AppLevel")", M::kByOwnership,
       PhoneFacts::MANAGEMENT_UNSPECIFIED},
  };
  for (const auto& [fields, android, want] : kCases) {
    Ws1Options options = TestOptions();
    options.android_management = android;
    const UemAnswer got = ReadWs1Answer(
        options, Call(Kind::kListPhones),
        Answer(200, absl::StrCat(R"({"Devices":[{"Uuid":"a",)", fields, "}]}")), kNow);
    ASSERT_EQ(got.phones.size(), 1u) << fields;
    EXPECT_EQ(got.phones[0].facts.management(), want) << fields;
  }
}

TEST(Ws1Answer, WhatIsNoPhoneIsLeftOutAndAPhoneComesOnce) {
  const UemAnswer got = Read(Call(Kind::kListPhones), R"({"Devices":[
      {"Uuid":"a","Platform":"AppleOsX"},{"Uuid":"b","Platform":"WinRT"},{"Platform":"Apple"},
      {"Uuid":"../c","Platform":"Apple"},7,null,{"Uuid":"d","Platform":"Apple"},
      {"Uuid":"D","Platform":"Apple"},
      {"Uuid":"e","Platform":"Android","EnrollmentStatus":"Something new"}]})");
  ASSERT_TRUE(got.status.ok());
  ASSERT_EQ(got.phones.size(), 2u);
  EXPECT_EQ(got.phones[0].identity.uem_id(), "d");
  EXPECT_EQ(got.phones[1].facts.enrolment(), PhoneFacts::ENROLMENT_UNSPECIFIED);
}

TEST(Ws1Answer, PagesEndWhereTheTotalSays) {
  const std::string row = R"([{"Uuid":"a","Platform":"Apple"}])";
  struct Case {
    uint32_t page;
    std::string rest;
    bool last, good;
  };
  const Case kCases[] = {
      {0, R"(,"Total":500)", true, true},
      {0, R"(,"Total":501)", false, true},
      {1, R"(,"Total":501)", true, true},
      {1, R"(,"Total":1001)", false, true},
      {0, "", true, true},
      // The UEM made the pages smaller without a word.
      {1, R"(,"Total":600,"PageSize":200)", false, true},
      {2, R"(,"Total":600,"PageSize":200)", true, true},
      {0, R"(,"Total":501,"PageSize":100000)", false, true},
      {0, R"(,"Total":501,"PageSize":0)", false, true},
  };
  for (const Case& c : kCases) {
    UemCall call = Call(Kind::kListPhones);
    call.page = c.page;
    const UemAnswer got = Read(call, absl::StrCat(R"({"Devices":)", row, c.rest, "}"));
    EXPECT_EQ(got.status.ok(), c.good) << c.rest;
    EXPECT_EQ(got.last_page, c.last) << c.page << c.rest;
  }
}

TEST(Ws1Answer, APageWithoutRowsBeforeTheEndIsBroken) {
  UemCall call = Call(Kind::kListPhones);
  call.page = 1;
  const UemAnswer got = Read(call, R"({"Devices":[],"Total":900})");
  EXPECT_EQ(got.status.message(),
            "the UEM's answer to list-phones is a page without rows before the end of the list");
  EXPECT_FALSE(got.effect_unknown);
  EXPECT_TRUE(Read(call, R"({"Devices":[],"Total":500})").status.ok());
}

TEST(Ws1Answer, EmptyListsComeInThreeForms) {
  for (const Kind kind : {Kind::kListPhones, Kind::kListApps, Kind::kFindAppGroup,
                          Kind::kFindSmartGroup, Kind::kListMembers}) {
    for (const auto& [status, body] :
         {std::pair<int, std::string>{204, ""}, {200, " "}, {200, "{}"}}) {
      const UemAnswer got = Read(Call(kind), body, status);
      EXPECT_TRUE(got.status.ok() && got.last_page) << CallName(kind) << status << body;
      EXPECT_TRUE(got.phones.empty() && got.apps.empty() && !got.group && got.members.empty());
    }
  }
}

TEST(Ws1Answer, AppsOfAPhone) {
  const UemAnswer got = Read(Call(Kind::kListApps), R"({"TotalResults":501,"app_items":[
    {"bundle_id":"net.whatsapp.WhatsApp","name":"WhatsApp","installed_version":"24.1",
     "installed_status":"Installed","assignment_status":"Assigned",
     "latest_uem_action":"InstallCommandDispatched",
     "latest_uem_action_time":"2026-04-30T10:11:12.12345"},
    {"bundle_id":"b","name":"B","installed_status":"NotInstalled",
     "assignment_status":"NotAssigned"},
    {"name":"no id"}]})");
  ASSERT_TRUE(got.status.ok());
  EXPECT_FALSE(got.last_page);
  ASSERT_EQ(got.apps.size(), 2u);
  const UemApp& app = got.apps[0];
  EXPECT_EQ(app.bundle_id + app.name + app.version + app.latest_action + app.reason,
            "net.whatsapp.WhatsAppWhatsApp24.1InstallCommandDispatched");
  EXPECT_TRUE(app.installed && app.assigned);
  EXPECT_EQ(TimeText(app.latest_action_at), "2026-04-30T10:11:12.123Z");
  EXPECT_FALSE(got.apps[1].installed || got.apps[1].assigned);
  EXPECT_EQ(got.apps[1].latest_action_at, absl::InfinitePast());
}

TEST(Ws1Answer, OneAppWithItsReason) {
  const UemAnswer got = Read(Call(Kind::kGetApp), R"({
    "app_details":{"identifier":"net.whatsapp.WhatsApp"},
    "assignment_info":{"assignment_status":"NotAssigned","latest_uem_action":"Unknown"},
    "device_sample_info":{"installed_status":"Installed","installed_version":"24.1",
      "latest_app_reason":"UserInstalledApp"}})");
  ASSERT_EQ(got.apps.size(), 1u);
  EXPECT_EQ(got.apps[0].bundle_id, "net.whatsapp.WhatsApp");
  EXPECT_EQ(got.apps[0].version + got.apps[0].latest_action + got.apps[0].reason,
            "24.1UnknownUserInstalledApp");
  EXPECT_TRUE(got.apps[0].installed && !got.apps[0].assigned);
}

std::string Shown(const std::optional<UemGroup>& group) {
  if (!group.has_value()) return "none";
  return absl::StrCat(
      group->name, "|", group->id, "|", group->uuid, "|", v1::Platform::Id_Name(group->platform),
      "|", absl::StrJoin(group->bundle_ids, ","), "|", absl::StrJoin(group->user_groups, ","), "|",
      absl::StrJoin(group->user_group_exclusions, ","));
}

TEST(Ws1Answer, ApplicationGroups) {
  const std::string group =
      R"({"ApplicationGroupID":"77","Name":"Muster blocked ios","Platform":"Apple",
          "Applications":[{"BundleId":"c.d"},{"BundleId":"a.b"},{"BundleId":"a.b"},{}]})";
  const std::string want = "Muster blocked ios|77||IOS|a.b,c.d||";
  EXPECT_EQ(Shown(Read(Call(Kind::kGetAppGroup), group).group), want);
  EXPECT_EQ(Shown(Read(Call(Kind::kCreateAppGroup), group).group), want);
  const std::string others =
      R"({"ApplicationGroupID":"1","Name":"Muster blocked ios 2","Platform":"Apple"},
         {"ApplicationGroupID":"2","Name":"Muster blocked ios","Platform":"Android"},)";
  const UemAnswer found = Read(Call(Kind::kFindAppGroup),
                               absl::StrCat(R"({"AppGroups":[)", others, group, R"(],"Total":9})"));
  EXPECT_EQ(Shown(found.group), want);
  EXPECT_TRUE(found.last_page);
  const UemAnswer none = Read(
      Call(Kind::kFindAppGroup),
      absl::StrCat(R"({"AppGroups":[)", others.substr(0, others.size() - 1), R"(],"Total":9})"));
  EXPECT_EQ(Shown(none.group), "none");
  EXPECT_FALSE(none.last_page);
}

TEST(Ws1Answer, SmartGroups) {
  const UemAnswer got =
      Read(Call(Kind::kGetSmartGroup),
           absl::StrCat(R"({"SmartGroupID":77,"SmartGroupUuid":")", kGroupUuid,
                        R"(","Name":"Muster allowed whatsapp","UserGroups":[{"Id":"z"},{"Id":"b"}],
                            "UserGroupExclusions":[{"Id":12}]})"));
  EXPECT_EQ(Shown(got.group),
            absl::StrCat("Muster allowed whatsapp|77|", kGroupUuid, "|UNSPECIFIED||b,z|12"));
  Ws1Options options = TestOptions();
  options.user_group_numbers = {{kUsersUuid, 9}};
  EXPECT_EQ(
      Shown(ReadWs1Answer(options, Call(Kind::kGetSmartGroup),
                          Answer(200, R"({"SmartGroupID":7,"UserGroups":[{"Id":"9"}]})"), kNow)
                .group),
      absl::StrCat("|7||UNSPECIFIED||", kUsersUuid, "|"));
  const UemAnswer made = Read(Call(Kind::kCreateSmartGroup), R"({"Value":78})");
  ASSERT_TRUE(made.group.has_value());
  EXPECT_EQ(made.group->id, "78");
  UemCall find = Call(Kind::kFindSmartGroup);
  find.group.platform = v1::Platform::UNSPECIFIED;
  EXPECT_EQ(Shown(Read(find, R"({"SmartGroups":[{"Name":"Muster blocked iosx","SmartGroupID":1},
      {"Name":"Muster blocked ios","SmartGroupID":77,"SmartGroupUuid":"u"}],"Total":2})")
                      .group),
            "Muster blocked ios|77|u|UNSPECIFIED|||");
}

TEST(Ws1Answer, MembersPageByPage) {
  UemCall call = Call(Kind::kListMembers);
  const std::string body =
      R"({"PageNumber":1,"TotalPageCount":2,"UsersList":[{"username":"pat"},{},{"username":"kim"}]})";
  const UemAnswer first = Read(call, body);
  EXPECT_EQ(first.members, (std::vector<std::string>{"pat", "kim"}));
  EXPECT_FALSE(first.last_page);
  call.page = 1;
  EXPECT_TRUE(Read(call, body).last_page);
}

TEST(Ws1Answer, ChangesNeedNoBody) {
  for (const Kind kind :
       {Kind::kInstallApp, Kind::kRemoveApp, Kind::kInstallProfile, Kind::kQueryPhone,
        Kind::kAddToAppGroup, Kind::kRemoveFromAppGroup, Kind::kChangeSmartGroup, Kind::kAssignApp,
        Kind::kSyncUserGroup, Kind::kAddMissingUsers}) {
    for (const int status : {200, 201, 202, 204}) {
      const UemAnswer got = Read(Call(kind), "", status);
      EXPECT_TRUE(got.status.ok() && !got.effect_unknown) << CallName(kind);
    }
  }
}

TEST(Ws1Answer, WhatIsBrokenIsSaidAndMayHaveHadItsEffect) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  std::string empty_objects = R"({"a":[{})";
  while (empty_objects.size() < limits::kMaxUemAnswerBytes) empty_objects += ",{}";
  empty_objects += "]}";
  const std::pair<std::string, std::string> kCases[] = {
      {"", "is empty"},
      {R"({"ApplicationGroupID":"77","Na)", "is broken: no whole JSON"},
      {deep, "is broken: it is nested deeper than 16"},
      {empty_objects, "is broken: it has more than 500000 values"},
      {"{\"a\":\"\xFF\"}", "is broken: no whole JSON"},
      {"[]", "is not what this call gives"},
      {"{}", "names no group"},
      {"<?xml version=\"1.0\"?><a/>",
       "is XML or a web page instead of JSON: something between changes the requests or answers "
       "in the UEM's place"},
  };
  for (const auto& [body, want] : kCases) {
    for (const Kind kind : {Kind::kCreateAppGroup, Kind::kGetAppGroup}) {
      const UemAnswer got = Read(Call(kind), body);
      EXPECT_EQ(got.status, absl::UnavailableError(
                                absl::StrCat("the UEM's answer to ", CallName(kind), " ", want)));
      EXPECT_EQ(got.effect_unknown, kind == Kind::kCreateAppGroup);
    }
  }
  EXPECT_EQ(Read(Call(Kind::kGetPhone), R"({"Uuid":"f","Platform":"Apple"})").status.message(),
            "the UEM's answer to get-phone is about another phone");
  EXPECT_EQ(Read(Call(Kind::kGetPhone), R"({"Uuid":"f","Platform":"WinRT"})").status.message(),
            "the UEM's answer to get-phone is not about a phone");
}

TEST(Ws1Answer, MoreRowsThanAPageCanHaveAreNotRead) {
  std::string rows = "[";
  for (int i = 0; i <= 1'000; ++i) absl::StrAppend(&rows, i > 0 ? "," : "", "{}");
  rows += "]";
  for (const auto& [kind, name] : {std::pair<Kind, std::string>{Kind::kListPhones, "Devices"},
                                   {Kind::kListApps, "app_items"},
                                   {Kind::kFindSmartGroup, "SmartGroups"},
                                   {Kind::kListMembers, "UsersList"}}) {
    EXPECT_EQ(Read(Call(kind), absl::StrCat("{\"", name, "\":", rows, "}")).status.code(),
              absl::StatusCode::kUnavailable)
        << name;
  }
}

TEST(Ws1Answer, ASimulatorSaysSo) {
  HttpResponse response = Answer(503);
  EXPECT_FALSE(ReadWs1Answer({}, Call(Kind::kListPhones), response, kNow).simulator);
  response.headers = {{"x-muster-simulator", "yes"}, {"Retry-After", "30"}};
  const UemAnswer got = ReadWs1Answer({}, Call(Kind::kListPhones), response, kNow);
  EXPECT_TRUE(got.simulator);
  EXPECT_EQ(got.limit.retry_at, kNow + absl::Seconds(30));
}

}  // namespace
}  // namespace muster::bridge
