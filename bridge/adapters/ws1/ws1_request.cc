#include "bridge/adapters/ws1/ws1_request.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bridge/adapters/ws1/install_profile.h"
#include "bridge/adapters/ws1/ws1_json.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;

constexpr char kDevices[] = "/api/mdm/devices";

absl::Status Lacks(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the call to the UEM lacks ", what));
}

Ws1Request ListPhones(const Ws1Options& options, uint32_t page) {
  // Without an order the pages of two requests would not be of one list.
  return {"GET",
          absl::StrCat(kDevices, "/search",
                       UrlQuery({{"lgid", absl::StrCat(options.organization_group)},
                                 {"orderby", "deviceid"},
                                 {"sortorder", "ASC"},
                                 {"page", absl::StrCat(page)},
                                 {"pagesize", absl::StrCat(kWs1Phones)}})),
          1, ""};
}

// By number where it is known: that answer has the fields of the list.
absl::StatusOr<Ws1Request> GetPhone(const UemPhone& phone) {
  if (phone.number != 0) {
    return Ws1Request{"GET", absl::StrCat(kDevices, "/", phone.number), 1, ""};
  }
  if (phone.identity.uem_id().empty()) return Lacks("the phone's id");
  return Ws1Request{"GET", absl::StrCat(kDevices, "/", EscapeUrl(phone.identity.uem_id())), 3, ""};
}

absl::StatusOr<Ws1Request> ListApps(const UemCall& call) {
  if (call.phone.identity.uem_id().empty()) return Lacks("the phone's id");
  return Ws1Request{
      "GET",
      absl::StrCat(kDevices, "/", EscapeUrl(call.phone.identity.uem_id()), "/apps/search",
                   UrlQuery({{"sortorder", "ASC"},
                             {"page", absl::StrCat(call.page)},
                             {"pagesize", absl::StrCat(kWs1Apps)}})),
      1, ""};
}

absl::StatusOr<Ws1Request> GetApp(const UemCall& call) {
  if (call.phone.identity.uem_id().empty()) return Lacks("the phone's id");
  if (call.app.bundle_id.empty()) return Lacks("the app's bundle id");
  return Ws1Request{"GET",
                    absl::StrCat(kDevices, "/", EscapeUrl(call.phone.identity.uem_id()), "/apps",
                                 UrlQuery({{"bundleid", call.app.bundle_id}})),
                    1, ""};
}

// One of the ids that the older calls take.
Json PhoneInBody(const UemPhone& phone) {
  if (phone.number != 0) return {{"DeviceId", phone.number}};
  if (!phone.udid.empty()) return {{"Udid", phone.udid}};
  if (!phone.identity.serial().empty()) return {{"SerialNumber", phone.identity.serial()}};
  return Json();
}

absl::StatusOr<Ws1Request> InstallOrRemove(const UemCall& call, absl::string_view verb) {
  if (call.app.uem_id.empty()) return Lacks("the app's id in the UEM");
  // Apps bought through Apple have a UUID and take the newer call.
  const bool purchased = call.app.kind == ManagedApp::Kind::kPurchased;
  if (purchased && call.phone.identity.uem_id().empty()) return Lacks("the phone's id");
  const Json body =
      purchased ? Json{{"device_uuid", call.phone.identity.uem_id()}} : PhoneInBody(call.phone);
  if (body.is_null()) return Lacks("a number, UDID or serial of the phone");
  return Ws1Request{"POST",
                    absl::StrCat("/api/mam/apps/", Ws1AppKind(call.app.kind), "/",
                                 EscapeUrl(call.app.uem_id), "/", verb),
                    purchased ? 2 : 1, body.dump()};
}

absl::StatusOr<Ws1Request> Command(const UemPhone& phone, absl::string_view command,
                                   const Json& body) {
  std::string target;
  if (phone.number != 0) {
    target = absl::StrCat(kDevices, "/", phone.number, "/commands",
                          UrlQuery({{"command", std::string(command)}}));
  } else if (!phone.identity.uem_id().empty()) {
    target = absl::StrCat(kDevices, "/commands",
                          UrlQuery({{"command", std::string(command)},
                                    {"searchby", "Uuid"},
                                    {"id", phone.identity.uem_id()}}));
  } else {
    return Lacks("the phone's id");
  }
  return Ws1Request{"POST", std::move(target), 1, body.is_null() ? "" : body.dump()};
}

absl::StatusOr<Ws1Request> InstallProfile(const UemCall& call) {
  if (call.phone.identity.platform() != v1::Platform::IOS) {
    return absl::InvalidArgumentError("only an Apple device takes a configuration profile");
  }
  if (call.payload.empty()) return Lacks("the profile");
  return Command(call.phone, "CustomMdmCommand",
                 Json{{"CommandXml", InstallProfileCommand(call.payload)}});
}

}  // namespace

std::string EscapeUrl(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      absl::StrAppend(&out, "%",
                      absl::AsciiStrToUpper(
                          absl::StrCat(absl::Hex(static_cast<unsigned>(byte), absl::kZeroPad2))));
    }
  }
  return out;
}

std::string UrlQuery(const std::vector<std::pair<absl::string_view, std::string>>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&out, out.empty() ? "?" : "&", name, "=", EscapeUrl(value));
  }
  return out;
}

absl::string_view Ws1AppKind(ManagedApp::Kind kind) {
  switch (kind) {
    case ManagedApp::Kind::kPublic:
      return "public";
    case ManagedApp::Kind::kPurchased:
      return "purchased";
    case ManagedApp::Kind::kInternal:
      return "internal";
  }
  return "public";
}

absl::StatusOr<Ws1Request> MakeWs1Request(const Ws1Options& options, const UemCall& call) {
  switch (call.kind) {
    case Kind::kListPhones:
      return ListPhones(options, call.page);
    case Kind::kGetPhone:
      return GetPhone(call.phone);
    case Kind::kListApps:
      return ListApps(call);
    case Kind::kGetApp:
      return GetApp(call);
    case Kind::kInstallApp:
      return InstallOrRemove(call, "install");
    case Kind::kRemoveApp:
      return InstallOrRemove(call, "uninstall");
    case Kind::kInstallProfile:
      return InstallProfile(call);
    case Kind::kQueryPhone:
      return Command(call.phone, "DeviceQuery", Json());
    case Kind::kFindAppGroup:
    case Kind::kGetAppGroup:
    case Kind::kCreateAppGroup:
    case Kind::kAddToAppGroup:
    case Kind::kRemoveFromAppGroup:
    case Kind::kFindSmartGroup:
    case Kind::kGetSmartGroup:
    case Kind::kCreateSmartGroup:
    case Kind::kChangeSmartGroup:
    case Kind::kAssignApp:
    case Kind::kListMembers:
    case Kind::kSyncUserGroup:
    case Kind::kAddMissingUsers:
      return MakeWs1GroupRequest(options, call);
  }
  return absl::InvalidArgumentError("no such call");
}

}  // namespace muster::bridge
