#include "controller/flow/device_documents.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "common/bridge_limits.h"
#include "common/phone_id.h"
#include "common/time_proto.h"
#include "controller/domain/proof.h"
#include "controller/flow/device_alarms.h"
#include "controller/flow/lookup.h"
#include "controller/flow/witness.h"

namespace muster {
namespace {

// What the device should run under this name, or nullptr.
absl::StatusOr<DocumentPtr> Wanted(const Snapshot& snapshot, const v1::Device& device,
                                   const std::string& name, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const auto documents, DocumentsFor(snapshot, device, now));
  const auto it = std::find_if(documents.begin(), documents.end(),
                               [&](const DocumentPtr& d) { return d->name == name; });
  return it == documents.end() ? nullptr : *it;
}

// The times that a stream knows of these very bytes.
void SetDelivery(const std::map<std::string, Delivery>& deliveries, v1::DocumentState& state) {
  const auto it = deliveries.find(state.name());
  if (it == deliveries.end() || it->second.sha256 != state.sha256()) return;
  const Delivery& delivery = it->second;
  if (delivery.sent_at != absl::InfinitePast() && !state.has_sent_at()) {
    *state.mutable_sent_at() = ToProto(delivery.sent_at);
  }
  if (delivery.applied_at != absl::InfinitePast() && !state.has_applied_at()) {
    *state.mutable_applied_at() = ToProto(delivery.applied_at);
  }
}

v1::DocumentState NewState(const v1::Device& device, const Document& doc) {
  v1::DocumentState out;
  out.set_device_id(device.device_id());
  out.set_name(doc.name);
  out.set_version(doc.version);
  out.set_sha256(doc.sha256);
  *out.mutable_queued_at() = ToProto(doc.issued_at);
  return out;
}

// The furthest state that has a time; a refusal stands until these bytes are verified.
void SetCurrent(const v1::Device& device, absl::Time now, v1::DocumentState& state) {
  if (state.has_verified_at()) {
    const bool silent = now - FromProto(device.last_seen_at()) >= limits::kBeaconLife;
    state.set_state(silent ? v1::DocumentState::STALE : v1::DocumentState::VERIFIED);
    *state.mutable_at() = silent ? device.last_seen_at() : state.verified_at();
  } else if (state.has_nacked_at()) {
    state.set_state(v1::DocumentState::NACKED);
    *state.mutable_at() = state.nacked_at();
  } else if (state.has_applied_at()) {
    state.set_state(v1::DocumentState::APPLIED);
    *state.mutable_at() = state.applied_at();
  } else if (state.has_sent_at()) {
    state.set_state(v1::DocumentState::SENT);
    *state.mutable_at() = state.sent_at();
  } else {
    state.set_state(v1::DocumentState::QUEUED);
    *state.mutable_at() = state.queued_at();
  }
}

// The stored record when it is about these bytes, else a fresh one.
absl::StatusOr<v1::DocumentState> LoadState(const Snapshot& snapshot, const v1::Device& device,
                                            const Document& doc) {
  MUSTER_ASSIGN_OR_RETURN(
      auto known,
      Find<v1::DocumentState>(snapshot, DocumentStateKey(device.device_id(), doc.name)));
  if (known && known->value.sha256() == doc.sha256) return std::move(known->value);
  return NewState(device, doc);
}

// What the device's own word makes of these bytes.
void SetReported(const Proof& proof, absl::Time now,
                 const std::map<std::string, Delivery>& deliveries, v1::DocumentState& state) {
  if (!IsReported(state)) SetDelivery(deliveries, state);
  state.set_code(proof.code);
  state.set_detail(proof.detail);
  if (proof.enforced) {
    if (!state.has_verified_at()) *state.mutable_verified_at() = ToProto(now);
    state.set_state(v1::DocumentState::VERIFIED);
    *state.mutable_at() = state.verified_at();
    return;
  }
  state.clear_verified_at();
  state.clear_nacked_at();  // what it once refused, it runs
  if (!state.has_applied_at()) *state.mutable_applied_at() = ToProto(now);
  state.set_state(v1::DocumentState::APPLIED);
  *state.mutable_at() = state.applied_at();
}

// What a device may rightly say that it runs.
absl::StatusOr<std::vector<DocumentPtr>> ReportableBy(const Snapshot& snapshot,
                                                      const v1::Device& device, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(auto documents, DocumentsFor(snapshot, device, now));
  // A device may be ahead of its wave: then that is what it runs.
  MUSTER_ASSIGN_OR_RETURN(DocumentPtr target,
                          FindDocument(snapshot, DocumentKey(CohortName(device.platform()))));
  if (target == nullptr) return documents;
  // One record per name: the other bytes come first, so that what is named stands.
  const auto same = std::find_if(documents.begin(), documents.end(),
                                 [&](const DocumentPtr& d) { return d->sha256 == target->sha256; });
  if (same == documents.end()) documents.push_back(std::move(target));
  return documents;
}

// Of a phone that blocks nothing, its UEM's limits are the reason.
Proof ProofOfDevice(const v1::Device& device, const v1::PolicyReport& report) {
  Proof proof = ProofOf(device.mode(), report);
  if (device.mode() == v1::StatusReport::REPORT_ONLY && !device.bridge_id().empty() &&
      !device.cannot_enforce().empty()) {
    proof.detail = absl::StrCat("this phone cannot block: ",
                                Shortened(device.cannot_enforce(0), limits::kMaxUemTextBytes));
  }
  return proof;
}

}  // namespace

absl::StatusOr<std::vector<DocumentPtr>> DocumentsFor(const Snapshot& snapshot,
                                                      const v1::Device& device, absl::Time now) {
  std::vector<DocumentPtr> out;
  if (device.bridge()) return out;  // its phones run documents, each its own
  const auto add = [&out](absl::StatusOr<DocumentPtr> doc) -> absl::Status {
    MUSTER_RETURN_IF_ERROR(doc.status());
    if (*doc != nullptr) out.push_back(*std::move(doc));
    return absl::OkStatus();
  };
  MUSTER_RETURN_IF_ERROR(add(FindDocument(snapshot, DocumentKey(kRootName))));
  MUSTER_RETURN_IF_ERROR(add(FindEmergencyDeny(snapshot, now)));
  MUSTER_RETURN_IF_ERROR(
      add(FindDocument(snapshot, DocumentKey(AssignmentName(device.device_id())))));
  MUSTER_RETURN_IF_ERROR(add(CohortDocumentOf(snapshot, device.platform(), device.device_id())));
  return out;
}

absl::Status RecordNack(const Services& services, const std::string& device_id,
                        const v1::Nack& nack) {
  std::optional<v1::Alarm::Code> alarm = LogAlarmOf(nack);
  if (!alarm && nack.code() == VerifyCodeName(VerifyCode::kEquivocation)) {
    alarm = v1::Alarm::POLICY_FORKED;
  }
  if (alarm) {
    MUSTER_RETURN_IF_ERROR(
        RaiseAlarm(services, device_id, *alarm, Shortened(nack.detail(), limits::kMaxReasonBytes)));
  }
  return RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    MUSTER_ASSIGN_OR_RETURN(const auto device, LoadDevice(*snapshot, device_id));
    MUSTER_ASSIGN_OR_RETURN(const DocumentPtr doc,
                            Wanted(*snapshot, device.value, nack.name(), services.clock.Now()));
    if (doc == nullptr || doc->sha256 != nack.sha256()) return absl::OkStatus();
    const std::string key = DocumentStateKey(device_id, doc->name);
    MUSTER_ASSIGN_OR_RETURN(const auto before, Find<v1::DocumentState>(*snapshot, key));
    MUSTER_ASSIGN_OR_RETURN(v1::DocumentState state, LoadState(*snapshot, device.value, *doc));
    // A signed report outranks the agent's later word on the same bytes.
    if (IsReported(state)) return absl::OkStatus();
    *state.mutable_nacked_at() = ToProto(services.clock.Now());
    state.set_code(Shortened(nack.code(), limits::kMaxTicketBytes));
    state.set_detail(Shortened(nack.detail(), limits::kMaxReasonBytes));
    SetCurrent(device.value, services.clock.Now(), state);
    Mutation mutation;
    mutation.expects.push_back({key, before ? before->revision : 0});
    Put(mutation, key, state);
    MUSTER_RETURN_IF_ERROR(services.store.Commit(std::move(mutation)).status());
    services.work.Wake();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> WriteReported(const Services& services, const Snapshot& snapshot,
                                   const v1::Device& device, const v1::PolicyReport& report,
                                   const std::map<std::string, Delivery>& deliveries,
                                   Mutation& mutation) {
  const absl::Time now = services.clock.Now();
  const Proof proof = ProofOfDevice(device, report);
  MUSTER_ASSIGN_OR_RETURN(const auto documents, ReportableBy(snapshot, device, now));
  bool ran_before = false;
  for (const DocumentPtr& doc : documents) {
    const bool named = std::any_of(
        report.documents().begin(), report.documents().end(),
        [&](const auto& d) { return d.name() == doc->name && d.sha256() == doc->sha256; });
    const std::string key = DocumentStateKey(device.device_id(), doc->name);
    MUSTER_ASSIGN_OR_RETURN(const auto before, Find<v1::DocumentState>(snapshot, key));
    ran_before = ran_before || (before && before->value.code() == kNotEnforced);
    if (!named) continue;
    MUSTER_ASSIGN_OR_RETURN(v1::DocumentState state, LoadState(snapshot, device, *doc));
    SetReported(proof, now, deliveries, state);
    // Every hour each device proves the same again: only what is new is written.
    if (before && before->value.SerializeAsString() == state.SerializeAsString()) continue;
    Put(mutation, key, state);
  }
  return proof.code == kNotEnforced && !ran_before;
}

absl::Status WithdrawVerified(const Services& services, const Snapshot& snapshot,
                              const v1::Device& device, Mutation& mutation) {
  const absl::Time now = services.clock.Now();
  const Proof proof = ProofOfDevice(device, v1::PolicyReport());
  MUSTER_ASSIGN_OR_RETURN(const auto documents, ReportableBy(snapshot, device, now));
  for (const DocumentPtr& doc : documents) {
    MUSTER_ASSIGN_OR_RETURN(v1::DocumentState state, LoadState(snapshot, device, *doc));
    if (!state.has_verified_at()) continue;
    SetReported(proof, now, {}, state);
    Put(mutation, DocumentStateKey(device.device_id(), doc->name), state);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::DocumentState> StateOf(const Snapshot& snapshot, const v1::Device& device,
                                          const Document& doc,
                                          const std::map<std::string, Delivery>& deliveries,
                                          absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(v1::DocumentState state, LoadState(snapshot, device, doc));
  SetDelivery(deliveries, state);
  SetCurrent(device, now, state);
  return state;
}

absl::StatusOr<std::vector<v1::DocumentState>> StatesOf(
    const Snapshot& snapshot, const v1::Device& device,
    const std::map<std::string, Delivery>& deliveries, absl::Time now) {
  MUSTER_ASSIGN_OR_RETURN(const auto documents, DocumentsFor(snapshot, device, now));
  std::vector<v1::DocumentState> out;
  for (const DocumentPtr& doc : documents) {
    MUSTER_ASSIGN_OR_RETURN(v1::DocumentState state,
                            StateOf(snapshot, device, *doc, deliveries, now));
    out.push_back(std::move(state));
  }
  return out;
}

absl::StatusOr<GrantOnDevice> FindGrantOnDevice(const Snapshot& snapshot,
                                                const std::string& device_id,
                                                const std::string& grant_id, bool present) {
  using Word = GrantOnDevice::Word;
  const std::string name = AssignmentName(device_id);
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr doc, FindDocument(snapshot, DocumentKey(name)));
  MUSTER_ASSIGN_OR_RETURN(const auto state,
                          Find<v1::DocumentState>(snapshot, DocumentStateKey(device_id, name)));
  // A device that never got an assignment never held the grant.
  if (doc == nullptr) return GrantOnDevice{present ? Word::kNotYet : Word::kVerified, ""};
  v1::SignedDoc envelope;
  v1::DeviceAssignment assignment;
  if (!envelope.ParseFromString(*doc->bytes) || !assignment.ParseFromString(envelope.payload())) {
    return absl::DataLossError(absl::StrCat("stored document ", name, " is damaged"));
  }
  const bool holds =
      std::any_of(assignment.entitlements().begin(), assignment.entitlements().end(),
                  [&](const v1::Entitlement& e) { return e.grant_id() == grant_id; });
  if (holds != present || !state || state->value.sha256() != doc->sha256) return GrantOnDevice{};
  if (state->value.has_verified_at()) return GrantOnDevice{Word::kVerified, ""};
  // On a phone another app that is there against its verdict says nothing against this grant; a
  // revocation waits until nothing is.
  const bool of_phone = absl::StartsWith(device_id, kPhoneIdPrefix);
  if (present && of_phone && IsReported(state->value) && state->value.code() == kNotEnforced) {
    return GrantOnDevice{Word::kCannotVerify, state->value.detail()};
  }
  return GrantOnDevice{CannotProve(state->value) ? Word::kCannotVerify : Word::kNotYet,
                       state->value.detail()};
}

}  // namespace muster
