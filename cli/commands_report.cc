#include "cli/commands.h"

namespace muster::cli {

namespace {

void AddPhones(CLI::App* noun, Session* session) {
  auto filter = std::make_shared<v1::ReportPhonesRequest>();
  CLI::App* phones = AddListVerb(
      noun, session, "phones", "Phones and apps that are not as they should be, or granted",
      "ReportPhones", filter, std::make_shared<v1::ReportPhonesResponse>(),
      {{"DEVICE", "device_id"},
       {"OWNER", "owner_upn"},
       {"PLATFORM", "platform"},
       {"MANAGED AS", "management"},
       {"APP", "app.app_id"},
       {"VERDICT", "app.verdict"},
       {"STATE", "app.state"},
       {"PRESENCE", "app.presence"},
       {"WHY", "app.why"},
       {"SINCE", "app.since"},
       {"LAST SEEN", "last_seen_at"}});
  AddOptional(phones, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(phones, "--person", "Only phones of this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddEnum(phones, "--state", "Only this state, compliant ones too",
          v1::PhoneApp::State_descriptor(), [filter](int v) {
            filter->set_state(v1::PhoneApp::State_Name(static_cast<v1::PhoneApp::State>(v)));
          });
}

}  // namespace

void AddReportCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "report", "Lists for people who have to answer for them");
  AddListVerb(noun, session, "blocked-apps", "Every app that is blocked or restricted",
              "ReportBlockedApps", std::make_shared<v1::ReportBlockedAppsRequest>(),
              std::make_shared<v1::ReportBlockedAppsResponse>(),
              {{"APP", "app_id"},
               {"NAME", "name"},
               {"BLOCKLISTED", "blocklisted"},
               {"TRM", "trm"},
               {"DECISION", "decision_id"},
               {"DECIDED", "decided_at"},
               {"INSTALLED ON", "installed_on"},
               {"GRANTS", "grants"}});

  auto filter = std::make_shared<v1::ReportGrantedUsersRequest>();
  CLI::App* users =
      AddListVerb(noun, session, "granted-users", "Who has what, since when and why",
                  "ReportGrantedUsers", filter, std::make_shared<v1::ReportGrantedUsersResponse>(),
                  {{"PERSON", "person_upn"},
                   {"APP", "app_id"},
                   {"STATE", "state"},
                   {"LIVE", "live"},
                   {"TICKET", "ticket"},
                   {"APPROVED BY", "approved_by"},
                   {"FROM", "granted_at"},
                   {"UNTIL", "not_after"},
                   {"TRAINING", "training"},
                   {"DEVICES", "devices"},
                   {"GRANT", "grant_id"}});
  AddOptional(users, "--app", "Only this app",
              [filter](const std::string& v) { filter->set_app_id(v); });
  AddOptional(users, "--person", "Only this person (UPN)",
              [filter](const std::string& v) { filter->set_person_upn(v); });
  AddEnum(users, "--state", "Only this state (default: all that hold)",
          v1::Grant::State_descriptor(),
          [filter](int v) { filter->set_state(static_cast<v1::Grant::State>(v)); });

  AddPhones(noun, session);

  CLI::App* webhook = AddNoun(root, "webhook", "Systems that are told of every transition");
  AddListVerb(webhook, session, "list", "How far each receiver is", "ListWebhooks",
              std::make_shared<v1::ListWebhooksRequest>(),
              std::make_shared<v1::ListWebhooksResponse>(),
              {{"NAME", "name"},
               {"URL", "url"},
               {"DELIVERED", "delivered"},
               {"WAITING", "waiting"},
               {"FAILURES", "failures"},
               {"NEXT TRY", "next_attempt_at"},
               {"LAST ERROR", "last_error"}});
}

}  // namespace muster::cli
