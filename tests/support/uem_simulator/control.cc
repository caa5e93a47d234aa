// The server's own paths, no part of any UEM: what a story or a test does from outside.
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/support/uem_simulator/message.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::uemsim {
namespace {

using Facts = v1::PhoneFacts;

std::string TextAt(const Json& json, const char* name, const std::string& otherwise = "") {
  return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : otherwise;
}

bool FlagAt(const Json& json, const char* name, bool otherwise) {
  return json.contains(name) && json[name].is_boolean() ? json[name].get<bool>() : otherwise;
}

std::vector<std::string> TextsAt(const Json& json, const char* name) {
  std::vector<std::string> out;
  if (!json.contains(name)) return out;
  for (const Json& each : json[name]) {
    if (each.is_string()) out.push_back(each.get<std::string>());
  }
  return out;
}

// INVALID_ARGUMENT: no such word.
absl::StatusOr<Facts::Management> ManagementOf(const std::string& word) {
  Facts::Management management;
  if (!Facts::Management_Parse(word, &management)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "management is ", word, ", not SUPERVISED, UNSUPERVISED, USER_ENROLLED, DEVICE_OWNER, ",
        "COMPANY_WORK_PROFILE or PERSONAL_WORK_PROFILE"));
  }
  return management;
}

absl::StatusOr<v1::Platform::Id> PlatformOf(const Json& json) {
  const std::string word = TextAt(json, "platform", "IOS");
  if (word == "IOS") return v1::Platform::IOS;
  if (word == "ANDROID") return v1::Platform::ANDROID;
  return absl::InvalidArgumentError(absl::StrCat("platform is ", word, ", not IOS or ANDROID"));
}

absl::StatusOr<SimPhone> PhoneOf(const Json& json) {
  SimPhone phone = {.uuid = TextAt(json, "uuid"),
                    .user = TextAt(json, "user"),
                    .name = TextAt(json, "name"),
                    .serial = TextAt(json, "serial"),
                    .apps = TextsAt(json, "apps")};
  MUSTER_ASSIGN_OR_RETURN(phone.platform, PlatformOf(json));
  const bool ios = phone.platform == v1::Platform::IOS;
  MUSTER_ASSIGN_OR_RETURN(
      phone.management,
      ManagementOf(TextAt(json, "management", ios ? "SUPERVISED" : "DEVICE_OWNER")));
  phone.online = FlagAt(json, "online", true);
  phone.personal_apps_hidden = FlagAt(json, "personal_apps_hidden", false);
  return phone;
}

absl::StatusOr<SimManagedApp> ManagedAppOf(const Json& json) {
  using Kind = bridge::ManagedApp::Kind;
  SimManagedApp app = {.uuid = TextAt(json, "uuid"),
                       .bundle_id = TextAt(json, "bundle_id"),
                       .name = TextAt(json, "name"),
                       .version = TextAt(json, "version", "1.0")};
  if (json.contains("id") && json["id"].is_number_unsigned()) app.id = json["id"].get<uint64_t>();
  const std::string kind = TextAt(json, "kind", "public");
  if (kind != "public" && kind != "purchased" && kind != "internal") {
    return absl::InvalidArgumentError("kind is not public, purchased or internal");
  }
  if (kind == "purchased") app.kind = Kind::kPurchased;
  if (kind == "internal") app.kind = Kind::kInternal;
  if (app.bundle_id.empty()) return absl::InvalidArgumentError("bundle_id is needed");
  MUSTER_ASSIGN_OR_RETURN(app.platform, PlatformOf(json));
  app.assigned_to_all = FlagAt(json, "assigned_to_all", false);
  app.removable = FlagAt(json, "removable", true);
  return app;
}

SimUserGroup UserGroupOf(const Json& json) {
  return {.uuid = TextAt(json, "uuid"),
          .name = TextAt(json, "name"),
          .members = TextsAt(json, "members"),
          .by_scim = FlagAt(json, "by_scim", false)};
}

Json TruthJson(const PhoneTruth& phone) {
  Json apps = Json::array(), profiles = Json::array();
  for (const TrueApp& app : phone.apps) {
    apps.push_back({{"bundle_id", app.bundle_id},
                    {"version", app.version},
                    {"managed", app.managed},
                    {"hidden", app.hidden}});
  }
  for (const TrueProfile& profile : phone.profiles) {
    profiles.push_back({{"identifier", profile.identifier},
                        {"sha256", profile.sha256},
                        {"blocked_bundle_ids", profile.blocked_bundle_ids},
                        {"denied_urls", profile.denied_urls},
                        {"removal_disallowed", profile.removal_disallowed},
                        {"signed", profile.is_signed}});
  }
  return {{"uuid", phone.uuid},
          {"user", phone.user},
          {"enrolled", phone.enrolled},
          {"online", phone.online},
          {"last_seen", TimeText(phone.last_seen, true)},
          {"sampled_at", TimeText(phone.sampled_at, true)},
          {"apps", std::move(apps)},
          {"profiles", std::move(profiles)},
          {"queue", phone.queue}};
}

Json CallsJson(const std::vector<CallRecord>& calls) {
  Json list = Json::array();
  for (const CallRecord& call : calls) {
    list.push_back({{"sequence", call.sequence},
                    {"at", TimeText(call.at, true)},
                    {"method", call.method},
                    {"target", call.target},
                    {"status", call.status},
                    {"fault", std::string(FaultName(call.fault))},
                    {"effect", call.effect},
                    {"redundant", call.redundant}});
  }
  return list;
}

bridge::HttpResponse Answer(int status, const Json& body) {
  return {.status = status,
          .headers = {{"X-Muster-Simulator", "yes"}, {"Content-Type", "application/json"}},
          .body = body.dump() + "\n"};
}

bridge::HttpResponse Answered(const absl::Status& status, const Json& body = {{"done", true}}) {
  if (status.ok()) return Answer(200, body);
  const int code = absl::IsNotFound(status) ? 404 : absl::IsInvalidArgument(status) ? 400 : 409;
  return Answer(code, {{"error", std::string(status.message())}});
}

// What a person does with one phone: /simulator/phones/UUID/VERB.
absl::Status PhoneVerb(Simulator* simulator, const std::string& uuid, const std::string& verb,
                       const Json& body) {
  if (verb == "install") {
    return simulator->InstallByPerson(uuid, TextAt(body, "bundle_id"),
                                      TextAt(body, "version", "1.0"));
  }
  if (verb == "install-managed") {
    return simulator->InstallByAgency(uuid, TextAt(body, "bundle_id"),
                                      TextAt(body, "version", "1.0"));
  }
  if (verb == "remove") return simulator->RemoveByPerson(uuid, TextAt(body, "bundle_id"));
  if (verb == "remove-profile") {
    return simulator->RemoveProfileByPerson(uuid, TextAt(body, "identifier"));
  }
  if (verb == "online") return simulator->SetOnline(uuid, FlagAt(body, "online", true));
  if (verb == "unenroll") return simulator->Unenroll(uuid);
  if (verb == "delete") return simulator->Delete(uuid);
  if (verb == "reenroll") {
    MUSTER_ASSIGN_OR_RETURN(auto management, ManagementOf(TextAt(body, "management")));
    return simulator->ReEnroll(uuid, management);
  }
  return absl::NotFoundError(absl::StrCat("no such deed: ", verb));
}

absl::Status PlanFault(Simulator* simulator, const Json& body) {
  const std::string name = TextAt(body, "fault");
  const uint32_t count = body.value("count", Json(1)).is_number_unsigned()
                             ? body.value("count", Json(1)).get<uint32_t>()
                             : 1;
  for (size_t i = 1; i < kFaultKinds; ++i) {
    const Fault fault = static_cast<Fault>(i);
    if (FaultName(fault) != absl::string_view(name)) continue;
    simulator->FailNext(fault, count, TextAt(body, "path"));
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("no such fault: ", name));
}

bridge::HttpResponse Post(Simulator* simulator, const Call& call, const std::string& what) {
  const Json& body = call.json;
  const auto& path = call.segments;
  if (path.size() == 4 && what == "phones") {
    return Answered(PhoneVerb(simulator, path[2], path[3], body));
  }
  if (path.size() == 4 && what == "user-groups" && path[3] == "directory") {
    return Answered(simulator->SetDirectory(path[2], TextsAt(body, "members")));
  }
  if (path.size() == 2 && what == "phones") {
    const auto phone = PhoneOf(body);
    if (!phone.ok()) return Answered(phone.status());
    return Answer(200, {{"uuid", simulator->AddPhone(*phone)}});
  }
  if (path.size() == 2 && what == "managed-apps") {
    const auto app = ManagedAppOf(body);
    if (!app.ok()) return Answered(app.status());
    return Answer(200, {{"id", simulator->AddManagedApp(*app)}});
  }
  if (path.size() == 2 && what == "user-groups") {
    return Answer(200, {{"uuid", simulator->AddUserGroup(UserGroupOf(body))}});
  }
  if (path.size() == 2 && what == "faults") return Answered(PlanFault(simulator, body));
  return Answered(absl::NotFoundError("no such control path"));
}

}  // namespace

bridge::HttpResponse Simulator::Control(const bridge::HttpRequest& request) {
  const Call call = ParseCall(request, clock_->Now());
  const auto& path = call.segments;
  const std::string what = path.size() > 1 ? path[1] : "";
  if (call.method == "POST") {
    if (!call.json.is_object()) return Answered(absl::InvalidArgumentError("a JSON object"));
    return Post(this, call, what);
  }
  if (call.method != "GET") return Answered(absl::NotFoundError("GET and POST only"));
  if (path.size() == 3 && what == "phones") {
    const auto phone = Phone(path[2]);
    return phone.ok() ? Answer(200, TruthJson(*phone)) : Answered(phone.status());
  }
  if (path.size() == 2 && what == "phones") {
    Json list = Json::array();
    for (const PhoneTruth& phone : Phones()) list.push_back(TruthJson(phone));
    return Answer(200, list);
  }
  if (path.size() == 2 && what == "calls") return Answer(200, CallsJson(Calls()));
  if (path.size() == 4 && what == "user-groups" && path[3] == "members") {
    return Answer(200, Members(path[2]));
  }
  return Answered(absl::NotFoundError("no such control path"));
}

absl::Status Simulator::LoadWorld(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("the world is no JSON object");
  for (const auto& [name, list] : json.items()) {
    if (!list.is_array()) return absl::InvalidArgumentError(absl::StrCat(name, " is no list"));
    for (const Json& each : list) {
      if (name == "phones" && each.is_object()) {
        MUSTER_ASSIGN_OR_RETURN(SimPhone phone, PhoneOf(each));
        AddPhone(phone);
      } else if (name == "managed_apps" && each.is_object()) {
        MUSTER_ASSIGN_OR_RETURN(SimManagedApp app, ManagedAppOf(each));
        AddManagedApp(app);
      } else if (name == "user_groups" && each.is_object()) {
        AddUserGroup(UserGroupOf(each));
      } else if (name == "event_rules" && each.is_object()) {
        MUSTER_RETURN_IF_ERROR(AddEventRule(each.dump()));
      } else if (name == "users" && each.is_string()) {
        AddUser(each.get<std::string>());
      } else {
        return absl::InvalidArgumentError(absl::StrCat(name, ": nothing that a world has"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace muster::uemsim
