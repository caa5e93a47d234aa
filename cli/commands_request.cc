#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "cli/errors.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

absl::StatusOr<int> Submit(Session& s, const v1::SubmitRequestRequest& request) {
  v1::RequestResponse response;
  MUSTER_RETURN_IF_ERROR(s.Call("SubmitRequest", request, &response));
  const bool denied = response.request().state() == v1::Request::DENIED;
  s.Print(MessageJson(request.dry_run()
                          ? static_cast<const google::protobuf::Message&>(response.impact())
                          : response.request()));
  if (!denied) return kExitOk;
  s.err << "musterctl: the request is denied";
  if (!response.request().reason_code().empty())
    s.err << " (" << response.request().reason_code() << ")";
  if (!response.request().decision_reason().empty()) {
    s.err << ": " << response.request().decision_reason();
  }
  s.err << "\n";
  return kExitRejected;
}

void AddSubmit(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::SubmitRequestRequest>();
  CLI::App* verb = AddVerb(noun, session, "submit", "Ask for one app for one person",
                           [request](Session& s) { return Submit(s, *request); });
  AddRequired(verb, "--person", "For whom (UPN)",
              [request](const std::string& v) { request->set_person_upn(v); });
  AddRequired(verb, "--app", "App id", [request](const std::string& v) { request->set_app_id(v); });
  AddRequired(verb, "--ticket", "The service desk's id, e.g. INC0963540",
              [request](const std::string& v) { request->set_ticket(v); });
  AddRequired(verb, "--justification", "Why the person needs the app",
              [request](const std::string& v) { request->set_justification(v); });
  AddOptional(verb, "--device", "Device id",
              [request](const std::string& v) { request->set_device_id(v); });
  AddDuration(verb, "--term", "How long, e.g. 90d (default 180d)",
              [request](absl::Duration d) { *request->mutable_term() = ToProto(d); });
  AddOptional(verb, "--training-acknowledged", "Version of the guidance the person acknowledged",
              [request](const std::string& v) { request->set_training_acknowledged(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

void AddDecision(CLI::App* noun, Session* session, const std::string& name, const std::string& help,
                 const std::string& method, bool reason_required) {
  auto request = std::make_shared<v1::DecideRequestRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::RequestResponse response;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &response));
        if (request->dry_run()) return s.Print(MessageJson(response.impact()));
        return s.Print(MessageJson(response.request()));
      });
  AddName(verb, "id", "Request id",
          [request](const std::string& v) { request->set_request_id(v); });
  const auto set_reason = [request](const std::string& v) { request->set_reason(v); };
  if (reason_required) {
    AddRequired(verb, "--reason", "Why", set_reason);
  } else {
    AddOptional(verb, "--reason", "Why", set_reason);
  }
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddRequestCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "request", "Requests for an app");
  AddSubmit(noun, session);

  auto filter = std::make_shared<v1::ListRequestsRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Requests", "ListRequests", filter,
                               std::make_shared<v1::ListRequestsResponse>(),
                               {{"REQUEST", "request_id"},
                                {"STATE", "state"},
                                {"APP", "app_id"},
                                {"PERSON", "person_upn"},
                                {"TICKET", "ticket"},
                                {"SUBMITTED", "submitted_at"},
                                {"WAITING FOR", "detail"}});
  AddEnum(list, "--state", "Only this state", v1::Request::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Request::State>(v)); });
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddOptional(list, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });

  auto get = std::make_shared<v1::GetRequestRequest>();
  CLI::App* show =
      AddVerb(noun, session, "show", "One request", [get](Session& s) -> absl::StatusOr<int> {
        v1::Request request;
        MUSTER_RETURN_IF_ERROR(s.Call("GetRequest", *get, &request));
        return s.Print(MessageJson(request));
      });
  AddName(show, "id", "Request id", [get](const std::string& v) { get->set_request_id(v); });

  AddDecision(noun, session, "approve", "Approve a request", "ApproveRequest", true);
  AddDecision(noun, session, "deny", "Deny a request", "DenyRequest", true);
  AddDecision(noun, session, "cancel", "Cancel a request", "CancelRequest", false);
}

}  // namespace muster::cli
