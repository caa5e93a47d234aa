// The agent itself: what happens when a policy, a change on the machine, a question or a tick
// arrives. Knows no socket, file or kernel interface; main.cc gives it those.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/domain/inventory.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/candidates.h"
#include "agent/flow/disarm.h"
#include "agent/flow/enforcer.h"
#include "agent/flow/inventory_keeper.h"
#include "agent/flow/machine.h"
#include "agent/flow/notifier.h"
#include "agent/flow/outbox.h"
#include "agent/flow/report_log.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

class Archivist;
class HeldExport;
class WebClients;

// Thread-safe, except that Start comes first and OnMessage is for one stream at a time.
class Agent {
 public:
  struct Parts {
    DeviceIdentity identity;
    std::string controller;
    StateStore* store = nullptr;
    const Clock* clock = nullptr;
    Machine* machine = nullptr;
    Enforcer* enforcer = nullptr;
    ReportLog* reports = nullptr;
    NoticeChannel* notices = nullptr;   // null: nobody is told why an app was stopped
    WebClients* web_clients = nullptr;  // null: browsers are left alone
    Archivist* archivist = nullptr;     // null: nothing is archived
    std::string instance_id;            // random per start
    // When the device certificate ends; empty: not known.
    std::function<absl::Time()> certificate_not_after;
    // Asks the main loop to call Work soon; never blocks.
    std::function<void()> wake;
  };
  explicit Agent(Parts parts);

  // Puts the last good policy in force, before any connection, and queues the first reports.
  // NOT_FOUND: not enrolled; DATA_LOSS.
  absl::Status Start();

  // The main loop calls these; all may read files.
  void OnInventoryChanged(unsigned sources = kAllSources);  // bits of InventorySource
  void OnAccountsChanged();
  void OnBrowserFilesChanged();
  void Work();        // learns hashes that wait
  absl::Time Tick();  // time-driven work; when to call it again at the latest
  void FlushExecs();  // queues a report of the decisions made, then tells those concerned
  void ReportStatusIfChanged();
  void OnMountsChanged();  // after the enforcer has marked what is new
  // Runs the probes that are due and queues what they showed as a signed PolicyReport; may take
  // seconds. Due: after a start, a change of policy or mode, a new filesystem, and each hour at a
  // minute of this device's own, so that a fleet does not report all at once. The hourly one is
  // proof of life: queued while connected, else only when the result is another.
  void ProveIfDue();

  // The stream.
  v1::AgentMessage MakeHello();
  void OnConnected();
  void OnDisconnected(const absl::Status& why);
  void OnMessage(const v1::ControllerMessage& message);
  Outbox& outbox() { return outbox_; }

  // The local socket. `uid` is the caller's, from the kernel; `file` came with the question.
  v1::ControlReply Answer(const v1::ControlRequest& request, uint32_t uid,
                          std::shared_ptr<HeldExport> file = nullptr);

 private:
  void Apply(std::shared_ptr<const AcceptedPolicy> policy);
  void UpdateWebClients() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  // `found`: the candidates, when they are known already.
  void Rebuild(bool candidates_too, std::optional<Candidates> found = std::nullopt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  bool RebuildIfCandidatesChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  void LearnPrograms();
  // The daily look, hashes that wait, what is to be saved; when to call it again.
  absl::Time TickInventory(absl::Time now);
  absl::Time HashNext(absl::Time now);
  void ReportInventory();
  void LabelInventory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  // The next PolicyReport is owed whatever the probes show, soon.
  void OweProof() ABSL_LOCKS_EXCLUDED(mu_);
  void ReportProof(const AcceptedPolicy& in_force, std::vector<v1::Canary> canaries, bool owed);
  // False: it could not be saved, and is to be tried again.
  bool QueueReport(v1::Report body);
  void QueueExecs(v1::ExecReport execs);
  // Queues what happened once and cannot be read anew; kept in memory when the disk is full.
  bool QueueEvent(v1::Report body);
  void RetryEvents();
  // The mode that the enforcer is in, and whether the cohort's policy asks for reports only.
  v1::StatusReport::Mode ModeNow(const EnforcerStatus& enforcer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CohortMonitors() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The next moment at which the same policy decides otherwise.
  absl::Time NextChange(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  absl::Time NextHourlyProof(absl::Time now) const;
  void OnOutcome(AcceptOutcome outcome);
  void OnReportAck(const v1::ReportAck& ack);
  void RaiseAlarm(std::string text);
  // Queues a WitnessReport when one is due. On the stream's thread.
  void TellWitness();
  // What an emergency deny names that this device cannot recognise.
  std::vector<std::string> EmergencyWarnings() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddPolicyStatus(absl::Time now, v1::AgentStatus& out) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<std::string> WantedAccounts() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(apply_mu_);
  v1::StatusReport MakeStatusReport() const ABSL_LOCKS_EXCLUDED(mu_);
  v1::AgentStatus MakeStatus() const ABSL_LOCKS_EXCLUDED(mu_);
  v1::ControlReply Explain(const v1::ControlRequest::Explain& request, uint32_t uid);
  v1::ControlReply Disarm(const v1::ControlRequest::Disarm& request, uint32_t uid);
  // Questions of `muster-agent archive`.
  v1::ControlReply AnswerArchive(const v1::ControlRequest& request, uint32_t uid,
                                 std::shared_ptr<HeldExport> file);
  v1::ControlReply OpenExportWindow(const std::string& app_id, uint32_t uid);
  void OnReceipts(const v1::ReceiptUpdate& update);
  absl::Status SetDisarmed(const v1::DisarmReport& report);
  std::string AccountName(uint32_t uid);
  std::shared_ptr<const PolicyIndex> policy() const ABSL_LOCKS_EXCLUDED(mu_);

  const Parts parts_;
  Outbox outbox_;
  PolicyAcceptor acceptor_;
  Notifier notifier_;

  // Serialises whatever changes the state in force. Always taken before mu_.
  Mutex apply_mu_;
  std::shared_ptr<const AcceptedPolicy> accepted_ ABSL_GUARDED_BY(apply_mu_);
  std::vector<Account> accounts_ ABSL_GUARDED_BY(apply_mu_);
  InventoryKeeper inventory_ ABSL_GUARDED_BY(apply_mu_);
  absl::Time next_full_inventory_ ABSL_GUARDED_BY(apply_mu_) = absl::InfiniteFuture();
  absl::Time next_hash_ ABSL_GUARDED_BY(apply_mu_) = absl::InfinitePast();
  v1::LearnedHashes learned_ ABSL_GUARDED_BY(apply_mu_);
  std::map<std::string, FileStamp> hashed_ ABSL_GUARDED_BY(apply_mu_);  // path -> when hashed
  std::vector<ProgramFile> to_learn_ ABSL_GUARDED_BY(apply_mu_);
  std::shared_ptr<const CandidateIndex> candidates_ ABSL_GUARDED_BY(apply_mu_);
  std::string candidates_for_ ABSL_GUARDED_BY(apply_mu_);  // hashes of the documents they fit
  absl::Time next_expiry_ ABSL_GUARDED_BY(apply_mu_) = absl::InfiniteFuture();
  absl::Time inventory_retry_at_ ABSL_GUARDED_BY(apply_mu_) = absl::InfinitePast();

  // What questions read; held for moments only.
  mutable Mutex mu_;
  std::shared_ptr<const PolicyIndex> policy_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const AcceptedPolicy> in_force_ ABSL_GUARDED_BY(mu_);
  std::map<uint32_t, std::string> name_of_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> local_accounts_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mu_);        // cannot enforce, by candidates
  std::vector<std::string> learn_notes_ ABSL_GUARDED_BY(mu_);  // not learnable
  std::vector<std::string> warnings_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::InventoryItem> catalogued_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> inventory_notes_ ABSL_GUARDED_BY(mu_);
  std::optional<v1::DisarmState> disarm_ ABSL_GUARDED_BY(mu_);
  bool connected_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time last_contact_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::string link_error_ ABSL_GUARDED_BY(mu_);
  std::string last_refused_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> alarms_ ABSL_GUARDED_BY(mu_);
  std::string last_status_ ABSL_GUARDED_BY(mu_);  // the last StatusReport, serialised
  v1::StatusReport::Mode last_mode_ ABSL_GUARDED_BY(mu_) = v1::StatusReport::UNSPECIFIED;
  // Of the cohort's policy, but never beyond its end.
  absl::Time monitor_until_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::string monitor_reason_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Canary> canaries_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> proven_marks_ ABSL_GUARDED_BY(mu_);  // what was marked at that time
  std::string proven_ ABSL_GUARDED_BY(mu_);  // the last result that was queued, without times
  bool proof_owed_ ABSL_GUARDED_BY(mu_) = true;
  absl::Time proof_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time hourly_proof_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  absl::Time last_proof_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  std::vector<v1::Report> unsaved_ ABSL_GUARDED_BY(mu_);  // events, oldest first
  uint64_t lost_decisions_ ABSL_GUARDED_BY(mu_) = 0;      // of execution reports not saved
};

}  // namespace muster::agent
