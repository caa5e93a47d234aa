#include "bridge/adapters/ws1/ws1_models.h"
#include "common/limits.h"

namespace muster::bridge {

std::optional<UemApp> ReadWs1App(const Json& item) {
  UemApp app;
  app.bundle_id = UemText(item, {"bundle_id"});
  if (app.bundle_id.empty() || app.bundle_id.size() > limits::kMaxPackageIdBytes) {
    return std::nullopt;
  }
  app.name = UemText(item, {"name", "display_name"});
  app.version = UemText(item, {"installed_version"});
  app.installed = UemWord(item, {"installed_status"}) == "installed";
  app.assigned = UemWord(item, {"assignment_status"}) == "assigned";
  app.latest_action = UemText(item, {"latest_uem_action"});
  app.latest_action_at = UemTime(item, {"latest_uem_action_time"}).value_or(absl::InfinitePast());
  return app;
}

UemApp ReadWs1AppDetails(const Json& answer, const std::string& bundle_id) {
  static const Json kNone;
  const auto part = [&](const char* name) -> const Json& {
    const Json* found = FindUemField(answer, {name});
    return found != nullptr ? *found : kNone;
  };
  const Json& sample = part("device_sample_info");
  const Json& assignment = part("assignment_info");
  UemApp app;
  app.bundle_id = bundle_id;
  app.version = UemText(sample, {"installed_version"});
  app.installed = UemWord(sample, {"installed_status"}) == "installed";
  app.assigned = UemWord(assignment, {"assignment_status"}) == "assigned";
  // This answer has no time of the action: what was done when is told by the list alone.
  app.latest_action = UemText(assignment, {"latest_uem_action"});
  app.reason = UemText(sample, {"latest_app_reason"});
  return app;
}

}  // namespace muster::bridge
