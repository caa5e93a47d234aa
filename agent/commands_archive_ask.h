// `muster-agent archive open|status|submit|declare|guide`: questions to the running agent.
#pragma once

#include <string>

#include "agent/commands.h"

namespace muster::agent {

int RunArchiveOpen(const AskOptions& options, const std::string& app_id);
int RunArchiveStatus(const AskOptions& options);
// Waits until the file was read.
int RunArchiveSubmit(const AskOptions& options, const std::string& file, const std::string& app_id);

struct DeclareOptions {
  std::string app_id, chat, through;
  bool exported_elsewhere = false, blocked = false, no_messages = false;  // one of them
};
int RunArchiveDeclare(const AskOptions& options, const DeclareOptions& declare);
int RunArchiveGuide(const AskOptions& options, bool attest);

}  // namespace muster::agent
