#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

std::vector<Column> TrmColumns() {
  return {{"APP", "app_id"},         {"STATUS", "status"}, {"DECISION", "decision_id"},
          {"DECIDED", "decided_at"}, {"AUTHOR", "author"}, {"REASON", "reason"}};
}

}  // namespace

void AddAppCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "app", "The catalogue of apps");
  AddListVerb(noun, session, "list", "All apps", "ListApps",
              std::make_shared<v1::ListAppsRequest>(), std::make_shared<v1::ListAppsResponse>(),
              {{"APP", "id"}, {"NAME", "name"}, {"TRM", "trm"}, {"BLOCKLISTED", "blocklisted"}},
              [](const Json& view) { return Lifted(view, "app"); });

  auto request = std::make_shared<v1::GetAppRequest>();
  CLI::App* show = AddVerb(noun, session, "show", "One app with its identities",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::AppView view;
                             MUSTER_RETURN_IF_ERROR(s.Call("GetApp", *request, &view));
                             return s.Print(Lifted(MessageJson(view), "app"));
                           });
  AddName(show, "app", "App id", [request](const std::string& v) { request->set_app_id(v); });
}

void AddTrmCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "trm", "The TRM office's word on each app");
  AddListVerb(noun, session, "list", "All TRM decisions", "ListTrm",
              std::make_shared<v1::ListTrmRequest>(), std::make_shared<v1::ListTrmResponse>(),
              TrmColumns());

  auto history = std::make_shared<v1::ListTrmHistoryRequest>();
  CLI::App* past =
      AddListVerb(noun, session, "history", "Every decision, oldest first", "ListTrmHistory",
                  history, std::make_shared<v1::ListTrmResponse>(), TrmColumns());
  past->add_option_function<std::string>(
      "app", [history](const std::string& v) { history->set_app_id(v); }, "Only this app");

  auto request = std::make_shared<v1::SetTrmRequest>();
  CLI::App* set = AddVerb(noun, session, "set", "Set an app's TRM status",
                          [request](Session& s) -> absl::StatusOr<int> {
                            v1::SetTrmResponse response;
                            MUSTER_RETURN_IF_ERROR(s.Call("SetTrm", *request, &response));
                            if (request->dry_run()) return s.Print(MessageJson(response.impact()));
                            return s.Print(MessageJson(response.trm()));
                          });
  AddName(set, "app", "App id", [request](const std::string& v) { request->set_app_id(v); });
  AddEnum(set, "status", "New status", v1::Trm::Status_descriptor(), [request](int v) {
    request->set_status(static_cast<v1::Trm::Status>(v));
  })->required();
  AddRequired(set, "--decision", "Decision id, e.g. TRM-2026-014",
              [request](const std::string& v) { request->set_decision_id(v); });
  AddRequired(set, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(set, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace muster::cli
