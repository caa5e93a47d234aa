#include "agent/flow/notifier.h"

#include <optional>

namespace muster::agent {
namespace {

// The next step of the very row that decided. The decision may have been made for nobody (login
// uid and real uid disagree), and a policy may have come since: then no other row's words are
// put under this reason.
std::string NextStepOf(const ExecRecord& record, const PolicyIndex& policy, AppIndex app,
                       absl::Time now) {
  for (const std::optional<uint32_t>& person : {record.uid, std::optional<uint32_t>()}) {
    const v1::Explanation explained = policy.Explain(app, person, now);
    if (explained.reason() == record.reason) return explained.next_step();
  }
  return "";
}

NoticeFacts FactsOf(const ExecRecord& record, const PolicyIndex* policy,
                    const NoticeVersions& versions, absl::Time now) {
  NoticeFacts out;
  out.app_id = record.app_id;
  out.ended = record.killed && !record.denied;
  out.reason = record.reason;
  const bool emergency = record.reason == "EMERGENCY_DENY" && !versions.emergency_deny.empty();
  out.policy_version = emergency ? versions.emergency_deny : versions.cohort;
  if (policy == nullptr) return out;
  const std::optional<AppIndex> app = policy->FindApp(record.app_id);
  if (!app) return out;
  out.app_name = policy->rule(*app).name;
  out.next_step = NextStepOf(record, *policy, *app, now);
  return out;
}

}  // namespace

void Notifier::Notify(const std::vector<ExecRecord>& records, const PolicyIndex* policy,
                      const NoticeVersions& versions, absl::Time now) {
  if (channel_ == nullptr) return;
  for (const ExecRecord& record : records) {
    if (!CallsForNotice(record)) continue;
    {
      MutexLock lock(&mu_);
      if (!limit_.Allow(*record.uid, record.app_id, now)) continue;
    }
    channel_->Send(*record.uid, record.terminal,
                   MakeNotice(FactsOf(record, policy, versions, now)));
  }
}

}  // namespace muster::agent
