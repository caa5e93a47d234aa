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
  AddOptional(verb, "--ticket-source", "The system the ticket is of (default: service-desk)",
              [request](const std::string& v) { request->set_ticket_source(v); });
  AddOptional(verb, "--duty-location", "Where the person works, e.g. Nairobi",
              [request](const std::string& v) { request->set_duty_location(v); });
  verb->add_flag_function(
      "--break-glass", [request](int64_t) { request->set_break_glass(true); },
      "Cannot wait: two approvers, at once, without group and training, at most 72 h, reviewed");
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

struct DecisionVerb {
  std::string name, help, method;
  std::string text = "--reason";  // the option that holds the reason, question or answer
  std::string text_help = "Why";
  bool text_required = true;
};

std::shared_ptr<v1::DecideRequestRequest> AddDecision(CLI::App* noun, Session* session,
                                                      const DecisionVerb& words,
                                                      CLI::App** verb_out = nullptr) {
  auto request = std::make_shared<v1::DecideRequestRequest>();
  CLI::App* verb = AddVerb(noun, session, words.name, words.help,
                           [request, method = words.method](Session& s) -> absl::StatusOr<int> {
                             v1::RequestResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &response));
                             if (request->dry_run()) return s.Print(MessageJson(response.impact()));
                             return s.Print(MessageJson(response.request()));
                           });
  AddName(verb, "id", "Request id",
          [request](const std::string& v) { request->set_request_id(v); });
  const auto set_text = [request](const std::string& v) { request->set_reason(v); };
  if (words.text_required) {
    AddRequired(verb, words.text, words.text_help, set_text);
  } else {
    AddOptional(verb, words.text, words.text_help, set_text);
  }
  AddRevision(verb, [request](uint64_t v) { request->set_expected_revision(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
  if (verb_out != nullptr) *verb_out = verb;
  return request;
}

void AddDecisions(CLI::App* noun, Session* session) {
  AddDecision(noun, session, {"approve", "Approve a request", "ApproveRequest"});
  AddDecision(noun, session, {"deny", "Deny a request", "DenyRequest"});
  DecisionVerb cancel = {"cancel", "Cancel a request", "CancelRequest"};
  cancel.text_required = false;
  AddDecision(noun, session, cancel);
  AddDecision(noun, session,
              {"more-info", "Ask whoever filed it for more", "AskRequest", "--question",
               "What the approver needs to know"});
  AddDecision(
      noun, session,
      {"answer", "Answer an approver's question", "AnswerRequest", "--answer", "The answer"});
  CLI::App* verb = nullptr;
  const auto duplicate = AddDecision(
      noun, session, {"duplicate", "Close it as a duplicate", "DuplicateRequest"}, &verb);
  AddRequired(verb, "--of", "The request that stays",
              [duplicate](const std::string& v) { duplicate->set_duplicate_of(v); });
  DecisionVerb escalate = {"escalate", "Tell a role that it is late", "EscalateRequest"};
  escalate.text_required = false;
  const auto to = AddDecision(noun, session, escalate, &verb);
  AddOptional(verb, "--to", "A role (default: the next in line)",
              [to](const std::string& v) { to->set_to_role(v); });
}

void AddRequestTraining(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::RecordTrainingRequest>();
  CLI::App* verb = AddVerb(noun, session, "training", "Record that the person read the guidance",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::RequestResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("RecordTraining", *request, &response));
                             if (request->dry_run()) return s.Print(MessageJson(response.impact()));
                             return s.Print(MessageJson(response.request()));
                           });
  AddName(verb, "id", "Request id",
          [request](const std::string& v) { request->set_request_id(v); });
  AddRequired(verb, "--version", "Version of the guidance, see `musterctl guidance show`",
              [request](const std::string& v) { request->set_version(v); });
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
                                {"SINCE", "state_since"},
                                {"DUE", "due_at"},
                                {"ESCALATED TO", "escalated_to"},
                                {"WAITING FOR", "detail"}});
  AddEnum(list, "--state", "Only this state", v1::Request::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Request::State>(v)); });
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddOptional(list, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(list, "--ticket", "Only this ticket",
              [filter](const std::string& v) { filter->set_ticket(v); });
  list->add_flag_function(
      "--open", [filter](int64_t) { filter->set_open(true); },
      "Only those somebody still has to act on");
  list->add_flag_function(
      "--escalated", [filter](int64_t) { filter->set_escalated(true); }, "Only escalated ones");
  AddDuration(list, "--older-than", "Only those that long in their state, e.g. 24h",
              [filter](absl::Duration d) { *filter->mutable_older_than() = ToProto(d); });

  auto get = std::make_shared<v1::GetRequestRequest>();
  CLI::App* show =
      AddVerb(noun, session, "show", "One request", [get](Session& s) -> absl::StatusOr<int> {
        v1::Request request;
        MUSTER_RETURN_IF_ERROR(s.Call("GetRequest", *get, &request));
        return s.Print(MessageJson(request));
      });
  AddName(show, "id", "Request id", [get](const std::string& v) { get->set_request_id(v); });

  AddDecisions(noun, session);
  AddRequestTraining(noun, session);
}

}  // namespace muster::cli
