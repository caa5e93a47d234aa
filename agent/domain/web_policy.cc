#include "agent/domain/web_policy.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"

namespace muster::agent {

WebDecision DecideWebClients(const PolicyIndex& policy, const std::vector<Account>& accounts,
                             absl::Time now) {
  WebDecision out;
  const std::optional<Account> only = OnlyPerson(accounts);
  for (AppIndex app = 0; app < policy.app_count(); ++app) {
    const auto& hosts = policy.app(app).web_hosts();
    if (hosts.empty() || !policy.Decide(app, std::nullopt, now).deny) continue;
    if (only && policy.Decide(app, only->uid, now).verdict == v1::Verdict::ALLOW) {
      out.notes.push_back(absl::StrCat("the web client of ", policy.rule(app).id,
                                       " opens for every account of this machine, because ",
                                       only->name, " is its only person and may use it"));
      continue;
    }
    out.blocked.insert(out.blocked.end(), hosts.begin(), hosts.end());
  }
  std::sort(out.blocked.begin(), out.blocked.end());
  out.blocked.erase(std::unique(out.blocked.begin(), out.blocked.end()), out.blocked.end());
  if (out.blocked.size() > limits::kMaxBrowserPatterns) {
    out.notes.push_back(absl::StrCat(out.blocked.size() - limits::kMaxBrowserPatterns,
                                     " hosts of web clients are not blocked: browsers read only ",
                                     limits::kMaxBrowserPatterns, " entries"));
    out.blocked.resize(limits::kMaxBrowserPatterns);
  }
  return out;
}

}  // namespace muster::agent
