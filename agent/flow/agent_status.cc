// What the agent says of itself: to the controller in reports, to people in `status`.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/agent.h"
#include "common/time_proto.h"
#include "common/version.h"

namespace muster::agent {

v1::StatusReport Agent::MakeStatusReport() const {
  const EnforcerStatus enforcer = parts_.enforcer->status();
  v1::StatusReport out;
  out.set_mode(enforcer.mode);
  for (const std::string& why : enforcer.cannot_enforce) out.add_cannot_enforce(why);
  out.set_agent_version(kVersion);
  out.set_kernel(parts_.machine->kernel());
  out.set_hostname(parts_.machine->hostname());
  MutexLock lock(&mu_);
  for (const std::string& why : notes_) out.add_cannot_enforce(why);
  for (const std::string& why : learn_notes_) out.add_cannot_enforce(why);
  for (const std::string& why : warnings_) out.add_cannot_enforce(why);
  for (const std::string& why : inventory_notes_) out.add_cannot_enforce(why);
  for (const std::string& why : EmergencyWarnings()) out.add_cannot_enforce(why);
  for (const std::string& name : local_accounts_) out.add_local_accounts(name);
  return out;
}

void Agent::ReportStatusIfChanged() {
  v1::Report body;
  *body.mutable_status() = MakeStatusReport();
  {
    MutexLock lock(&mu_);
    std::string text = body.status().SerializeAsString();
    if (text == last_status_) return;
    last_status_ = std::move(text);
  }
  QueueReport(std::move(body));
}

std::vector<std::string> Agent::EmergencyWarnings() const {
  std::vector<std::string> out;
  if (in_force_ == nullptr || !in_force_->emergency_deny) return out;
  const v1::EmergencyDeny& deny = *in_force_->emergency_deny;
  const absl::Time now = std::max(parts_.clock->Now(), in_force_->highest_issued_at);
  if (now >= FromProto(deny.header().not_after())) return out;
  for (const std::string& id : deny.app_ids()) {
    const std::optional<AppIndex> app = policy_ ? policy_->FindApp(id) : std::nullopt;
    if (app && !policy_->app(*app).identities().empty()) continue;
    out.push_back(absl::StrCat("the emergency deny of ", id, " cannot be enforced: ",
                               policy_ ? "the catalogue of this device says nothing to know it by"
                                       : "no catalogue has reached this device yet"));
  }
  return out;
}

void Agent::AddPolicyStatus(absl::Time clock_now, v1::AgentStatus& out) const {
  if (in_force_ == nullptr) return;
  const absl::Time now = std::max(clock_now, in_force_->highest_issued_at);
  for (const v1::PolicyReport::InForce& f : in_force_->in_force) *out.add_documents() = f;
  absl::Time first_end = absl::InfiniteFuture();
  for (const OwnDocument& d : in_force_->own) {
    if (d.version != 0 && !d.optional) first_end = std::min(first_end, d.not_after);
  }
  if (in_force_->cohort) *out.mutable_policy_not_after() = ToProto(first_end);
  const Freshness freshness = CheckFreshness(in_force_->own, in_force_->beacon, now);
  out.set_policy_stale(freshness.ended);
  for (const std::string& why : freshness.stale_because) out.add_stale_because(why);
  if (freshness.fresh_until != absl::InfinitePast()) {
    *out.mutable_fresh_until() = ToProto(freshness.fresh_until);
  }
  const std::optional<v1::EmergencyDeny>& deny = in_force_->emergency_deny;
  if (deny && now < FromProto(deny->header().not_after())) {
    for (const std::string& id : deny->app_ids()) out.add_emergency_denied(id);
  }
}

v1::AgentStatus Agent::MakeStatus() const {
  const EnforcerStatus enforcer = parts_.enforcer->status();
  const v1::StatusReport report = MakeStatusReport();
  v1::AgentStatus out;
  out.set_device_id(parts_.identity.device_id);
  out.set_tenant(parts_.identity.tenant);
  out.set_controller(parts_.controller);
  out.set_mode(report.mode());
  *out.mutable_cannot_enforce() = report.cannot_enforce();
  for (const std::string& path : enforcer.marked) out.add_marked_filesystems(path);
  out.set_execs_decided(enforcer.decided);
  out.set_execs_blocked(enforcer.blocked);
  out.set_reports_waiting(static_cast<uint32_t>(parts_.reports->waiting()));
  const absl::Time now = parts_.clock->Now();
  MutexLock lock(&mu_);
  out.set_connected(connected_);
  if (last_contact_ != absl::InfinitePast()) {
    *out.mutable_last_contact_at() = ToProto(last_contact_);
  }
  AddPolicyStatus(now, out);
  if (IsDisarmed(disarm_, now)) {
    *out.mutable_disarmed_until() = disarm_->disarm().until();
    out.set_disarm_reason(disarm_->disarm().reason());
  }
  for (const v1::InventoryItem& item : catalogued_) *out.add_catalogued_installed() = item;
  for (const std::string& w : warnings_) out.add_warnings(w);
  for (const std::string& w : inventory_notes_) out.add_warnings(w);
  for (const std::string& w : EmergencyWarnings()) out.add_warnings(w);
  out.set_last_refused(last_refused_);
  out.set_last_link_error(link_error_);
  for (const std::string& text : alarms_) out.add_alarms(text);
  if (parts_.certificate_not_after) {
    *out.mutable_certificate_not_after() = ToProto(parts_.certificate_not_after());
  }
  return out;
}

}  // namespace muster::agent
