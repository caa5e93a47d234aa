#include "cli/commands.h"
#include "cli/write_file.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

struct TokenArgs {
  v1::CreateTokenRequest request;
  std::string out;
};

absl::StatusOr<int> CreateToken(Session& s, const TokenArgs& args) {
  v1::CreateTokenResponse response;
  if (!args.request.bridge() && args.request.platform() == v1::Platform::UNSPECIFIED) {
    return absl::InvalidArgumentError("--platform is required, or --bridge");
  }
  MUSTER_RETURN_IF_ERROR(s.Call("CreateToken", args.request, &response));
  if (args.request.dry_run()) return s.Print(MessageJson(response.impact()));
  Json json = MessageJson(response);
  json.erase("impact");
  if (!args.out.empty()) {
    MUSTER_RETURN_IF_ERROR(WriteSecretFile(args.out, response.token() + "\n"));
    json.erase("token");
    json["token_file"] = args.out;
    return s.Print(json);
  }
  if (s.format != Format::kTable) return s.Print(json);
  s.out << response.token() << "\n";
  return 0;
}

void AddToken(CLI::App* noun, Session* session) {
  auto args = std::make_shared<TokenArgs>();
  CLI::App* verb =
      AddVerb(noun, session, "token", "A single-use token to enrol one device or bridge",
              [args](Session& s) { return CreateToken(s, *args); });
  CLI::Option* platform =
      AddEnum(verb, "--platform", "The device's platform", v1::Platform::Id_descriptor(),
              [args](int v) { args->request.set_platform(static_cast<v1::Platform::Id>(v)); });
  verb->add_flag_function(
          "--bridge", [args](int64_t) { args->request.set_bridge(true); },
          "For a bridge, which speaks for phones of every platform")
      ->excludes(platform);
  AddRequired(verb, "--owner", "Whose device it is (UPN)",
              [args](const std::string& v) { args->request.set_owner_upn(v); });
  AddDuration(verb, "--ttl", "How long the token can be used (default 1h, at most 7d)",
              [args](absl::Duration d) { *args->request.mutable_ttl() = ToProto(d); });
  AddOptional(verb, "--group", "The device's group; it cannot choose another",
              [args](const std::string& v) { args->request.set_group(v); });
  AddOptional(verb, "--out", "Write the token to this new file (mode 0600), not to the screen",
              [args](const std::string& v) { args->out = v; });
  AddDryRun(verb, [args](bool v) { args->request.set_dry_run(v); });
}

void AddRetire(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::RetireDeviceRequest>();
  CLI::App* verb =
      AddVerb(noun, session, "retire", "Take a device out of service; a bridge with its phones",
              [request](Session& s) -> absl::StatusOr<int> {
                v1::DeviceResponse response;
                MUSTER_RETURN_IF_ERROR(s.Call("RetireDevice", *request, &response));
                if (request->dry_run()) return s.Print(MessageJson(response.impact()));
                return s.Print(MessageJson(response.device()));
              });
  AddName(verb, "id", "Device id", [request](const std::string& v) { request->set_device_id(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddDeviceCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "device", "Enrolled phones and laptops");
  auto filter = std::make_shared<v1::ListDevicesRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Devices", "ListDevices", filter,
                               std::make_shared<v1::ListDevicesResponse>(),
                               {{"DEVICE", "device_id"},
                                {"STATE", "state"},
                                {"PLATFORM", "platform"},
                                {"HOSTNAME", "hostname"},
                                {"OWNER", "owner_upn"},
                                {"MODE", "mode"},
                                {"LAST SEEN", "last_seen_at"}});
  AddOptional(list, "--app", "Only devices that have this app installed",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(list, "--group", "Only devices of this group",
              [filter](const std::string& v) { filter->set_group(v); });
  list->add_flag_function(
      "--alarmed", [filter](int64_t) { filter->set_alarmed(true); },
      "Only devices with an alarm: see `device show`");

  list->add_flag_function(
      "--phones", [filter](int64_t) { filter->set_phones(true); },
      "Only phones that a bridge speaks for");
  AddOptional(list, "--bridge", "Only the phones of this bridge (device id)",
              [filter](const std::string& v) { filter->set_bridge_id(v); });

  auto get = std::make_shared<v1::GetDeviceRequest>();
  CLI::App* show = AddVerb(noun, session, "show", "One device: policy, persons, inventory",
                           [get](Session& s) -> absl::StatusOr<int> {
                             v1::DeviceView view;
                             MUSTER_RETURN_IF_ERROR(s.Call("GetDevice", *get, &view));
                             return s.Print(Lifted(MessageJson(view), "device"));
                           });
  AddName(show, "id", "Device id", [get](const std::string& v) { get->set_device_id(v); });
  AddRetire(noun, session);
  AddToken(noun, session);
}

}  // namespace muster::cli
