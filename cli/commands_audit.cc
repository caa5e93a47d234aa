#include "cli/commands.h"

namespace muster::cli {

void AddAuditCommands(CLI::App* root, Session* session) {
  CLI::App* noun = AddNoun(root, "audit", "The audit log");
  auto filter = std::make_shared<v1::ListAuditRequest>();
  CLI::App* list = AddListVerb(noun, session, "list", "Entries of the audit log", "ListAudit",
                               filter, std::make_shared<v1::ListAuditResponse>(),
                               {{"SEQ", "sequence"},
                                {"AT", "at"},
                                {"WHO", "actor_upn"},
                                {"VERB", "verb"},
                                {"OBJECT", "object"},
                                {"OUTCOME", "outcome"},
                                {"REASON", "reason"}});
  AddOptional(list, "--object", "Only this object, e.g. request/REQ-7",
              [filter](const std::string& v) { filter->set_object(v); });
  AddOptional(list, "--actor", "Only what this person did (UPN or id)",
              [filter](const std::string& v) { filter->set_actor(v); });
  AddOptional(list, "--transaction", "Only this transaction id",
              [filter](const std::string& v) { filter->set_transaction_id(v); });
  AddAuditExportCommands(noun, session);
}

}  // namespace muster::cli
