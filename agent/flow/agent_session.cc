// The agent's conversations: the controller's stream and the local socket.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/flow/agent.h"
#include "agent/flow/archivist.h"
#include "agent/flow/control_reply.h"
#include "agent/flow/log.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/version.h"

namespace muster::agent {

v1::AgentMessage Agent::MakeHello() {
  v1::AgentMessage out;
  v1::Hello* hello = out.mutable_hello();
  hello->set_agent_version(kVersion);
  hello->set_instance_id(parts_.instance_id);
  const v1::ReportChain head = parts_.reports->head();
  hello->set_report_seq(head.seq());
  hello->set_report_sha256(head.sha256());
  MutexLock lock(&mu_);
  if (in_force_ != nullptr) {
    hello->set_audit_size(in_force_->audit_log.size());
    hello->set_audit_root(in_force_->audit_log.root());
    hello->set_audit_epoch(in_force_->audit_log.epoch());
    for (const v1::PolicyReport::InForce& f : in_force_->in_force) {
      v1::KnownDocument* known = hello->add_known();
      known->set_name(f.name());
      known->set_version(f.version());
      known->set_sha256(f.sha256());
    }
  }
  return out;
}

void Agent::OnConnected() {
  Log(Severity::kInfo, "connected to ", parts_.controller);
  MutexLock lock(&mu_);
  connected_ = true;
  last_contact_ = parts_.clock->Now();
  link_error_.clear();
}

void Agent::OnDisconnected(const absl::Status& why) {
  MutexLock lock(&mu_);
  const std::string text(why.message());
  // Once per outage and cause; a controller that is down for a week must not fill the journal.
  if (connected_ || text != link_error_) {
    Log(Severity::kWarning, "no connection to ", parts_.controller, ": ", text,
        "; the last good policy stays in force");
  }
  connected_ = false;
  link_error_ = text;
}

void Agent::OnReportAck(const v1::ReportAck& ack) {
  const uint64_t seq = ack.seq();
  if (!parts_.reports->IsForeign(seq, ack.sha256())) {
    const absl::Status status = parts_.reports->Acknowledge(seq);
    if (!status.ok()) Log(Severity::kError, status.message());
    return;
  }
  const absl::Status status = parts_.reports->SkipTo(seq);
  if (!status.ok()) return Log(Severity::kError, status.message());
  Log(Severity::kWarning, "the controller has other reports up to ", seq,
      ": this state was copied or put back; everything is reported anew");
  {
    MutexLock lock(&apply_mu_);
    inventory_.ReportInFull();
  }
  {
    MutexLock lock(&mu_);
    last_status_.clear();
  }
  if (parts_.archivist != nullptr) parts_.archivist->ReportInFull();
  ReportStatusIfChanged();
  ReportInventory();
  OweProof();
}

void Agent::OnMessage(const v1::ControllerMessage& message) {
  {
    MutexLock lock(&mu_);
    last_contact_ = parts_.clock->Now();
  }
  switch (message.message_case()) {
    case v1::ControllerMessage::kUpdate:
      return OnOutcome(acceptor_.Accept(message.update()));
    case v1::ControllerMessage::kChunk:
      return OnOutcome(acceptor_.AddChunk(message.chunk()));
    case v1::ControllerMessage::kBeacon:
      OnOutcome(acceptor_.AcceptBeacon(message.beacon()));
      return TellWitness();
    case v1::ControllerMessage::kThrottle:
      return outbox_.Throttle(FromProto(message.throttle().report_interval()));
    case v1::ControllerMessage::kReportAck:
      return OnReportAck(message.report_ack());
    case v1::ControllerMessage::kReceipts:
      return OnReceipts(message.receipts());
    case v1::ControllerMessage::kDrain:    // the link's
    case v1::ControllerMessage::kRefusal:  // a bridge's
    case v1::ControllerMessage::MESSAGE_NOT_SET:
      return;
  }
}

void Agent::OnOutcome(AcceptOutcome outcome) {
  for (v1::AgentMessage& answer : outcome.answers) outbox_.Push(std::move(answer));
  for (std::string& text : outcome.alarms) RaiseAlarm(std::move(text));
  if (!outcome.last_refused.empty()) {
    Log(Severity::kWarning, "refused ", outcome.last_refused);
    MutexLock lock(&mu_);
    last_refused_ = outcome.last_refused;
  }
  if (outcome.changed) {
    for (const v1::PolicyReport::InForce& f : acceptor_.current()->in_force) {
      Log(Severity::kInfo, "in force: ", f.name(), " version ", f.version());
    }
    ReportStatusIfChanged();
    // The probes run in the main loop: neither the Ack nor the next message waits for them.
    OweProof();
  }
}

// With the Beacons, which come every quarter of an hour: no report is owed without one.
void Agent::TellWitness() {
  const absl::Time now = parts_.clock->Now();
  if (!WitnessDue(acceptor_.seen_log(), now)) return;
  v1::Report body;
  *body.mutable_witness() = WitnessReportOf(acceptor_.seen_log());
  // Signed and on disk first: a crash between the two tells it twice, never not at all.
  if (!QueueReport(std::move(body))) return;
  const absl::Status saved = acceptor_.MarkWitnessTold(now);
  if (!saved.ok()) Log(Severity::kError, "accepted.pb could not be saved: ", saved.message());
}

// Once per text and start: the journal keeps it, `status` shows it.
void Agent::RaiseAlarm(std::string text) {
  MutexLock lock(&mu_);
  if (std::find(alarms_.begin(), alarms_.end(), text) != alarms_.end()) return;
  Log(Severity::kError, "ALARM: signed documents contradict each other: ", text);
  if (alarms_.size() >= limits::kMaxAlarms) alarms_.erase(alarms_.begin());
  alarms_.push_back(std::move(text));
}

namespace {

// What the person owes of the app's chats.
void AddOwed(const Archivist* archivist, const std::string& app_id, uint32_t uid,
             v1::Explanation& out) {
  if (archivist == nullptr) return;
  const std::optional<Archivist::Owed> owed = archivist->OwedFor(app_id, uid);
  if (!owed) return;
  v1::Explanation::Link* link = out.add_chain();
  link->set_condition("chats are exported in time");
  link->set_holds(!owed->overdue);
  link->set_detail(owed->words);
}

}  // namespace

std::string Agent::AccountName(uint32_t uid) {
  MutexLock lock(&mu_);
  const auto it = name_of_.find(uid);
  return it == name_of_.end() ? absl::StrCat("uid ", uid) : it->second;
}

v1::ControlReply Agent::Explain(const v1::ControlRequest::Explain& request, uint32_t uid) {
  uint32_t subject = uid;
  if (!request.user().empty()) {
    if (uid != 0) {
      return ErrorReply(absl::PermissionDeniedError(
          "only root may ask for another account; leave out --user or use sudo"));
    }
    const std::vector<Account> accounts = parts_.machine->Accounts({request.user()});
    const auto it = std::find_if(accounts.begin(), accounts.end(),
                                 [&](const Account& a) { return a.name == request.user(); });
    if (it == accounts.end()) {
      return ErrorReply(
          absl::NotFoundError(absl::StrCat("there is no account ", request.user(), " here")));
    }
    subject = it->uid;
  }
  const std::shared_ptr<const PolicyIndex> index = policy();
  if (index == nullptr) {
    return ErrorReply(absl::FailedPreconditionError(
        "no policy has reached this device yet; check its connection with `muster-agent status`"));
  }
  const std::optional<AppIndex> app = index->FindApp(request.app_id());
  if (!app) {
    return ErrorReply(absl::NotFoundError(absl::StrCat(
        "the catalogue has no app '", request.app_id().substr(0, limits::kMaxAppIdBytes),
        "'; use its id, for example whatsapp")));
  }
  v1::ControlReply out;
  v1::Explanation decided = index->Explain(*app, subject, parts_.clock->Now());
  v1::Explanation* explanation = out.mutable_explanation();
  explanation->set_verdict(decided.verdict());
  explanation->set_reason(decided.reason());
  explanation->set_next_step(decided.next_step());
  const v1::AgentStatus status = MakeStatus();
  std::string versions;
  for (const v1::PolicyReport::InForce& f : status.documents()) {
    absl::StrAppend(&versions, versions.empty() ? "" : ", ", f.name(), " version ", f.version());
  }
  v1::Explanation::Link* in_force = explanation->add_chain();
  in_force->set_condition("a signed policy is in force and has not ended");
  in_force->set_holds(!status.policy_stale());
  in_force->set_detail(absl::StrCat(versions, status.policy_stale() ? "; ended " : "; until ",
                                    TimeText(FromProto(status.policy_not_after()))));
  v1::Explanation::Link* enforcing = explanation->add_chain();
  enforcing->set_condition("this device enforces");
  enforcing->set_holds(status.mode() == v1::StatusReport::ENFORCING);
  enforcing->set_detail(absl::StrCat("mode ", v1::StatusReport::Mode_Name(status.mode()),
                                     ", decided for ", AccountName(subject)));
  for (v1::Explanation::Link& link : *decided.mutable_chain()) {
    explanation->add_chain()->Swap(&link);
  }
  AddOwed(parts_.archivist, request.app_id(), subject, *explanation);
  return out;
}

// What is in memory changes even when nothing can be saved: a full disk must not keep a wrong
// block alive.
absl::Status Agent::SetDisarmed(const v1::DisarmReport& report) {
  parts_.enforcer->SetArmed(report.rearmed());
  {
    MutexLock lock(&mu_);
    v1::DisarmState state;
    *state.mutable_disarm() = report;
    disarm_ = state;
  }
  if (report.rearmed()) parts_.enforcer->KillDisallowed();
  Log(Severity::kWarning, report.rearmed() ? "armed again: " : "disarmed: ", report.reason());
  absl::Status saved = SaveDisarm(*parts_.store, report, false);
  v1::Report body;
  *body.mutable_disarm() = report;
  const bool queued = QueueEvent(std::move(body));
  if (saved.ok() && queued) MUSTER_RETURN_IF_ERROR(SaveDisarm(*parts_.store, report, true));
  ReportStatusIfChanged();
  parts_.wake();
  return saved;
}

v1::ControlReply Agent::Disarm(const v1::ControlRequest::Disarm& request, uint32_t uid) {
  DisarmRequest in;
  in.reason = request.reason();
  in.duration = request.has_duration() ? FromProto(request.duration()) : limits::kDefaultDisarm;
  in.rearm = request.rearm();
  in.by_uid = uid;
  in.by_account = AccountName(uid);
  absl::StatusOr<v1::DisarmReport> report = MakeDisarm(in, parts_.clock->Now());
  if (!report.ok()) return ErrorReply(report.status());
  const absl::Status status = SetDisarmed(*report);
  v1::ControlReply out;
  *out.mutable_disarm() = *report;
  if (!status.ok()) {
    Log(Severity::kError, "disarm.pb could not be saved, a restart arms again: ", status.message());
  }
  return out;
}

v1::ControlReply Agent::Answer(const v1::ControlRequest& request, uint32_t uid,
                               std::shared_ptr<HeldExport> file) {
  switch (request.request_case()) {
    case v1::ControlRequest::kStatus: {
      v1::ControlReply out;
      *out.mutable_status() = MakeStatus();
      return out;
    }
    case v1::ControlRequest::kExplain:
      return Explain(request.explain(), uid);
    case v1::ControlRequest::kDisarm:
      return Disarm(request.disarm(), uid);
    case v1::ControlRequest::kArchiveOpen:
    case v1::ControlRequest::kArchiveStatus:
    case v1::ControlRequest::kArchiveState:
    case v1::ControlRequest::kArchiveGuide:
    case v1::ControlRequest::kArchiveSubmit:
      return AnswerArchive(request, uid, std::move(file));
    case v1::ControlRequest::REQUEST_NOT_SET:
      break;
  }
  return ErrorReply(absl::InvalidArgumentError("the question was not understood"));
}

}  // namespace muster::agent
