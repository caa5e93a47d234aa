#include "controller/domain/native/browser_file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"
#include "controller/domain/native/phone_file.h"

namespace muster::native {

absl::StatusOr<BrowserHosts> HostsForBrowsers(const NativeInput& in) {
  BrowserHosts out;
  out.hosts = PlainHosts(in, &out.notes);
  if (out.hosts.empty()) {
    return absl::InvalidArgumentError(
        "no app with a web client is blocked: a file without entries would open what is closed "
        "now, so none is made; to lift the block, take the old file away");
  }
  if (out.hosts.size() > limits::kMaxBrowserPatterns) {
    out.notes.push_back(absl::StrCat(out.hosts.size() - limits::kMaxBrowserPatterns,
                                     " hosts of web clients are not blocked: browsers read only ",
                                     limits::kMaxBrowserPatterns, " entries."));
    out.hosts.resize(limits::kMaxBrowserPatterns);
  }
  std::vector<std::string> unknown;
  for (const Ruling& ruling : in.rulings) {
    if (ruling.blocked() && ruling.web_hosts.empty()) unknown.push_back(ruling.app_id);
  }
  if (!unknown.empty()) {
    out.notes.push_back(absl::StrCat(
        "Blocked, but the catalogue knows no web client of: ", absl::StrJoin(unknown, ", "), "."));
  }
  return out;
}

nlohmann::ordered_json Provenance(const NativeInput& in) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  out["tenant"] = PlainText(in.tenant);
  out["version"] = in.version;
  out["sha256"] = in.sha256;
  out["generated_at"] = TimeText(in.generated_at);
  if (!in.person.empty()) out["person"] = PlainText(in.person);
  return out;
}

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace muster::native
