// Managed policy of Firefox: policies.json.
#include "absl/strings/str_cat.h"
#include "controller/domain/native/browser_file.h"

namespace muster::native {

// A match pattern that covers the host and everything below it, at every port. Firefox reads the
// member "policies" alone: what is beside it is for whoever else reads the file.
absl::StatusOr<NativeFile> Firefox(const NativeInput& in) {
  absl::StatusOr<BrowserHosts> hosts = HostsForBrowsers(in);
  if (!hosts.ok()) return hosts.status();
  nlohmann::ordered_json block = nlohmann::ordered_json::array();
  for (const std::string& host : hosts->hosts) block.push_back(absl::StrCat("*://*.", host, "/*"));
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  root["muster"] = Provenance(in);
  root["policies"]["WebsiteFilter"]["Block"] = std::move(block);
  NativeFile out;
  out.bytes = JsonText(root);
  out.media_type = "application/json";
  out.notes = std::move(hosts->notes);
  out.notes.push_back(
      "Stops navigation in Firefox 60 and later; Firefox reads the file when it starts, another "
      "browser and the app itself are not stopped.");
  out.notes.push_back(
      "There is one policies.json: policies of your own belong into the same file, beside "
      "WebsiteFilter.");
  return out;
}

}  // namespace muster::native
