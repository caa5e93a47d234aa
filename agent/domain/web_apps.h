// Sites that a browser installed as apps, from the browsers' own files. Pure: any bytes in,
// values out; what is damaged or too deep gives what was read before it.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct WebApp {
  std::string id;    // Chromium's: 32 letters a to p; Firefox's: a UUID; empty: not known
  std::string name;  // as the browser shows it; empty: not known
  std::string host;  // of the start page, lowercase; empty: not known
  bool operator==(const WebApp&) const = default;
};

// "web.whatsapp.com" of "https://web.whatsapp.com:443/?x"; empty: no http(s) URL with a host.
std::string HostOfUrl(absl::string_view url);

// The id that Chromium gives a web app whose manifest states none of its own
// (web_app_helpers.h, GenerateAppId).
std::string ChromiumAppId(absl::string_view start_url);
bool IsChromiumAppId(absl::string_view text);

// A profile's "Preferences": bookmark apps with manifest (extensions.settings), apps that policy
// or the vendor installed (web_apps.extension_ids) and apps with metrics of use
// (web_apps.daily_metrics), at most limits::kMaxWebApps.
std::vector<WebApp> ParseChromiumPreferences(absl::string_view json);

// A profile's taskbartabs/taskbartabs.json.
std::vector<WebApp> ParseTaskbarTabs(absl::string_view json);

// Gives each app in `installed` what `known` says of it: by id; and a single app that is left
// without a host the single host that is left. Hosts that belong to none of `installed` come
// last: the browser says that they are installed too.
std::vector<WebApp> JoinWebApps(std::vector<WebApp> installed, const std::vector<WebApp>& known);

}  // namespace muster::agent
