#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/adapters/ws1/ws1_json.h"
#include "bridge/adapters/ws1/ws1_request.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

constexpr char kAppGroups[] = "/api/mam/apps/appgroups";
constexpr char kSmartGroups[] = "/api/mdm/smartgroups";
constexpr char kUserGroups[] = "/api/system/user-groups/";
constexpr char kGroupType[] = "Blacklist";

absl::Status GroupLacks(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the group in the call to the UEM lacks ", what));
}

absl::StatusOr<std::string> PlatformName(v1::Platform::Id platform) {
  if (platform == v1::Platform::IOS) return std::string("Apple");
  if (platform == v1::Platform::ANDROID) return std::string("Android");
  return absl::InvalidArgumentError("an application group is for iOS or Android");
}

// The first page goes without a number: nothing says what this search counts from.
absl::StatusOr<Ws1Request> FindAppGroup(const Ws1Options& options, const UemCall& call) {
  if (call.group.name.empty()) return GroupLacks("a name");
  auto platform = PlatformName(call.group.platform);
  if (!platform.ok()) return platform.status();
  std::vector<std::pair<absl::string_view, std::string>> query = {
      {"appgroupname", call.group.name},
      {"organizationgroupid", absl::StrCat(options.organization_group)},
      {"platform", *std::move(platform)},
      {"appgrouptype", kGroupType}};
  if (call.page > 0) query.emplace_back("page", absl::StrCat(call.page));
  return Ws1Request{"GET", absl::StrCat(kAppGroups, "/search", UrlQuery(query)), 1, ""};
}

absl::StatusOr<Json> AppsInBody(const UemGroup& group) {
  if (group.bundle_ids.empty()) return GroupLacks("an app");
  Json apps = Json::array();
  for (const std::string& id : group.bundle_ids) {
    apps.push_back({{"Name", id}, {"BundleId", id}});
  }
  return apps;
}

absl::StatusOr<Ws1Request> CreateAppGroup(const Ws1Options& options, const UemCall& call) {
  if (call.group.name.empty()) return GroupLacks("a name");
  auto platform = PlatformName(call.group.platform);
  if (!platform.ok()) return platform.status();
  auto apps = AppsInBody(call.group);
  if (!apps.ok()) return apps.status();
  const std::string organization = absl::StrCat(options.organization_group);
  const Json body = {{"Name", call.group.name},
                     {"Platform", *platform},
                     {"AppGroupType", kGroupType},
                     {"ManagedByOrganizationGroupID", organization},
                     {"OrganizationGroups", Json::array({{{"Id", organization}}})},
                     {"Applications", *std::move(apps)}};
  return Ws1Request{"POST", kAppGroups, 1, body.dump()};
}

absl::StatusOr<Ws1Request> ChangeAppGroup(const UemCall& call, std::string method) {
  if (call.group.id.empty()) return GroupLacks("its id");
  auto apps = AppsInBody(call.group);
  if (!apps.ok()) return apps.status();
  return Ws1Request{std::move(method),
                    absl::StrCat(kAppGroups, "/", EscapeUrl(call.group.id), "/applications"), 1,
                    Json{{"Applications", *std::move(apps)}}.dump()};
}

absl::StatusOr<Ws1Request> FindSmartGroup(const Ws1Options& options, const UemCall& call) {
  if (call.group.name.empty()) return GroupLacks("a name");
  return Ws1Request{
      "GET",
      absl::StrCat(kSmartGroups, "/search",
                   UrlQuery({{"name", call.group.name},
                             {"organizationgroupid", absl::StrCat(options.organization_group)},
                             {"orderby", "smartgroupid"},
                             {"sortorder", "ASC"},
                             {"page", absl::StrCat(call.page)},
                             {"pagesize", "500"}})),
      1, ""};
}

absl::StatusOr<Ws1Request> GetById(absl::string_view base, const UemCall& call) {
  if (call.group.id.empty()) return GroupLacks("its id");
  return Ws1Request{"GET", absl::StrCat(base, "/", EscapeUrl(call.group.id)), 1, ""};
}

Json GroupsInBody(const Ws1Options& options, const std::vector<std::string>& uuids) {
  Json out = Json::array();
  for (const std::string& uuid : uuids) {
    const auto number = options.user_group_numbers.find(uuid);
    out.push_back(
        {{"Id", number == options.user_group_numbers.end() ? uuid : absl::StrCat(number->second)}});
  }
  return out;
}

absl::StatusOr<Ws1Request> CreateSmartGroup(const Ws1Options& options, const UemCall& call) {
  if (call.group.name.empty()) return GroupLacks("a name");
  // Without any it would hold every phone of the organization group.
  if (call.group.user_groups.empty()) return GroupLacks("a user group");
  Json body = {{"Name", call.group.name},
               {"CriteriaType", "All"},
               {"ManagedByOrganizationGroupId", absl::StrCat(options.organization_group)},
               {"UserGroups", GroupsInBody(options, call.group.user_groups)}};
  if (!call.group.user_group_exclusions.empty()) {
    body["UserGroupExclusions"] = GroupsInBody(options, call.group.user_group_exclusions);
  }
  return Ws1Request{"POST", kSmartGroups, 1, body.dump()};
}

// The one request that adds without replacing what is there.
absl::StatusOr<Ws1Request> ChangeSmartGroup(const UemCall& call) {
  if (call.group.uuid.empty()) return GroupLacks("its UUID");
  if (!call.group.user_group_exclusions.empty()) {
    return absl::InvalidArgumentError(
        "the UEM has no request that adds exclusions to a smart group; set them in its console");
  }
  if (call.group.user_groups.empty()) return GroupLacks("a user group");
  const Json body = Json::array({{{"op", "add"},
                                  {"path", "/smartGroupsOperationsV2/userGroups"},
                                  {"value", absl::StrJoin(call.group.user_groups, ", ")}}});
  return Ws1Request{"PATCH", absl::StrCat(kSmartGroups, "/", EscapeUrl(call.group.uuid)), 2,
                    body.dump()};
}

absl::StatusOr<Ws1Request> AssignApp(const UemCall& call) {
  if (call.app.uem_id.empty()) return GroupLacks("the app's id in the UEM");
  if (call.group.id.empty()) return GroupLacks("its id");
  if (call.app.kind == ManagedApp::Kind::kPurchased) {
    return absl::InvalidArgumentError(
        "no known request assigns a purchased app to a smart group; assign it in the UEM's "
        "console");
  }
  return Ws1Request{
      "POST",
      absl::StrCat("/api/mam/apps/", Ws1AppKind(call.app.kind), "/", EscapeUrl(call.app.uem_id),
                   "/smartgroups/", EscapeUrl(call.group.id)),
      1, ""};
}

absl::StatusOr<Ws1Request> UserGroup(const UemCall& call, std::string method,
                                     absl::string_view rest) {
  if (call.group.uuid.empty()) return GroupLacks("the user group's UUID");
  return Ws1Request{std::move(method), absl::StrCat(kUserGroups, EscapeUrl(call.group.uuid), rest),
                    1, ""};
}

}  // namespace

absl::StatusOr<Ws1Request> MakeWs1GroupRequest(const Ws1Options& options, const UemCall& call) {
  switch (call.kind) {
    case Kind::kFindAppGroup:
      return FindAppGroup(options, call);
    case Kind::kGetAppGroup:
      return GetById(kAppGroups, call);
    case Kind::kCreateAppGroup:
      return CreateAppGroup(options, call);
    case Kind::kAddToAppGroup:
      return ChangeAppGroup(call, "POST");
    case Kind::kRemoveFromAppGroup:
      return ChangeAppGroup(call, "DELETE");
    case Kind::kFindSmartGroup:
      return FindSmartGroup(options, call);
    case Kind::kGetSmartGroup:
      return GetById(kSmartGroups, call);
    case Kind::kCreateSmartGroup:
      return CreateSmartGroup(options, call);
    case Kind::kChangeSmartGroup:
      return ChangeSmartGroup(call);
    case Kind::kAssignApp:
      return AssignApp(call);
    case Kind::kListMembers:  // the one list that begins with page 1
      return UserGroup(
          call, "GET",
          absl::StrCat("/members", UrlQuery({{"page", absl::StrCat(uint64_t{call.page} + 1)},
                                             {"page_size", absl::StrCat(kWs1Members)}})));
    case Kind::kSyncUserGroup:
      return UserGroup(call, "POST", "/actions/sync");
    case Kind::kAddMissingUsers:
      return UserGroup(call, "POST", "/actions/add-missing-users");
    case Kind::kListPhones:
    case Kind::kGetPhone:
    case Kind::kListApps:
    case Kind::kGetApp:
    case Kind::kInstallApp:
    case Kind::kRemoveApp:
    case Kind::kInstallProfile:
    case Kind::kQueryPhone:
      break;
  }
  return absl::InvalidArgumentError("no call about a group");
}

}  // namespace muster::bridge
