// Desktop entries (freedesktop.org, Desktop Entry Specification 1.5). Pure: any bytes in, values
// out; what is odd is left out, never fatal.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace muster::agent {

struct DesktopEntry {
  std::string name;
  std::string version;  // X-AppImage-Version
  std::string program;  // the first word of Exec, unquoted; "env" and its settings are skipped
  // Of a web app that a browser installed: the word after --app-id=; empty: none.
  std::string web_app_id;
  std::string web_app_url;  // the word after --app=; empty: none
  bool operator==(const DesktopEntry&) const = default;
};

// The group [Desktop Entry] alone, its untranslated keys, the first value of each. Without
// Type=Application everything is empty.
DesktopEntry ParseDesktopEntry(absl::string_view text);

}  // namespace muster::agent
