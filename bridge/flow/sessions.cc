// The stream: Hellos, reports and their acknowledgements, refusals; what leaves, and when.
#include "bridge/flow/sessions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/domain/seen_log.h"
#include "agent/domain/text.h"
#include "common/bridge_limits.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"
#include "common/version.h"

namespace muster::bridge {
namespace {

constexpr absl::Duration kFlushRetry = absl::Seconds(10);
constexpr char kLeftDir[] = "left";       // PhoneIdentity of phones that left
constexpr char kProvenFile[] = "proven";  // the documents that the last PolicyReport named

std::string LeftName(const std::string& device_id) {
  return absl::StrCat(kLeftDir, "/", device_id);
}

std::string ProvenName(const std::string& device_id) {
  return absl::StrCat(kPhoneDir, "/", device_id, "/", kProvenFile);
}

std::string HashesOf(const std::vector<v1::PolicyReport::InForce>& in_force) {
  std::string all;
  for (const v1::PolicyReport::InForce& f : in_force) absl::StrAppend(&all, f.sha256(), " ");
  return Sha256(all);
}

void AddKnown(const std::vector<v1::PolicyReport::InForce>& in_force, v1::Hello& hello) {
  for (const v1::PolicyReport::InForce& f : in_force) {
    v1::KnownDocument* const known = hello.add_known();
    known->set_name(f.name());
    known->set_version(f.version());
    known->set_sha256(f.sha256());
  }
}

void AddSeenLog(const v1::SeenLog& seen, v1::Hello& hello) {
  hello.set_audit_size(seen.size());
  hello.set_audit_root(seen.root());
  hello.set_audit_epoch(seen.epoch());
}

}  // namespace

Sessions::Sessions(BridgeIdentity identity, PrivateKey key, BridgeStore* store, const Clock* clock,
                   SessionEvents events)
    : identity_(std::move(identity)),
      store_(store),
      clock_(clock),
      events_(std::move(events)),
      blobs_(store),
      reports_(identity_.bridge_id, std::move(key), store, &blobs_, clock),
      outbox_([this](uint64_t after) { return reports_.Next(after); }, clock,
              limits::kMaxBridgeAnswers),
      own_({identity_.tenant, identity_.bridge_id, identity_.certificate_key_sha256,
            v1::Platform::UNSPECIFIED},
           store, clock, [](const auto&) {}),
      acceptors_({identity_.tenant, identity_.bridge_id, identity_.certificate_key_sha256,
                  v1::Platform::UNSPECIFIED},
                 store, &blobs_, clock, [this](const std::string& device_id, auto policy) {
                   OnApplied(device_id, std::move(policy));
                 }) {}

absl::Status Sessions::Load() {
  MUSTER_RETURN_IF_ERROR(own_.Load());
  sweep_at_ = clock_->Now();
  SweepBlobs(sweep_at_);
  return reports_.Open("");
}

void Sessions::Note(const std::string& device_id, absl::string_view what) {
  last_error_ = absl::StrCat(device_id, device_id.empty() ? "" : ": ",
                             agent::CleanText(what, limits::kMaxReasonBytes));
}

void Sessions::Say(const std::string& device_id, v1::AgentMessage message) {
  if (!connected_) return;
  message.set_device_id(device_id);
  dirty_ = true;
  unsent_.push_back(std::move(message));
}

v1::AgentMessage Sessions::MakeHello() {
  // The heads that it names must not go back.
  Flush().IgnoreError();
  v1::AgentMessage out;
  v1::Hello& hello = *out.mutable_hello();
  hello.set_agent_version(kVersion);
  hello.set_instance_id(identity_.instance_id);
  if (const auto head = reports_.Head(""); head.ok()) {
    hello.set_report_seq(head->seq());
    hello.set_report_sha256(head->sha256());
  }
  if (own_.current() != nullptr) {
    AddSeenLog(own_.seen_log(), hello);
    AddKnown(own_.current()->in_force, hello);
  }
  return out;
}

absl::StatusOr<v1::AgentMessage> Sessions::HelloOf(const std::string& device_id,
                                                   const Phone& phone) {
  v1::AgentMessage out;
  v1::Hello& hello = *out.mutable_hello();
  hello.set_agent_version(kVersion);
  hello.set_instance_id(identity_.instance_id);
  *hello.mutable_phone() = phone.identity;
  MUSTER_ASSIGN_OR_RETURN(const v1::ReportChain head, reports_.Head(device_id));
  hello.set_report_seq(head.seq());
  hello.set_report_sha256(head.sha256());
  const PhoneStore files(device_id, store_, &blobs_);
  MUSTER_ASSIGN_OR_RETURN(const auto kept, files.ReadKept(phone.identity.platform()));
  if (kept) {
    AddSeenLog(kept->own.audit_log(), hello);
    AddKnown(kept->in_force, hello);
  }
  return out;
}

void Sessions::Greet(const std::string& device_id, const Phone& phone) {
  absl::StatusOr<v1::AgentMessage> hello = HelloOf(device_id, phone);
  if (!hello.ok()) return Note(device_id, hello.status().message());
  Say(device_id, *std::move(hello));
  if (connected_) to_begin_.push_back(device_id);
}

void Sessions::OnConnected() {
  connected_ = true;
  last_error_.clear();
  reports_.Reset();
  reports_.Begin("");
  to_greet_.clear();
  for (auto& [device_id, phone] : phones_) {
    phone.refused = false;
    to_greet_.push_back(device_id);
  }
  SayFarewells();
  Tick();
}

void Sessions::OnDisconnected() {
  connected_ = false;
  reports_.Reset();
  to_greet_.clear();
  unsent_.clear();
  to_begin_.clear();
  // The next stream offers everything afresh.
  turns_.Clear();
  acceptors_.UnpinAll();
  to_resume_.clear();
  for (auto& [device_id, phone] : phones_) phone.waiting.clear();
}

// The controller may not have heard it: there is no answer to a Leave.
void Sessions::SayFarewells() {
  const auto left = store_->List(kLeftDir);
  if (!left.ok()) return Note("", left.status().message());
  for (const std::string& device_id : *left) {
    const auto bytes = store_->Read(LeftName(device_id));
    Phone phone;
    if (!bytes.ok() || !*bytes || !phone.identity.ParseFromString(**bytes)) continue;
    absl::StatusOr<v1::AgentMessage> hello = HelloOf(device_id, phone);
    if (!hello.ok()) continue;
    Say(device_id, *std::move(hello));
    v1::AgentMessage leave;
    leave.mutable_leave();
    Say(device_id, std::move(leave));
  }
}

void Sessions::Add(const v1::PhoneIdentity& phone, const std::string& device_id) {
  const auto it = phones_.find(device_id);
  if (it == phones_.end() && phones_.size() >= limits::kMaxPhones) {
    return Note(device_id, absl::StrCat("a bridge speaks for ", limits::kMaxPhones,
                                        " phones at most; set up another one"));
  }
  Phone& known = phones_[device_id];
  known.identity = phone;
  if (it == phones_.end()) {
    store_->Remove(LeftName(device_id)).IgnoreError();
    if (const absl::Status opened = reports_.Open(device_id); !opened.ok()) {
      Note(device_id, opened.message());
    }
    AcceptorOf(device_id, known);
  }
  if (connected_) Greet(device_id, known);
  AfterStep();
}

void Sessions::Leave(const std::string& device_id) {
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) return;
  // Before anything is forgotten: what is not saved is said again.
  store_->Write(LeftName(device_id), it->second.identity.SerializeAsString()).IgnoreError();
  v1::AgentMessage leave;
  leave.mutable_leave();
  Say(device_id, std::move(leave));
  StopFetching(device_id);
  acceptors_.Drop(device_id);
  reports_.Forget(device_id);
  due_.erase({it->second.due, device_id});
  owed_.erase(device_id);
  phones_.erase(it);
  AfterStep();
}

absl::StatusOr<std::string> Sessions::FillPolicyReport(const std::string& device_id,
                                                       v1::PolicyReport& report) {
  std::vector<v1::PolicyReport::InForce> in_force;
  if (device_id.empty()) {
    if (own_.current() != nullptr) in_force = own_.current()->in_force;
  } else {
    const PhoneStore files(device_id, store_, &blobs_);
    MUSTER_ASSIGN_OR_RETURN(auto kept, files.ReadKept(phones_[device_id].identity.platform()));
    if (kept) in_force = std::move(kept->in_force);
  }
  report.mutable_documents()->Assign(in_force.begin(), in_force.end());
  return HashesOf(in_force);
}

absl::Status Sessions::Report(const std::string& device_id, v1::Report body) {
  if (!device_id.empty() && !phones_.contains(device_id)) {
    return absl::NotFoundError(absl::StrCat("this bridge speaks for no phone ", device_id));
  }
  std::string proves;
  if (body.has_policy()) {
    MUSTER_ASSIGN_OR_RETURN(proves, FillPolicyReport(device_id, *body.mutable_policy()));
  }
  if (body.has_bridge() && body.bridge().last_error().empty()) {
    body.mutable_bridge()->set_last_error(last_error_);
  }
  dirty_ = true;
  absl::Status status = reports_.Append(device_id, std::move(body));
  if (status.ok() && !proves.empty() && !device_id.empty()) {
    owed_.erase(device_id);
    status = store_->Write(ProvenName(device_id), proves);
  }
  if (!status.ok()) Note(device_id, status.message());
  return status;
}

void Sessions::ReportOwedProofs() {
  for (const std::string& device_id : std::exchange(owed_, {})) {
    v1::Report body;
    v1::PolicyReport& policy = *body.mutable_policy();
    if (events_.canaries) {
      const std::vector<v1::Canary> canaries = events_.canaries(device_id);
      policy.mutable_canaries()->Assign(canaries.begin(), canaries.end());
    }
    // What could not be saved is owed still.
    if (!Report(device_id, std::move(body)).ok() && phones_.contains(device_id)) {
      owed_.insert(device_id);
      flush_again_ = std::min(flush_again_, clock_->Now() + kFlushRetry);
    }
  }
}

absl::Status Sessions::Flush() {
  Announce();
  flush_again_ = absl::InfiniteFuture();
  ReportOwedProofs();
  if (absl::Status status = store_->Commit(); !status.ok()) {
    Note("", absl::StrCat("the bridge's state could not be saved: ", status.message()));
    flush_again_ = clock_->Now() + kFlushRetry;
    return status;
  }
  dirty_ = flush_again_ < absl::InfiniteFuture();
  for (v1::AgentMessage& message : std::exchange(unsent_, {})) outbox_.Push(std::move(message));
  // Only now: the stream takes reports from another thread, and a phone's Hello must be before
  // them.
  for (const std::string& device_id : std::exchange(to_begin_, {})) {
    if (phones_.contains(device_id)) reports_.Begin(device_id);
  }
  reports_.Committed();
  outbox_.Wake();
  return absl::OkStatus();
}

void Sessions::AfterStep() {
  Announce();
  dirty_ = dirty_ || !owed_.empty();
  if (unsent_.size() >= limits::kMaxUnsentAnswers && flush_again_ == absl::InfiniteFuture()) {
    Flush().IgnoreError();
  }
}

// Apart from the step that made the change: who is told may report.
void Sessions::Announce() {
  if (std::exchange(announcing_, true)) return;
  while (!changes_.empty()) {
    for (auto& [device_id, policy] : std::exchange(changes_, {})) {
      if (events_.policy) events_.policy(device_id, std::move(policy));
    }
  }
  announcing_ = false;
}

void Sessions::OnMessage(const v1::ControllerMessage& message) {
  if (message.device_id().empty() || message.device_id() == identity_.bridge_id) {
    OnOwnMessage(message);
  } else {
    OnPhoneMessage(message);
  }
  AfterStep();
}

void Sessions::OnReportAck(const std::string& device_id, const v1::ReportAck& ack) {
  const absl::StatusOr<bool> ours = reports_.Acknowledge(device_id, ack.seq(), ack.sha256());
  if (!ours.ok()) return Note(device_id, ours.status().message());
  if (*ours) return;
  Note(device_id, absl::StrCat("the controller has other reports up to ", ack.seq(),
                               ": this state was copied or put back; all is reported anew"));
  if (events_.report_anew) events_.report_anew(device_id);
  if (!device_id.empty()) owed_.insert(device_id);
}

void Sessions::OnRefusal(const std::string& device_id, const v1::Refusal& refusal) {
  Note(device_id, refusal.message().empty() ? "the controller refused it" : refusal.message());
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) {
    // It left, and the controller wants to hear of it no more.
    store_->Remove(LeftName(device_id)).IgnoreError();
    return;
  }
  it->second.refused = true;
  to_begin_.erase(std::remove(to_begin_.begin(), to_begin_.end(), device_id), to_begin_.end());
  reports_.End(device_id);
  StopFetching(device_id);
}

// As a laptop does; for all phones the bridge tells what it has seen itself. A phone tells only of
// a log that was refused: that may have been shown to it alone.
void Sessions::TellWitness(const std::string& device_id, agent::PolicyAcceptor& acceptor) {
  const absl::Time now = clock_->Now();
  const v1::SeenLog& seen = acceptor.seen_log();
  if (!agent::WitnessDue(seen, now)) return;
  if (!device_id.empty() && seen.refused_code().empty()) return;
  v1::Report body;
  *body.mutable_witness() = agent::WitnessReportOf(seen);
  // A crash between the two tells it twice, never not at all: both are one commit.
  if (!Report(device_id, std::move(body)).ok()) return;
  const absl::Status saved = acceptor.MarkWitnessTold(now);
  if (!saved.ok()) Note(device_id, saved.message());
}

void Sessions::Tick() {
  const absl::Time now = clock_->Now();
  for (size_t i = 0; i < limits::kMaxPhonesPerTick && !to_greet_.empty(); ++i) {
    const auto it = phones_.find(to_greet_.front());
    to_greet_.pop_front();
    if (it != phones_.end()) Greet(it->first, it->second);
  }
  for (size_t i = 0; i < limits::kMaxPhonesPerTick && ResumeOne(); ++i) {
  }
  for (size_t i = 0; i < limits::kMaxPhonesPerTick && RenewOne(now); ++i) {
  }
  if (now >= sweep_at_ && turns_.empty()) SweepBlobs(now);
  AfterStep();
  Flush().IgnoreError();
}

absl::Time Sessions::NextTick() const {
  const bool failed = flush_again_ < absl::InfiniteFuture();
  if (!to_greet_.empty() || !to_resume_.empty() || (dirty_ && !failed)) {
    return absl::InfinitePast();
  }
  const absl::Time due = due_.empty() ? absl::InfiniteFuture() : due_.begin()->first;
  return std::min({due, sweep_at_, flush_again_});
}

}  // namespace muster::bridge
