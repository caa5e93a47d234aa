#include "agent/domain/web_apps.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "agent/domain/json_paths.h"
#include "agent/domain/text.h"
#include "common/agent_limits.h"
#include "common/crypto.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

constexpr size_t kAppIdLetters = 32;

void Add(WebApp app, std::vector<WebApp>& out) {
  if (app.host.empty() && app.name.empty()) return;
  if (std::find(out.begin(), out.end(), app) != out.end()) return;
  if (out.size() < limits::kMaxWebApps) out.push_back(std::move(app));
}

// Values that belong together, by the key they stand below; bounded.
WebApp* Slot(std::map<std::string, WebApp>& of, const std::string& key) {
  const auto it = of.find(key);
  if (it != of.end()) return &it->second;
  return of.size() < limits::kMaxWebApps ? &of[key] : nullptr;
}

struct Preferences {
  std::map<std::string, WebApp> by_id;   // extensions.settings
  std::map<std::string, WebApp> by_url;  // web_apps.extension_ids
  std::vector<std::string> used;         // URLs of web_apps.daily_metrics
};

void ReadPreference(const JsonPath& path, const std::string& text, Preferences& out) {
  if (path.size() < 4) return;
  if (path[0] == "extensions" && path[1] == "settings" && IsChromiumAppId(path[2])) {
    if (path.size() == 5 && path[3] == "manifest" && path[4] == "name") {
      if (WebApp* app = Slot(out.by_id, path[2])) {
        app->name = CleanText(text, limits::kMaxNameBytes);
      }
    } else if (path.size() == 7 && path[3] == "manifest" && path[4] == "app" &&
               path[5] == "launch" && path[6] == "web_url") {
      if (WebApp* app = Slot(out.by_id, path[2])) app->host = HostOfUrl(text);
    }
    return;
  }
  if (path[0] != "web_apps" || path.size() != 4) return;
  if (path[1] == "extension_ids" && path[3] == "extension_id" && IsChromiumAppId(text)) {
    if (WebApp* app = Slot(out.by_url, path[2])) app->id = text;
  } else if (path[1] == "daily_metrics" && path[3] == "installed" && text == "true" &&
             out.used.size() < limits::kMaxWebApps) {
    out.used.push_back(path[2]);
  }
}

}  // namespace

std::string HostOfUrl(absl::string_view url) {
  if (!absl::ConsumePrefix(&url, "https://") && !absl::ConsumePrefix(&url, "http://")) return "";
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (const size_t at = url.find_last_of('@'); at != absl::string_view::npos) {
    url.remove_prefix(at + 1);
  }
  url = url.substr(0, url.find(':'));
  std::string host = absl::AsciiStrToLower(absl::StripSuffix(url, "."));
  const auto fits = [](char c) { return absl::ascii_isalnum(c) || c == '-' || c == '.'; };
  if (host.size() > limits::kMaxHostnameBytes || !std::all_of(host.begin(), host.end(), fits)) {
    return "";
  }
  return host;
}

std::string ChromiumAppId(absl::string_view start_url) {
  std::string out = Sha256Hex(start_url).substr(0, kAppIdLetters);
  for (char& c : out) c = static_cast<char>('a' + (c >= 'a' ? c - 'a' + 10 : c - '0'));
  return out;
}

bool IsChromiumAppId(absl::string_view text) {
  return text.size() == kAppIdLetters &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'p'; });
}

std::vector<WebApp> ParseChromiumPreferences(absl::string_view json) {
  Preferences found;
  ForEachJsonString(json, [&](const JsonPath& path, const std::string& text) {
    ReadPreference(path, text, found);
  });
  std::vector<WebApp> out;
  for (auto& [id, app] : found.by_id) {
    if (!app.host.empty()) Add({id, app.name, app.host}, out);
  }
  for (auto& [url, app] : found.by_url) Add({app.id, "", HostOfUrl(url)}, out);
  for (const std::string& url : found.used) Add({ChromiumAppId(url), "", HostOfUrl(url)}, out);
  return out;
}

std::vector<WebApp> ParseTaskbarTabs(absl::string_view json) {
  std::map<std::string, WebApp> found;
  ForEachJsonString(json, [&](const JsonPath& path, const std::string& text) {
    if (path.size() != 3 || path[0] != "taskbarTabs") return;
    WebApp* app = Slot(found, path[1]);
    if (app == nullptr) return;
    if (path[2] == "id") app->id = CleanText(text, limits::kMaxPackageIdBytes);
    if (path[2] == "name") app->name = CleanText(text, limits::kMaxNameBytes);
    if (path[2] == "startUrl") app->host = HostOfUrl(text);
  });
  std::vector<WebApp> out;
  for (auto& [place, app] : found) Add(std::move(app), out);
  return out;
}

std::vector<WebApp> JoinWebApps(std::vector<WebApp> installed, const std::vector<WebApp>& known) {
  std::vector<bool> claimed(known.size(), false);
  size_t without = 0;
  for (WebApp& app : installed) {
    for (size_t i = 0; i < known.size(); ++i) {
      if (app.id.empty() || known[i].id != app.id) continue;
      claimed[i] = true;
      if (app.host.empty()) app.host = known[i].host;
      if (app.name.empty()) app.name = known[i].name;
    }
    if (app.host.empty()) ++without;
  }
  std::vector<WebApp> left;
  for (size_t i = 0; i < known.size(); ++i) {
    if (claimed[i] || known[i].host.empty()) continue;
    const auto same_host = [&](const WebApp& a) { return a.host == known[i].host; };
    if (std::any_of(installed.begin(), installed.end(), same_host)) continue;
    if (std::none_of(left.begin(), left.end(), same_host)) left.push_back(known[i]);
  }
  if (without == 1 && left.size() == 1) {
    for (WebApp& app : installed) {
      if (app.host.empty()) app.host = left[0].host;
    }
    return installed;
  }
  for (WebApp& app : left) {
    app.id.clear();
    installed.push_back(std::move(app));
  }
  return installed;
}

}  // namespace muster::agent
