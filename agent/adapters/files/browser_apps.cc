#include "agent/adapters/files/browser_apps.h"

#include <dirent.h>

#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/domain/desktop_entry.h"
#include "agent/domain/inventory.h"
#include "agent/domain/web_apps.h"
#include "common/agent_limits.h"
#include "common/limits.h"

namespace muster::agent {
namespace {

// User data folders of Chromium's family, as Debian's or the vendors' packages, flatpaks and
// snaps place them.
constexpr const char* kChromiumFolders[] = {
    ".config/chromium",
    ".config/google-chrome",
    ".config/microsoft-edge",
    ".config/BraveSoftware/Brave-Browser",
    ".config/vivaldi",
    ".var/app/org.chromium.Chromium/config/chromium",
    ".var/app/com.google.Chrome/config/google-chrome",
    ".var/app/com.microsoft.Edge/config/microsoft-edge",
    ".var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser",
    "snap/chromium/common/chromium",
};
constexpr const char* kFirefoxFolders[] = {
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
};
constexpr char kResources[] = "Web Applications/Manifest Resources";

// Entries that a browser wrote for its web apps, by their id.
std::map<std::string, DesktopEntry> WebAppEntries(const Confined& home, ScanBudget& budget) {
  std::map<std::string, DesktopEntry> out;
  const Confined folder = home.Below(".local/share/applications");
  if (!folder.ok()) return out;
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type != DT_REG || !absl::EndsWith(entry.name, ".desktop")) continue;
    absl::StatusOr<std::string> text = folder.Read(entry.name, limits::kMaxDesktopEntryBytes);
    if (!text.ok()) continue;
    DesktopEntry parsed = ParseDesktopEntry(*text);
    if (parsed.web_app_id.empty() || out.size() >= limits::kMaxWebApps) continue;
    const std::string id = parsed.web_app_id;
    out.emplace(id, std::move(parsed));
  }
  return out;
}

void AddApps(const std::vector<WebApp>& apps, const Home& home, const std::string& profile,
             std::vector<v1::InventoryItem>& out) {
  for (const WebApp& app : apps) {
    const std::string& id = !app.host.empty() ? app.host : !app.name.empty() ? app.name : app.id;
    if (id.empty()) continue;
    v1::InventoryItem item = MakeItem(v1::Origin::WEB_APP, id, "");
    item.set_name(app.name);
    item.set_path(MakeItem(v1::Origin::WEB_APP, profile, "").package_id());
    item.set_account_name(home.account);
    out.push_back(std::move(item));
  }
}

using Parse = std::vector<WebApp> (*)(absl::string_view json);

// What a file of a profile says of web apps; nothing when there is none.
std::vector<WebApp> ReadApps(const Confined& profile, const std::string& name, Parse parse,
                             WebAppCache& cache) {
  const std::optional<struct stat> st = profile.Look(name);
  if (!st) return {};
  const std::string path = absl::StrCat(profile.path(), "/", name);
  if (const std::vector<WebApp>* known = cache.Find(path, StampOf(*st))) return *known;
  absl::StatusOr<std::string> text = profile.Read(name, limits::kMaxPreferencesBytes);
  if (!text.ok()) return {};
  std::vector<WebApp> apps = parse(*text);
  cache.Put(path, StampOf(*st), apps);
  return apps;
}

void ScanChromiumProfile(const Confined& profile, const Home& home,
                         const std::map<std::string, DesktopEntry>& entries, ScanBudget& budget,
                         WebAppCache& cache, std::vector<v1::InventoryItem>& out) {
  std::vector<WebApp> installed;
  if (const Confined resources = profile.Below(kResources); resources.ok()) {
    for (const Confined::Entry& entry : resources.List(budget)) {
      if (!IsChromiumAppId(entry.name) || installed.size() >= limits::kMaxWebApps) continue;
      WebApp app{entry.name, "", ""};
      if (const auto it = entries.find(entry.name); it != entries.end()) {
        app.name = it->second.name;
        app.host = HostOfUrl(it->second.web_app_url);
      }
      installed.push_back(std::move(app));
    }
  }
  AddApps(JoinWebApps(std::move(installed),
                      ReadApps(profile, "Preferences", ParseChromiumPreferences, cache)),
          home, profile.path(), out);
}

template <typename Each>  // (const Confined& profile)
void ForEachProfile(const Confined& home, const char* data, ScanBudget& budget, Each each) {
  const Confined folder = home.Below(data);
  if (!folder.ok()) return;
  size_t profiles = 0;
  for (const Confined::Entry& entry : folder.List(budget)) {
    if (entry.type != DT_DIR) continue;
    const Confined profile = folder.Below(entry.name);
    const bool chromium = profile.ok() && profile.Look("Preferences").has_value();
    const bool firefox = profile.ok() && profile.Look("prefs.js").has_value();
    if (!chromium && !firefox) continue;
    if (++profiles > limits::kMaxBrowserProfiles) return;
    each(profile);
  }
}

}  // namespace

const std::vector<WebApp>* WebAppCache::Find(const std::string& path,
                                             const FileStamp& stamp) const {
  const auto it = of_.find(path);
  return it != of_.end() && it->second.first == stamp ? &it->second.second : nullptr;
}

void WebAppCache::Put(const std::string& path, const FileStamp& stamp, std::vector<WebApp> apps) {
  if (of_.size() >= limits::kMaxBrowserProfiles * limits::kMaxHomes) of_.clear();
  of_[path] = {stamp, std::move(apps)};
}

void ScanBrowsers(const Home& home, ScanBudget& budget, WebAppCache& cache,
                  std::vector<v1::InventoryItem>& out) {
  std::map<std::string, DesktopEntry> entries;
  bool have_entries = false;
  for (const char* data : kChromiumFolders) {
    ForEachProfile(home.folder, data, budget, [&](const Confined& profile) {
      if (!std::exchange(have_entries, true)) entries = WebAppEntries(home.folder, budget);
      ScanChromiumProfile(profile, home, entries, budget, cache, out);
    });
  }
  for (const char* data : kFirefoxFolders) {
    ForEachProfile(home.folder, data, budget, [&](const Confined& profile) {
      AddApps(ReadApps(profile, "taskbartabs/taskbartabs.json", ParseTaskbarTabs, cache), home,
              profile.path(), out);
    });
  }
}

std::vector<std::string> BrowserFolders(const Confined& home, ScanBudget& budget) {
  std::vector<std::string> out;
  for (const char* data : kChromiumFolders) {
    ForEachProfile(home, data, budget, [&](const Confined& profile) {
      out.push_back(absl::StrCat(profile.path(), "/", kResources));
    });
  }
  for (const char* data : kFirefoxFolders) {
    ForEachProfile(home, data, budget, [&](const Confined& profile) {
      out.push_back(profile.path() + "/taskbartabs");
    });
  }
  return out;
}

}  // namespace muster::agent
