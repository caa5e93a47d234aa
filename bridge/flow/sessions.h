// One multiplexed stream: for each phone the documents that were accepted for it, verified exactly
// as on a laptop, and the chain of its reports.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/outbox.h"
#include "bridge/domain/phone_policy.h"
#include "bridge/flow/blob_store.h"
#include "bridge/flow/bridge_store.h"
#include "bridge/flow/chunk_turns.h"
#include "bridge/flow/phone_acceptors.h"
#include "bridge/flow/policy_maker.h"
#include "bridge/flow/report_queue.h"
#include "common/clock.h"
#include "common/crypto.h"
#include "muster/v1/device_service.pb.h"
#include "muster/v1/phone.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

struct BridgeIdentity {
  std::string tenant, bridge_id;
  std::string certificate_key_sha256;
  std::string instance_id;
};

// Called by the sessions, with the lock of their owner held; may call Report().
struct SessionEvents {
  // The signed documents of a phone say this now.
  std::function<void(const std::string& device_id, PhonePolicyPtr)> policy;
  // What proves the enforcement on a phone, for the report that its documents are in force; may be
  // null: nothing does.
  std::function<std::vector<v1::Canary>(const std::string& device_id)> canaries = {};
  // The controller holds other reports than were sent from here: this state was copied or put back.
  // Everything of this device (empty: of the bridge) is to be reported anew; may be null.
  std::function<void(const std::string& device_id)> report_anew = {};
};

// Thread-compatible: one lock around it; outbox() alone may be used from any thread.
//
// Answers and reports reach the outbox in Flush() alone, after the store was committed: what is
// not flushed never leaves. Tick() flushes, and NextTick() is at once while something waits for
// that: an owner whose loop obeys it forgets nothing, and one commit serves all that came in
// between.
class Sessions {
 public:
  Sessions(BridgeIdentity identity, PrivateKey key, BridgeStore* store, const Clock* clock,
           SessionEvents events);

  // The bridge's own documents and reports. NOT_FOUND: never enrolled; DATA_LOSS; UNAVAILABLE.
  absl::Status Load();

  // A stream begins: the bridge's own Hello is first, for Outbox::Open. OnConnected() queues those
  // of the phones, some at a time (Tick).
  v1::AgentMessage MakeHello();
  void OnConnected();
  void OnDisconnected();
  void OnMessage(const v1::ControllerMessage& message);

  // A phone that the bridge speaks for: at the start each that it knows, then each that appears or
  // whose identity changed. Its policy is told by the event, where it has one.
  void Add(const v1::PhoneIdentity& phone, const std::string& device_id);
  void Leave(const std::string& device_id);
  // Signed, chained and saved; sent after the next Flush(). An empty device id: the bridge's own.
  // A PolicyReport gets the documents in force, a BridgeReport last_error() where it has no error
  // of its own. NOT_FOUND: no such phone; RESOURCE_EXHAUSTED; UNAVAILABLE.
  absl::Status Report(const std::string& device_id, v1::Report body);

  // Commits the store, and hands over what rests on it. RESOURCE_EXHAUSTED, UNAVAILABLE: nothing
  // left; it stays for the next call.
  absl::Status Flush();
  // Documents end and entitlements expire: policies whose time has come are made anew. Work that
  // was put off goes on.
  void Tick();
  absl::Time NextTick() const;

  agent::Outbox& outbox() { return outbox_; }
  // What is to be told, committed or not; thread-safe as the outbox.
  ReportQueue& reports() { return reports_; }
  bool connected() const { return connected_; }
  size_t size() const { return phones_.size(); }
  // The last that went wrong since the stream began, with the phone's id; empty: nothing.
  const std::string& last_error() const { return last_error_; }
  // Signed documents that contradict each other; since the start.
  const std::vector<std::string>& alarms() const { return alarms_; }
  // The bridge's own documents; null before Load.
  std::shared_ptr<const agent::AcceptedPolicy> own() const { return own_.current(); }

 private:
  struct Phone {
    v1::PhoneIdentity identity;
    std::string documents;  // hashes of those in force
    bool refused = false;   // on this stream
    PhonePolicyPtr policy;
    absl::Time due = absl::InfiniteFuture();  // the policy is made anew
    bool assigned = false;                    // an assignment is in force
    // Until another phone has fetched their chunks, or until an assignment names the cohort.
    std::deque<v1::Update> waiting;
  };

  // Documents.
  void OnOwnMessage(const v1::ControllerMessage& message);
  void OnPhoneMessage(const v1::ControllerMessage& message);
  void OnApplied(const std::string& device_id, std::shared_ptr<const agent::AcceptedPolicy> policy);
  void MakePolicy(const std::string& device_id, Phone& phone, const agent::AcceptedPolicy& policy);
  void SetDue(const std::string& device_id, Phone& phone, absl::Time at);
  void OnUpdate(const std::string& device_id, Phone& phone, const v1::Update& update);
  void TakeUpdate(const std::string& device_id, Phone& phone, const v1::Update& update);
  void OnOutcome(const std::string& device_id, agent::AcceptOutcome outcome);
  void EndTurns(const std::string& device_id, const agent::AcceptOutcome& outcome);
  void StopFetching(const std::string& device_id);
  bool ResumeOne();
  bool RenewOne(absl::Time now);
  void SweepBlobs(absl::Time now);
  agent::PolicyAcceptor* AcceptorOf(const std::string& device_id, const Phone& phone);

  // The stream.
  void Say(const std::string& device_id, v1::AgentMessage message);
  void Greet(const std::string& device_id, const Phone& phone);
  absl::StatusOr<v1::AgentMessage> HelloOf(const std::string& device_id, const Phone& phone);
  void SayFarewells();
  void OnRefusal(const std::string& device_id, const v1::Refusal& refusal);
  void OnReportAck(const std::string& device_id, const v1::ReportAck& ack);
  void TellWitness(const std::string& device_id, agent::PolicyAcceptor& acceptor);
  void ReportOwedProofs();
  // The hashes of what it names.
  absl::StatusOr<std::string> FillPolicyReport(const std::string& device_id,
                                               v1::PolicyReport& report);
  void Announce();
  void AfterStep();
  void Note(const std::string& device_id, absl::string_view what);

  const BridgeIdentity identity_;
  BridgeStore* const store_;
  const Clock* const clock_;
  const SessionEvents events_;
  BlobStore blobs_;
  ReportQueue reports_;
  agent::Outbox outbox_;
  agent::PolicyAcceptor own_;
  PhoneAcceptors acceptors_;
  PolicyMaker maker_;
  ChunkTurns turns_;
  std::map<std::string, Phone> phones_;
  std::set<std::pair<absl::Time, std::string>> due_;
  std::deque<std::string> to_greet_, to_resume_;
  std::set<std::string> owed_;  // a PolicyReport, for the documents are others
  std::vector<std::pair<std::string, PhonePolicyPtr>> changes_;
  std::vector<v1::AgentMessage> unsent_;  // until the next Flush
  std::vector<std::string> to_begin_;     // whose reports may go when those have gone
  bool connected_ = false, announcing_ = false;
  bool dirty_ = false;  // something waits for a Flush
  absl::Time flush_again_ = absl::InfiniteFuture();
  absl::Time sweep_at_ = absl::InfiniteFuture();
  std::string last_error_;
  std::vector<std::string> alarms_;
};

}  // namespace muster::bridge
