// The documents of the phones: verified one by one, fetched once for all, and what they say.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bridge/flow/sessions.h"
#include "common/bridge_limits.h"
#include "common/limits.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

std::string HashesInForce(const agent::AcceptedPolicy& policy) {
  std::string all;
  for (const v1::PolicyReport::InForce& f : policy.in_force) {
    absl::StrAppend(&all, f.sha256(), " ");
  }
  return Sha256(all);
}

// Of the cohort policies in an update.
std::vector<std::string> CohortHashes(const v1::Update& update) {
  std::vector<std::string> out;
  for (const v1::SignedDoc& doc : update.documents()) {
    if (doc.payload_type() == kCohortKind.payload_type) out.push_back(Sha256Hex(doc.payload()));
  }
  return out;
}

bool HasAssignment(const v1::Update& update) {
  return std::any_of(
      update.documents().begin(), update.documents().end(),
      [](const v1::SignedDoc& doc) { return doc.payload_type() == kAssignmentKind.payload_type; });
}

}  // namespace

agent::PolicyAcceptor* Sessions::AcceptorOf(const std::string& device_id, const Phone& phone) {
  absl::StatusOr<agent::PolicyAcceptor*> acceptor =
      acceptors_.Get(device_id, phone.identity.platform());
  if (acceptor.ok()) return *acceptor;
  Note(device_id, acceptor.status().message());
  return nullptr;
}

void Sessions::OnOwnMessage(const v1::ControllerMessage& message) {
  switch (message.message_case()) {
    case v1::ControllerMessage::kUpdate:
      return OnOutcome("", own_.Accept(message.update()));
    case v1::ControllerMessage::kChunk:
      return OnOutcome("", own_.AddChunk(message.chunk()));
    case v1::ControllerMessage::kBeacon:
      OnOutcome("", own_.AcceptBeacon(message.beacon()));
      return TellWitness("", own_);
    case v1::ControllerMessage::kThrottle:
      return outbox_.Throttle(FromProto(message.throttle().report_interval()));
    case v1::ControllerMessage::kReportAck:
      return OnReportAck("", message.report_ack());
    case v1::ControllerMessage::kRefusal:
      return Note("", message.refusal().message());
    case v1::ControllerMessage::kDrain:     // the link's
    case v1::ControllerMessage::kReceipts:  // of exports, which are made on laptops
    case v1::ControllerMessage::MESSAGE_NOT_SET:
      return;
  }
}

void Sessions::OnPhoneMessage(const v1::ControllerMessage& message) {
  const std::string& device_id = message.device_id();
  if (message.has_refusal()) return OnRefusal(device_id, message.refusal());
  if (message.has_throttle()) {
    return outbox_.Throttle(FromProto(message.throttle().report_interval()));
  }
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) return;  // it left while this was on its way
  Phone& phone = it->second;
  switch (message.message_case()) {
    case v1::ControllerMessage::kUpdate:
      return OnUpdate(device_id, phone, message.update());
    case v1::ControllerMessage::kChunk: {
      if (agent::PolicyAcceptor* const acceptor = AcceptorOf(device_id, phone)) {
        OnOutcome(device_id, acceptor->AddChunk(message.chunk()));
      }
      return;
    }
    case v1::ControllerMessage::kBeacon: {
      if (agent::PolicyAcceptor* const acceptor = AcceptorOf(device_id, phone)) {
        OnOutcome(device_id, acceptor->AcceptBeacon(message.beacon()));
        TellWitness(device_id, *acceptor);
      }
      return;
    }
    case v1::ControllerMessage::kReportAck:
      return OnReportAck(device_id, message.report_ack());
    case v1::ControllerMessage::kThrottle:
    case v1::ControllerMessage::kRefusal:
    case v1::ControllerMessage::kDrain:
    case v1::ControllerMessage::kReceipts:
    case v1::ControllerMessage::MESSAGE_NOT_SET:
      return;
  }
}

void Sessions::OnUpdate(const std::string& device_id, Phone& phone, const v1::Update& update) {
  const std::vector<std::string> cohorts = CohortHashes(update);
  const bool assigns = HasAssignment(update);
  // A phone that was registered a moment ago: its cohort's policy may be here before the assignment
  // that names the cohort, and would be refused for good.
  const bool early = !phone.assigned && !assigns && !cohorts.empty();
  const bool first = !phone.assigned && assigns && cohorts.empty();
  bool waits = early || (!first && !phone.waiting.empty());
  for (const std::string& sha256 : cohorts) waits = waits || turns_.Wait(sha256, device_id);
  if (!waits) {
    TakeUpdate(device_id, phone, update);
    if (first && !phone.waiting.empty()) to_resume_.push_back(device_id);
    return;
  }
  // As from a controller that resends: the newest says everything that is still wanted.
  if (phone.waiting.size() >= limits::kMaxWaitingUpdates) phone.waiting.pop_front();
  phone.waiting.push_back(update);
}

void Sessions::TakeUpdate(const std::string& device_id, Phone& phone, const v1::Update& update) {
  agent::PolicyAcceptor* const acceptor = AcceptorOf(device_id, phone);
  if (acceptor == nullptr) return;
  agent::AcceptOutcome outcome = acceptor->Accept(update);
  const bool needs = std::any_of(outcome.answers.begin(), outcome.answers.end(),
                                 [](const v1::AgentMessage& m) { return m.has_need(); });
  if (needs) {
    // What it asked for before is not asked for any more.
    for (std::string& id : turns_.EndAll(device_id)) to_resume_.push_back(std::move(id));
    for (const std::string& sha256 : CohortHashes(update)) turns_.Begin(sha256, device_id);
    acceptors_.Pin(device_id);
  }
  OnOutcome(device_id, std::move(outcome));
}

// Got or refused: whoever waited for the same policy goes on.
void Sessions::EndTurns(const std::string& device_id, const agent::AcceptOutcome& outcome) {
  for (const v1::AgentMessage& answer : outcome.answers) {
    const std::string& sha256 =
        answer.has_ack() ? answer.ack().applied_sha256() : answer.nack().sha256();
    for (std::string& id : turns_.End(sha256, device_id)) to_resume_.push_back(std::move(id));
  }
  if (!turns_.Asks(device_id)) acceptors_.Unpin(device_id);
}

void Sessions::StopFetching(const std::string& device_id) {
  for (std::string& id : turns_.EndAll(device_id)) to_resume_.push_back(std::move(id));
  acceptors_.Unpin(device_id);
  if (const auto it = phones_.find(device_id); it != phones_.end()) it->second.waiting.clear();
}

bool Sessions::ResumeOne() {
  if (to_resume_.empty()) return false;
  const std::string device_id = std::move(to_resume_.front());
  to_resume_.pop_front();
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) return true;
  for (const v1::Update& update : std::exchange(it->second.waiting, {})) {
    OnUpdate(device_id, it->second, update);
  }
  return true;
}

void Sessions::OnOutcome(const std::string& device_id, agent::AcceptOutcome outcome) {
  if (!device_id.empty()) EndTurns(device_id, outcome);
  for (v1::AgentMessage& answer : outcome.answers) Say(device_id, std::move(answer));
  for (std::string& text : outcome.alarms) {
    if (std::find(alarms_.begin(), alarms_.end(), text) != alarms_.end()) continue;
    if (alarms_.size() >= limits::kMaxAlarms) alarms_.erase(alarms_.begin());
    alarms_.push_back(std::move(text));
  }
  if (!outcome.last_refused.empty()) Note(device_id, "refused " + outcome.last_refused);
}

void Sessions::SetDue(const std::string& device_id, Phone& phone, absl::Time at) {
  due_.erase({phone.due, device_id});
  phone.due = at;
  if (at < absl::InfiniteFuture()) due_.insert({at, device_id});
}

void Sessions::MakePolicy(const std::string& device_id, Phone& phone,
                          const agent::AcceptedPolicy& accepted) {
  const absl::Time now = clock_->Now();
  PhonePolicyPtr made = maker_.Make(accepted, phone.identity.platform(), now);
  if (made == nullptr) return;
  // A signed time ahead of the clock: the next change is counted from there.
  SetDue(device_id, phone, std::max(made->next_change, now + absl::Seconds(1)));
  if (made == phone.policy) return;
  phone.policy = made;
  changes_.emplace_back(device_id, std::move(made));
}

void Sessions::OnApplied(const std::string& device_id,
                         std::shared_ptr<const agent::AcceptedPolicy> accepted) {
  const auto it = phones_.find(device_id);
  if (it == phones_.end()) return;
  Phone& phone = it->second;
  phone.assigned = accepted->assignment.has_value();
  std::string hashes = HashesInForce(*accepted);
  const bool same = hashes == phone.documents;
  // Only the Beacon is another, and its date does not move the time: every 15 minutes.
  if (same && accepted->highest_issued_at <= clock_->Now()) return;
  MakePolicy(device_id, phone, *accepted);
  if (same) return;
  phone.documents = std::move(hashes);
  if (!accepted->cohort) return;  // nothing is enforced yet
  // Also when it was saved before a crash and not reported before it.
  const auto proven = store_->Read(absl::StrCat(kPhoneDir, "/", device_id, "/proven"));
  if (!proven.ok() || proven->value_or("") != phone.documents) owed_.insert(device_id);
}

bool Sessions::RenewOne(absl::Time now) {
  if (due_.empty() || due_.begin()->first > now) return false;
  const std::string device_id = due_.begin()->second;
  Phone& phone = phones_.at(device_id);
  // Until then, should it not be possible now.
  SetDue(device_id, phone, now + absl::Minutes(1));
  agent::PolicyAcceptor* const acceptor = AcceptorOf(device_id, phone);
  if (acceptor != nullptr && acceptor->current() != nullptr) {
    MakePolicy(device_id, phone, *acceptor->current());
  }
  return true;
}

void Sessions::SweepBlobs(absl::Time now) {
  sweep_at_ = now + limits::kBlobSweep;
  const absl::StatusOr<std::set<std::string>> used = UsedBlobs(*store_);
  const absl::Status swept = used.ok() ? blobs_.KeepOnly(*used) : used.status();
  if (!swept.ok()) Note("", swept.message());
}

}  // namespace muster::bridge
