#include "bridge/flow/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/flow/fleet_parts.h"
#include "bridge/flow/log.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"

namespace muster::bridge {
namespace {

// What changes with every answer is told only along with something else.
std::string WithoutTimes(v1::BridgeReport report) {
  report.clear_last_answer_at();
  report.clear_limit_remaining();
  report.clear_swept_at();
  return report.SerializeAsString();
}

std::string WithoutTimes(const std::vector<v1::Canary>& canaries) {
  std::string out;
  for (v1::Canary canary : canaries) {
    canary.clear_at();
    absl::StrAppend(&out, canary.SerializeAsString(), "|");
  }
  return out;
}

}  // namespace

Engine::Engine(EngineParts parts)
    : parts_(std::move(parts)),
      fleet_(parts_.fleet, parts_.store,
             {.appeared =
                  [this](const v1::PhoneRecord& record) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                    sessions_.Add(record.identity(), record.device_id());
                  },
              .left =
                  [this](const std::string& id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                    sessions_.Leave(id);
                    told_.erase(id);
                  },
              .changed = [this](const PhoneChange& change)
                             ABSL_NO_THREAD_SAFETY_ANALYSIS { OnChanged(change); }}),
      sessions_(
          parts_.identity, parts_.key, parts_.store, parts_.clock,
          {.policy =
               [this](const std::string& id, PhonePolicyPtr policy) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                 fleet_.SetPolicy(id, std::move(policy), parts_.clock->Now());
               },
           .canaries =
               [this](const std::string& id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                 return fleet_.Canaries(id, parts_.clock->Now());
               },
           .report_anew =
               [this](const std::string& id) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                 if (id.empty()) {
                   told_itself_.clear();
                 } else {
                   told_.erase(id);
                   fleet_.ReportAnew(id, parts_.clock->Now());
                 }
               }}) {}

absl::Status Engine::Load() {
  MutexLock lock(&mu_);
  MUSTER_RETURN_IF_ERROR(sessions_.Load());
  MUSTER_RETURN_IF_ERROR(fleet_.Load(parts_.clock->Now()));
  for (const v1::PhoneRecord& record : fleet_.records()) {
    sessions_.Add(record.identity(), record.device_id());
  }
  v1::Report body;
  body.mutable_status()->set_agent_version(parts_.version);
  body.mutable_status()->set_hostname(parts_.host_name);
  MUSTER_RETURN_IF_ERROR(sessions_.Report("", std::move(body)));
  return sessions_.Flush();
}

void Engine::WakeAll() {
  ++events_;
  changed_.NotifyAll();
}

void Engine::Wait(absl::Time until) {
  MutexLock lock(&mu_);
  const uint64_t seen = events_;
  while (!stop_ && events_ == seen) {
    const absl::Duration left = until - parts_.clock->Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mu_, std::min(left, absl::Seconds(1)));
  }
}

void Engine::Stop() {
  MutexLock lock(&mu_);
  stop_ = true;
  changed_.NotifyAll();
}

bool Engine::stopped() const {
  MutexLock lock(&mu_);
  return stop_;
}

void Engine::Flush() {
  const absl::Status flushed = sessions_.Flush();
  if (!flushed.ok()) Log(Severity::kError, "the state cannot be saved: ", flushed.message());
}

std::optional<UemCall> Engine::TakeCall(absl::Time* wake_at) {
  MutexLock lock(&mu_);
  const absl::Time now = parts_.clock->Now();
  absl::StatusOr<std::optional<UemCall>> next = fleet_.Next(now);
  Flush();
  *wake_at = fleet_.WakeAt(now);
  if (next.ok()) return *std::move(next);
  // What is not saved is not sent.
  Log(Severity::kError, "no call to the UEM: ", next.status().message());
  *wake_at = now + absl::Seconds(1);
  return std::nullopt;
}

void Engine::GiveAnswer(const UemCall& call, const UemAnswer& answer) {
  MutexLock lock(&mu_);
  fleet_.Answer(call, answer, parts_.clock->Now());
  Flush();
  WakeAll();
}

void Engine::Hint(const std::string& uem_id) {
  MutexLock lock(&mu_);
  fleet_.Hint(uem_id, parts_.clock->Now());
  WakeAll();
}

v1::AgentMessage Engine::MakeHello() {
  MutexLock lock(&mu_);
  return sessions_.MakeHello();
}

void Engine::OnConnected() {
  MutexLock lock(&mu_);
  Log(Severity::kInfo, "connected to the controller, speaking for ", sessions_.size(), " phones");
  link_error_.clear();
  sessions_.OnConnected();
  WakeAll();
}

void Engine::OnDisconnected(const absl::Status& why) {
  MutexLock lock(&mu_);
  std::string text(why.message());
  // Once per outage and cause.
  if (sessions_.connected() || text != link_error_) {
    Log(Severity::kWarning, "no connection to the controller: ", text,
        "; phones keep their last signed policy");
  }
  link_error_ = std::move(text);
  sessions_.OnDisconnected();
}

void Engine::OnMessage(const v1::ControllerMessage& message) {
  MutexLock lock(&mu_);
  sessions_.OnMessage(message);
  WakeAll();
}

void Engine::ReportPhone(const std::string& device_id, v1::Report body) {
  const absl::Status status = sessions_.Report(device_id, std::move(body));
  // The fleet tells it again with the next change; the store's trouble is logged by Flush().
  if (!status.ok()) Log(Severity::kError, device_id, ": no report: ", status.message());
}

void Engine::OnChanged(const PhoneChange& change) {
  Told& told = told_[change.device_id];
  if (change.inventory) {
    v1::Report body;
    *body.mutable_inventory() = *change.inventory;
    ReportPhone(change.device_id, std::move(body));
  }
  v1::Report phone;
  *phone.mutable_phone() = change.report;
  ReportPhone(change.device_id, std::move(phone));
  if (!change.status) return;  // no policy is known: nothing is enforced, and nothing is claimed
  if (std::string status = change.status->SerializeAsString(); status != told.status) {
    v1::Report body;
    *body.mutable_status() = *change.status;
    ReportPhone(change.device_id, std::move(body));
    told.status = std::move(status);
  }
  if (std::string proof = WithoutTimes(change.canaries); proof != told.canaries) {
    v1::Report body;
    body.mutable_policy()->mutable_canaries()->Assign(change.canaries.begin(),
                                                      change.canaries.end());
    ReportPhone(change.device_id, std::move(body));
    told.canaries = std::move(proof);
  }
}

void Engine::TellSigningTrouble(v1::BridgeReport& report, absl::Time now) {
  if (!parts_.fleet.signing_trouble) return;
  std::string trouble = parts_.fleet.signing_trouble(now);
  // Its words count the days, so it is logged daily until somebody acts.
  if (trouble != signing_trouble_ && !trouble.empty()) Log(Severity::kWarning, trouble);
  signing_trouble_ = std::move(trouble);
  if (signing_trouble_.empty()) return;
  const std::string& other = report.last_error();
  report.set_last_error(
      Words(absl::StrCat(signing_trouble_, other.empty() ? "" : "; and ", other)));
}

void Engine::ReportItself(absl::Time now) {
  if (now < kept_report_at_ + limits::kBridgeStatusEvery) return;
  kept_report_at_ = now;
  v1::BridgeReport report = fleet_.report();
  report.set_uem(parts_.uem);
  TellSigningTrouble(report, now);
  // For `status`, which may be asked at any time.
  if (std::string bytes = report.SerializeAsString(); bytes != kept_report_) {
    parts_.store->Write(kBridgeReportFile, bytes).IgnoreError();
    kept_report_ = std::move(bytes);
  }
  if (now < told_itself_at_ + limits::kBridgeReportEvery) return;
  const std::string words = WithoutTimes(report);
  told_itself_at_ = now;
  if (words == told_itself_) return;
  v1::Report body;
  *body.mutable_bridge() = std::move(report);
  if (sessions_.Report("", std::move(body)).ok()) told_itself_ = words;
}

absl::Time Engine::Tick() {
  MutexLock lock(&mu_);
  const absl::Time now = parts_.clock->Now();
  ReportItself(now);
  sessions_.Tick();
  Flush();
  return std::min(sessions_.NextTick(), kept_report_at_ + limits::kBridgeStatusEvery);
}

}  // namespace muster::bridge
