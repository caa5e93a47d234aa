// What the agent says of itself: to the controller in reports, to people in `status`.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/agent.h"
#include "agent/flow/web_clients.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"
#include "common/version.h"

namespace muster::agent {

namespace {

// The newest, oldest first.
void AddTampering(const std::vector<v1::Tampering>& tampering, v1::StatusReport& out) {
  const size_t skip =
      tampering.size() > limits::kMaxTampering ? tampering.size() - limits::kMaxTampering : 0;
  for (size_t i = skip; i < tampering.size(); ++i) *out.add_tampering() = tampering[i];
}

}  // namespace

bool Agent::CohortMonitors() const {
  absl::Time now = parts_.clock->Now();
  if (in_force_ != nullptr) now = std::max(now, in_force_->highest_issued_at);
  return now < monitor_until_;
}

v1::StatusReport::Mode Agent::ModeNow(const EnforcerStatus& enforcer) const {
  if (enforcer.mode != v1::StatusReport::ENFORCING) return enforcer.mode;
  return CohortMonitors() ? v1::StatusReport::MONITORING : v1::StatusReport::ENFORCING;
}

v1::StatusReport Agent::MakeStatusReport() const {
  const EnforcerStatus enforcer = parts_.enforcer->status();
  v1::StatusReport out;
  for (const std::string& why : enforcer.cannot_enforce) out.add_cannot_enforce(why);
  out.set_agent_version(kVersion);
  out.set_kernel(parts_.machine->kernel());
  out.set_hostname(parts_.machine->hostname());
  AddTampering(enforcer.tampering, out);
  if (parts_.web_clients != nullptr) {
    const WebClients::Status web = parts_.web_clients->status();
    for (const std::string& why : web.notes) out.add_cannot_enforce(why);
    for (const v1::Tampering& t : web.tampering) *out.add_tampering() = t;
  }
  MutexLock lock(&mu_);
  out.set_mode(ModeNow(enforcer));
  if (CohortMonitors()) *out.mutable_monitor_until() = ToProto(monitor_until_);
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
  const v1::StatusReport::Mode mode = body.status().mode();
  bool other_mode = false;
  {
    MutexLock lock(&mu_);
    std::string text = body.status().SerializeAsString();
    if (text == last_status_) return;
    last_status_ = std::move(text);
    other_mode = std::exchange(last_mode_, mode) != mode;
  }
  if (!QueueReport(std::move(body))) {
    MutexLock lock(&mu_);
    last_status_.clear();
  }
  // What was proven in another mode is not proven in this one.
  if (other_mode) OweProof();
}

std::vector<std::string> Agent::EmergencyWarnings() const {
  std::vector<std::string> out;
  if (in_force_ == nullptr || !in_force_->emergency_deny) return out;
  const v1::EmergencyDeny& deny = *in_force_->emergency_deny;
  const absl::Time now = std::max(parts_.clock->Now(), in_force_->highest_issued_at);
  if (now >= FromProto(deny.header().not_after())) return out;
  for (const std::string& id : deny.app_ids()) {
    const std::optional<AppIndex> app = policy_ ? policy_->FindApp(id) : std::nullopt;
    if (app && policy_->app(*app).identities_size() + policy_->app(*app).web_hosts_size() > 0) {
      continue;
    }
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
  *out.mutable_tampering() = report.tampering();
  if (parts_.web_clients != nullptr) {
    for (const std::string& f : parts_.web_clients->status().files) out.add_browser_files(f);
  }
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
  if (CohortMonitors()) {
    *out.mutable_monitor_until() = ToProto(monitor_until_);
    out.set_monitor_reason(monitor_reason_);
  }
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
  for (const v1::Canary& canary : canaries_) *out.add_canaries() = canary;
  for (const std::string& text : enforcer.capabilities) out.add_capabilities(text);
  out.set_worker_restarts(enforcer.worker_restarts);
  if (parts_.certificate_not_after) {
    *out.mutable_certificate_not_after() = ToProto(parts_.certificate_not_after());
  }
  return out;
}

}  // namespace muster::agent
