#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

int PrintHold(Session& s, const v1::HoldResponse& response, bool dry_run) {
  if (dry_run) return s.Print(MessageJson(response.impact()));
  return s.Print(MessageJson(response.hold()));
}

void AddPlace(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::PlaceHoldRequest>();
  CLI::App* verb = AddVerb(noun, session, "place", "Keep the records of a person, chat or matter",
                           [request](Session& s) -> absl::StatusOr<int> {
                             if (!request->matter().empty() && !request->person_upn().empty()) {
                               request->add_person_upns(request->person_upn());
                               request->clear_person_upn();
                             }
                             v1::HoldResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("PlaceHold", *request, &response));
                             return PrintHold(s, response, request->dry_run());
                           });
  verb->add_option_function<std::vector<std::string>>(
      "--person",
      [request](const std::vector<std::string>& upns) {
        if (upns.size() == 1) {
          request->set_person_upn(upns[0]);
        } else {
          request->mutable_person_upns()->Assign(upns.begin(), upns.end());
        }
      },
      "All records of this person (UPN); with --matter as often as it has persons");
  AddOptional(verb, "--chat", "One chat's key, see `musterctl archive chats`",
              [request](const std::string& v) { request->set_chat_key(v); });
  AddOptional(verb, "--matter", "What it is about, e.g. a case number",
              [request](const std::string& v) { request->set_matter(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

void AddRelease(CLI::App* noun, Session* session) {
  auto request = std::make_shared<v1::ReleaseHoldRequest>();
  CLI::App* verb = AddVerb(noun, session, "release", "End a hold; nothing is deleted by it",
                           [request](Session& s) -> absl::StatusOr<int> {
                             v1::HoldResponse response;
                             MUSTER_RETURN_IF_ERROR(s.Call("ReleaseHold", *request, &response));
                             return PrintHold(s, response, request->dry_run());
                           });
  AddName(verb, "id", "Hold id", [request](const std::string& v) { request->set_hold_id(v); });
  AddRequired(verb, "--reason", "Why", [request](const std::string& v) { request->set_reason(v); });
  AddRevision(verb, [request](uint64_t v) { request->set_expected_revision(v); });
  AddDryRun(verb, [request](bool v) { request->set_dry_run(v); });
}

}  // namespace

void AddHoldCommands(CLI::App* root, Session* session) {
  CLI::App* noun =
      AddNoun(root, "hold", "Records that must not be destroyed, whatever a schedule says");
  auto filter = std::make_shared<v1::ListHoldsRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Holds in force", "ListHolds", filter,
                               std::make_shared<v1::ListHoldsResponse>(),
                               {{"HOLD", "hold_id"},
                                {"PERSON", "person_upn"},
                                {"CHAT", "chat_key"},
                                {"MATTER", "matter"},
                                {"REASON", "reason"},
                                {"PLACED BY", "placed_by_upn"},
                                {"PLACED", "placed_at"},
                                {"RELEASED", "released_at"}});
  list->add_flag_function(
      "--released", [filter](int64_t) { filter->set_released(true); },
      "Also those that were released");
  AddPlace(noun, session);
  AddRelease(noun, session);
}

}  // namespace muster::cli
