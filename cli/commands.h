// The nouns of musterctl, one function and one file each. Each adds its verbs to `root`.
#pragma once

#include "cli/session.h"

namespace muster::cli {

void AddAppCommands(CLI::App* root, Session* session);
void AddTrmCommands(CLI::App* root, Session* session);
void AddPolicyCommands(CLI::App* root, Session* session);  // blocklist, apply, simulate, policy
void AddPolicyExportCommand(CLI::App* policy, Session* session);
void AddRequestCommands(CLI::App* root, Session* session);
void AddGrantCommands(CLI::App* root, Session* session);
void AddRoleCommands(CLI::App* root, Session* session);           // login, logout, roles
void AddReportCommands(CLI::App* root, Session* session);         // report, webhook
void AddArchiveReportCommands(CLI::App* root, Session* session);  // report archive, overdue, …
void AddArchiveCommands(CLI::App* archive, Session* session);  // archive status, chats, retention
void AddGuidanceCommands(CLI::App* root, Session* session);    // archive guidance, attest
void AddIncidentCommands(CLI::App* root, Session* session);    // incident, archive incidents
void AddHoldCommands(CLI::App* root, Session* session);
void AddPersonCommands(CLI::App* root, Session* session);
void AddDirectoryCommands(CLI::App* root, Session* session);
void AddDeviceCommands(CLI::App* root, Session* session);
void AddRolloutCommands(CLI::App* root, Session* session);
void AddTrustCommands(CLI::App* root, Session* session);
void AddTrustDraftCommands(CLI::App* trust, Session* session);  // the verbs that make documents
void AddRecordsCommands(CLI::App* root, Session* session);
void AddExplainCommand(CLI::App* root, Session* session);
void AddAuditCommands(CLI::App* root, Session* session);
void AddAuditExportCommands(CLI::App* audit, Session* session);  // checkpoint, export, verify …
void AddAuditPruneCommand(CLI::App* audit, Session* session);    // audit prune

}  // namespace muster::cli
