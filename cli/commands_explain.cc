#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {

void AddExplainCommand(CLI::App* root, Session* session) {
  auto request = std::make_shared<v1::ExplainRequest>();
  CLI::App* verb =
      AddVerb(root, session, "explain", "Why an app may or may not run for a person on a device",
              [request](Session& s) -> absl::StatusOr<int> {
                v1::Explanation explanation;
                MUSTER_RETURN_IF_ERROR(s.Call("Explain", *request, &explanation));
                s.out << RenderExplanation(s.format, MessageJson(explanation));
                return 0;
              });
  AddRequired(verb, "--person", "Whose verdict (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
  AddRequired(verb, "--device", "On which device (id)",
              [request](const std::string& v) { request->set_device_id(v); });
  AddRequired(verb, "--app", "For which app (id)",
              [request](const std::string& v) { request->set_app_id(v); });
}

}  // namespace muster::cli
