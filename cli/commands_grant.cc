#include "cli/commands.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::cli {
namespace {

std::shared_ptr<v1::DecideGrantRequest> AddDecision(CLI::App* noun, Session* session,
                                                    const std::string& name,
                                                    const std::string& help,
                                                    const std::string& method, bool has_term,
                                                    CLI::App** verb_out = nullptr) {
  auto request = std::make_shared<v1::DecideGrantRequest>();
  CLI::App* verb =
      AddVerb(noun, session, name, help, [request, method](Session& s) -> absl::StatusOr<int> {
        v1::GrantResponse response;
        MUSTER_RETURN_IF_ERROR(s.Call(method, *request, &response));
        if (request->dry_run()) return s.Print(MessageJson(response.impact()));
        return s.Print(MessageJson(response.grant()));
      });
  AddName(verb, "id", "Grant id", [request](const std::string& v) { request->set_grant_id(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  if (has_term) {
    AddDuration(verb, "--term", "How long from now, e.g. 180d (the default)",
                [request](absl::Duration d) { *request->mutable_term() = ToProto(d); });
  }
  AddRevision(verb, [request](uint64_t v) { request->set_expected_revision(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
  if (verb_out != nullptr) *verb_out = verb;
  return request;
}

void AddDecisions(CLI::App* noun, Session* session) {
  AddDecision(noun, session, "revoke", "End a grant now", "RevokeGrant", false);
  AddDecision(noun, session, "suspend", "Block the app while something is looked into",
              "SuspendGrant", false);
  AddDecision(noun, session, "resume", "Lift a suspension", "ResumeGrant", false);
  AddDecision(noun, session, "recertify", "Confirm the need: a new term", "RecertifyGrant", true);
  CLI::App* verb = nullptr;
  const auto review = AddDecision(noun, session, "review",
                                  "Review a break-glass grant: end it, or keep it as an ordinary "
                                  "one",
                                  "ReviewGrant", true, &verb);
  verb->add_flag_function(
      "--keep", [review](int64_t) { review->set_keep(true); },
      "It becomes an ordinary grant (default: it ends)");
}

void AddAdopt(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::AdoptGrantRequest>();
  CLI::App* verb = AddVerb(noun, session, "adopt",
                           "Take over a member nobody asked for (UNSANCTIONED -> ACTIVE)",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::GrantResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("AdoptGrant", *request, &response));
                             if (request->dry_run()) return s.Print(MessageJson(response.impact()));
                             return s.Print(MessageJson(response.grant()));
                           });
  AddName(verb, "id", "Grant id", [request](const std::string& v) { request->set_grant_id(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddRequired(verb, "--ticket", "The ticket it is done for",
              [request](const std::string& v) { request->set_ticket(v); });
  AddDuration(verb, "--term", "How long, e.g. 180d (the default)",
              [request](absl::Duration d) { *request->mutable_term() = ToProto(d); });
  AddOptional(verb, "--training-acknowledged", "Version of the guidance the person acknowledged",
              [request](const std::string& v) { request->set_training_acknowledged(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

void AddGrantTraining(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::RecordGrantTrainingRequest>();
  CLI::App* verb = AddVerb(
      noun, session, "training", "Record the training of an adopted grant, which has no request",
      [request](Session& s) -> absl::StatusOr<int> {
        v1::GrantResponse response;
        MUSTER_RETURN_IF_ERROR(s.Call("RecordGrantTraining", *request, &response));
        if (request->dry_run()) return s.Print(MessageJson(response.impact()));
        return s.Print(MessageJson(response.grant()));
      });
  AddName(verb, "id", "Grant id", [request](const std::string& v) { request->set_grant_id(v); });
  AddRequired(verb, "--version", "Version of the guidance, see `musterctl guidance show`",
              [request](const std::string& v) { request->set_version(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddGrantCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "grant", "Grants: what approved requests gave");
  auto filter = std::make_shared<v1::ListGrantsRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Grants", "ListGrants", filter,
                               std::make_shared<v1::ListGrantsResponse>(),
                               {{"GRANT", "grant_id"},
                                {"STATE", "state"},
                                {"APP", "app_id"},
                                {"PERSON", "person_upn"},
                                {"UNTIL", "not_after"},
                                {"REQUEST", "request_id"},
                                {"WAITING FOR", "detail"}});
  AddEnum(list, "--state", "Only this state", v1::Grant::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Grant::State>(v)); });
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddOptional(list, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  list->add_flag_function(
      "--review-owed", [filter](int64_t) { filter->set_review_owed(true); },
      "Only break-glass ones that nobody has reviewed");

  auto get = std::make_shared<v1::GetGrantRequest>();
  CLI::App* show =
      AddVerb(noun, session, "show", "One grant", [get](Session& s) -> absl::StatusOr<int> {
        v1::Grant grant;
        MUSTER_RETURN_IF_ERROR(s.Call("GetGrant", *get, &grant));
        return s.Print(MessageJson(grant));
      });
  AddName(show, "id", "Grant id", [get](const std::string& v) { get->set_grant_id(v); });
  AddDecisions(noun, session);
  AddAdopt(noun, session);
  AddGrantTraining(noun, session);
}

void AddPersonCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "person", "People of the directory");
  auto get = std::make_shared<v1::GetPersonRequest>();
  CLI::App* show = AddVerb(noun, session, "show", "A person's role, requests, grants and devices",
                           [get](Session& s) -> absl::StatusOr<int> {
                             v1::PersonView view;
                             MUSTER_RETURN_IF_ERROR(s.Call("GetPerson", *get, &view));
                             return s.Print(Lifted(MessageJson(view), "person"));
                           });
  AddName(show, "upn", "The person's UPN", [get](const std::string& v) { get->set_upn(v); });
}

}  // namespace muster::cli
