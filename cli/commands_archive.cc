// What is owed, what was kept, and the retention policy.
#include "cli/commands.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

void AddStatus(CLI::App* noun, Session* session) {
  auto filter = std::make_shared<v1::ListObligationsRequest>();
  CLI::App* list =
      AddListVerb(noun, session, "status", "What has to be exported by when", "ListObligations",
                  filter, std::make_shared<v1::ListObligationsResponse>(),
                  {{"PERSON", "person_upn"},
                   {"APP", "app_id"},
                   {"DEVICE", "device_id"},
                   {"CHAT", "chat_key"},
                   {"STATE", "state"},
                   {"EVIDENCE", "level"},
                   {"UNCOVERED SINCE", "uncovered_since"},
                   {"DUE", "due_at"},
                   {"COMPLIANT", "compliant"},
                   {"WHY", "detail"}});
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddOptional(list, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(list, "--device", "Only this device",
              [filter](const std::string& v) { filter->set_device_id(v); });
  AddOptional(list, "--office", "Only this office",
              [filter](const std::string& v) { filter->set_office(v); });
  AddEnum(list, "--state", "Only this state", v1::Obligation::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Obligation::State>(v)); });
  list->add_flag_function(
      "--not-compliant", [filter](int64_t) { filter->set_not_compliant(true); },
      "Only what is not receipted up to less than 20 days ago");
}

void AddChats(CLI::App* noun, Session* session) {
  auto filter = std::make_shared<v1::ListExportsRequest>();
  CLI::App* list =
      AddListVerb(noun, session, "chats", "Exports that were seen, and how long they are kept",
                  "ListExports", filter, std::make_shared<v1::ListExportsResponse>(),
                  {{"PERSON", "person_upn"},
                   {"PERSON ID", "seen.person_id"},
                   {"APP", "seen.app_id"},
                   {"CHAT", "seen.chat_key"},
                   {"FIRST", "seen.first_at"},
                   {"LAST", "seen.last_at"},
                   {"MESSAGES", "seen.messages"},
                   {"EVIDENCE", "level"},
                   {"BAG", "bag_id"},
                   {"RETENTION", "retention"},
                   {"HELD", "held"},
                   {"WHY", "retention_because"}});
  AddOptional(list, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddOptional(list, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(list, "--chat", "Only this chat, by its key",
              [filter](const std::string& v) { filter->set_chat_key(v); });
}

}  // namespace

void AddArchiveCommands(CLI::App* archive, Session* session) {
  AddStatus(archive, session);
  AddChats(archive, session);
  AddVerb(archive, session, "retention", "The retention policy in force",
          [](Session& s) -> absl::StatusOr<int> {
            v1::RetentionPolicy policy;
            MUSTER_RETURN_IF_ERROR(s.Call("GetRetention", v1::GetRetentionRequest(), &policy));
            return s.Print(MessageJson(policy));
          });
}

}  // namespace muster::cli
