// Managed policy of Chromium, Chrome and Edge: one file of their policy directory.
#include "controller/domain/native/browser_file.h"

namespace muster::native {

// A bare host blocks itself and everything below it; `*.host` and `https://host/*` would be
// ignored in silence. A policy name that the browser does not know is an error row in
// chrome://policy; "3rdparty" is for whoever else reads the file, and shows nowhere (seen with
// 156).
absl::StatusOr<NativeFile> Chromium(const NativeInput& in) {
  absl::StatusOr<BrowserHosts> hosts = HostsForBrowsers(in);
  if (!hosts.ok()) return hosts.status();
  nlohmann::ordered_json policy = nlohmann::ordered_json::object();
  policy["3rdparty"]["muster"]["policy"] = Provenance(in);
  policy["URLBlocklist"] = hosts->hosts;
  NativeFile out;
  out.bytes = JsonText(policy);
  out.media_type = "application/json";
  out.notes = std::move(hosts->notes);
  out.notes.push_back(
      "Stops navigation in Chromium, Chrome and Edge; not a page that is open already, another "
      "browser or the app itself.");
  out.notes.push_back(
      "The browser reads every file of its policy directory, and of two with a URLBlocklist the "
      "last by name, whole: name this one zz-muster.json, write it elsewhere and rename it.");
  return out;
}

}  // namespace muster::native
