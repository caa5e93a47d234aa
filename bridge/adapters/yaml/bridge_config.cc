#include "bridge/adapters/yaml/bridge_config.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "bridge/adapters/yaml/config_reader.h"
#include "common/bridge_limits.h"
#include "common/fleet_limits.h"
#include "common/limits.h"

namespace muster::bridge {
namespace {

constexpr uint64_t kMostNumber = 1'000'000'000;

bool IsAnAppId(absl::string_view id) {
  return !id.empty() && id.size() <= limits::kMaxAppIdBytes && id.front() != '-' &&
         id.back() != '-' && std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-';
         });
}

// "host" and what follows it, of an authority that may have a port; "[::1]:8" too.
absl::string_view HostOfAuthority(absl::string_view authority) {
  if (absl::StartsWith(authority, "[")) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

bool IsThisMachine(absl::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// Secrets go to this URL: not in the clear, and none in the URL itself.
std::string ReadUrl(ConfigReader& in, absl::string_view key, bool base) {
  const std::string text = in.Text(key, true);
  if (text.empty()) return "";
  absl::string_view rest = text;
  const bool tls = absl::ConsumePrefix(&rest, "https://");
  if (!tls && !absl::ConsumePrefix(&rest, "http://")) {
    in.Fail(key, "must begin with https://");
    return "";
  }
  const absl::string_view authority = rest.substr(0, rest.find('/'));
  const absl::string_view host = HostOfAuthority(authority);
  if (host.empty() || absl::StrContains(authority, '@')) {
    in.Fail(key, "must name a host, and no user or password");
  } else if (!tls && !IsThisMachine(host)) {
    in.Fail(key, "must be https://: http:// goes to this machine only");
  } else if (text.find_first_of(" ?#\t") != std::string::npos) {
    in.Fail(key, "must have no blank, query or fragment");
  } else if (base && absl::StripSuffix(rest, "/") != authority) {
    in.Fail(key, "must be the host alone: the bridge adds /api/...");
  }
  return std::string(base ? absl::StripSuffix(text, "/") : absl::string_view(text));
}

void ReadUem(const ConfigNode& node, ConfigProblems* problems, BridgeConfig* out) {
  ConfigReader in(node, "uem", problems);
  in.Word("kind", {"workspace-one"});
  BridgeConfig::Uem& uem = out->uem;
  uem.url = ReadUrl(in, "url", true);
  uem.token_url = ReadUrl(in, "token_url", false);
  uem.client_id_file = in.Path("client_id_file", true);
  uem.client_secret_file = in.Path("client_secret_file", true);
  uem.tenant_code_file = in.Path("tenant_code_file", true);
  uem.ca_file = in.Path("ca_file", false);
  uem.organization_group = in.Number("organization_group", 0, 1, kMostNumber);
  if (uem.organization_group == 0) in.Fail("organization_group", "must be given: its number");
  uem.organization_group_uuid = in.Uuid("organization_group_uuid", false);
  uem.android_management =
      in.Word("android_management", {"unknown", "by-ownership", "by-ownership-cope"});
  uem.personal_apps = in.Word("personal_apps", {"by-ownership", "hidden"});
  PacerOptions& pace = out->pace;
  pace.per_minute = static_cast<uint32_t>(in.Number("per_minute", pace.per_minute, 1, kMostNumber));
  pace.per_day = in.Number("per_day", pace.per_day, 0, kMostNumber);
  pace.reserve_percent =
      static_cast<uint32_t>(in.Number("reserve_percent", pace.reserve_percent, 0, 90));
  pace.parallel =
      static_cast<uint32_t>(in.Number("parallel", pace.parallel, 1, limits::kMaxParallelUemCalls));
  in.Done();
}

ManagedApp ReadManagedApp(const ConfigNode& node, absl::string_view what, const std::string& app_id,
                          v1::Platform::Id platform, ConfigProblems* problems) {
  ConfigReader in(node, what, problems);
  ManagedApp app;
  app.app_id = app_id;
  app.platform = platform;
  const std::string kind = in.Word("kind", {"public", "purchased", "internal"});
  if (kind == "purchased") app.kind = ManagedApp::Kind::kPurchased;
  if (kind == "internal") app.kind = ManagedApp::Kind::kInternal;
  if (kind == "purchased") {
    app.uem_id = in.Uuid("id", true);
    if (platform != v1::Platform::IOS) in.Fail("kind", "purchased is for iOS only");
  } else {
    const uint64_t id = in.Number("id", 0, 1, kMostNumber);
    if (id == 0) in.Fail("id", "must be given: the app's number in the UEM");
    app.uem_id = absl::StrCat(id);
  }
  app.bundle_id = in.Text("bundle", true);
  if (app.bundle_id.size() > limits::kMaxPackageIdBytes) in.Fail("bundle", "is too long");
  in.Done();
  return app;
}

void ReadApp(const ConfigNode& node, ConfigProblems* problems, BridgeConfig* out) {
  ConfigReader in(node, "an app", problems);
  AppConfig app;
  app.app_id = in.Text("app", true);
  if (!app.app_id.empty() && !IsAnAppId(app.app_id)) {
    in.Fail("app", "must be the app's id in the catalogue: a-z, 0-9 and -");
  }
  const bool twice = std::any_of(out->apps.begin(), out->apps.end(), [&](const AppConfig& other) {
    return other.app_id == app.app_id;
  });
  if (twice) in.Fail("app", absl::StrCat("is there twice: ", app.app_id));
  if (const ConfigNode* ios = in.Map("ios", false)) {
    app.ios = ReadManagedApp(*ios, "ios", app.app_id, v1::Platform::IOS, problems);
  }
  if (const ConfigNode* android = in.Map("android", false)) {
    app.android = ReadManagedApp(*android, "android", app.app_id, v1::Platform::ANDROID, problems);
  }
  app.user_group = in.Uuid("user_group", false);
  const uint64_t number = in.Number("user_group_number", 0, 1, kMostNumber);
  if (number != 0 && app.user_group.empty()) {
    in.Fail("user_group_number", "is of use with 'user_group' alone");
  } else if (number != 0) {
    out->user_group_numbers[app.user_group] = number;
  }
  in.Done();
  out->apps.push_back(std::move(app));
}

void ReadApps(const ConfigNode& list, ConfigProblems* problems, BridgeConfig* out) {
  if (list.items.size() > limits::kMaxBridgeApps) {
    return problems->Add(list.line, list.column,
                         absl::StrCat("more than ", limits::kMaxBridgeApps, " apps"));
  }
  for (const ConfigNode& item : list.items) ReadApp(item, problems, out);
}

BridgeConfig::Files ReadFiles(ConfigReader& in, bool required) {
  BridgeConfig::Files files;
  files.certificate_file = in.Path("certificate_file", required);
  files.key_file = in.Path("key_file", required);
  if (files.certificate_file.empty() != files.key_file.empty()) {
    in.Fail(files.key_file.empty() ? "key_file" : "certificate_file",
            "must be given: a certificate and its key belong together");
  }
  return files;
}

bool SplitListen(const std::string& text, BridgeConfig::Hints* out) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65'535) return false;
  absl::string_view address = absl::string_view(text).substr(0, colon);
  if (absl::ConsumePrefix(&address, "[") != absl::ConsumeSuffix(&address, "]")) return false;
  const bool ip = !address.empty() && std::all_of(address.begin(), address.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == '.' || c == ':';
  });
  out->address = std::string(address);
  out->port = static_cast<int>(port);
  return ip;
}

void ReadHints(const ConfigNode& node, ConfigProblems* problems, BridgeConfig* out) {
  ConfigReader in(node, "hints", problems);
  BridgeConfig::Hints hints;
  const std::string listen = in.Text("listen", true);
  if (!listen.empty() && !SplitListen(listen, &hints)) {
    in.Fail("listen", "must be an IP address and a port, like 127.0.0.1:8447");
  }
  hints.user = in.Text("user", true);
  if (absl::StrContains(hints.user, ':')) in.Fail("user", "must have no colon");
  hints.password_file = in.Path("password_file", true);
  BridgeConfig::Files files = ReadFiles(in, false);
  const bool loopback = absl::StartsWith(hints.address, "127.") || hints.address == "::1";
  if (!files.certificate_file.empty()) {
    hints.tls = std::move(files);
  } else if (!loopback) {
    in.Fail("listen",
            "is no address of this machine alone: add certificate_file and key_file, or the "
            "password crosses the network in the clear");
  }
  in.Done();
  out->hints = std::move(hints);
}

}  // namespace

absl::StatusOr<BridgeConfig> ParseBridgeConfig(const std::string& file, absl::string_view text) {
  const auto root = ReadConfigDocument(file, text);
  if (!root.ok()) return root.status();
  ConfigProblems problems(file);
  ConfigReader in(*root, "the file", &problems);
  BridgeConfig out;
  if (const ConfigNode* uem = in.Map("uem", true)) ReadUem(*uem, &problems, &out);
  if (const ConfigNode* apps = in.List("apps")) ReadApps(*apps, &problems, &out);
  if (const ConfigNode* signing = in.Map("profile_signing", false)) {
    ConfigReader files(*signing, "profile_signing", &problems);
    out.profile_signing = ReadFiles(files, true);
    files.Done();
  }
  if (const ConfigNode* hints = in.Map("hints", false)) ReadHints(*hints, &problems, &out);
  out.list_every =
      in.Time("list_every", out.list_every, limits::kMinPhoneList, limits::kMaxPhoneList);
  out.sweep_every =
      in.Time("sweep_every", out.sweep_every, limits::kMinUemSweep, limits::kMaxUemSweep);
  in.Done();
  if (!problems.status().ok()) return problems.status();
  return out;
}

}  // namespace muster::bridge
