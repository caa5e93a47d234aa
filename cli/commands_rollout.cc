#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

std::vector<Column> StatusColumns() {
  return {{"NAME", "name"},
          {"STATE", "state"},
          {"WAVE", "wave"},
          {"PERCENT", "percent"},
          {"VERSION", "to_version"},
          {"DEVICES", "counts.devices"},
          {"QUEUED", "counts.queued"},
          {"SENT", "counts.sent"},
          {"APPLIED", "counts.applied"},
          {"VERIFIED", "counts.verified"},
          {"NACKED", "counts.nacked"},
          {"STALE", "counts.stale"}};
}

absl::StatusOr<int> ShowStatus(Session& s, const v1::ListRolloutsRequest& request) {
  v1::ListRolloutsResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("ListRollouts", request, &response));
  Json list = MessageJson(response);
  for (Json& item : list["items"]) item = Lifted(item, "rollout");
  // The table of a list has one line per rollout; its devices need lines of their own.
  if (s.format == Format::kTable && request.with_devices()) {
    for (const Json& item : list["items"]) s.Print(item);
    return 0;
  }
  s.out << RenderList(s.format, list, StatusColumns());
  return 0;
}

void AddDecision(CLI::App* noun, Session* session, const std::string& name, const std::string& help,
                 const std::string& method) {
  auto request = std::make_shared<v1::DecideRolloutRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::RolloutResponse response;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &response));
        if (request->dry_run()) return s.Print(MessageJson(response.impact()));
        return s.Print(MessageJson(response.rollout()));
      });
  AddName(verb, "name", "Document, e.g. cohort/linux",
          [request](const std::string& v) { request->set_name(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddRolloutCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "rollout", "How a new policy reaches the fleet, in waves");
  auto filter = std::make_shared<v1::ListRolloutsRequest>();
  CLI::App* status = AddVerb(noun, session, "status", "Waves and what the devices made of them",
                             [filter](Session& s) { return ShowStatus(s, *filter); });
  AddOptional(status, "name", "Only this document, e.g. cohort/linux",
              [filter](const std::string& v) { filter->set_name(v); });
  status->add_flag_function(
      "--devices", [filter](int64_t) { filter->set_with_devices(true); }, "Also each device");
  AddDecision(noun, session, "pause", "Let no further device have it", "PauseRollout");
  AddDecision(noun, session, "resume", "Go on with the wave", "ResumeRollout");
  AddDecision(noun, session, "abort", "Publish the version before again", "AbortRollout");
}

}  // namespace muster::cli
