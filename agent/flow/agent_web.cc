// What the agent wants of the browsers on this machine.
#include "agent/flow/agent.h"
#include "agent/flow/web_clients.h"

namespace muster::agent {

// Disarmed and in monitor mode nothing is blocked, in a browser as little as elsewhere; where the
// kernel offers no gate, browsers still follow their policy.
void Agent::UpdateWebClients() {
  if (parts_.web_clients == nullptr) return;
  const std::shared_ptr<const PolicyIndex> index = policy();
  const v1::StatusReport::Mode mode = parts_.enforcer->status().mode;
  const bool blocks = mode == v1::StatusReport::ENFORCING || mode == v1::StatusReport::REPORT_ONLY;
  if (index == nullptr || !blocks) {
    parts_.web_clients->Want({});
    return;
  }
  parts_.web_clients->Want(DecideWebClients(*index, accounts_, parts_.clock->Now()));
}

void Agent::OnBrowserFilesChanged() {
  if (parts_.web_clients == nullptr) return;
  parts_.web_clients->Check();
  ReportStatusIfChanged();
}

}  // namespace muster::agent
