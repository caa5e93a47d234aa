#include "controller/flow/device_documents.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/time_proto.h"
#include "controller/flow/lookup.h"

namespace muster {
namespace {

absl::Status StoreState(const Services& services, const std::string& device_id,
                        const v1::DocumentState& state) {
  return RetryAborted([&]() -> absl::Status {
    const std::unique_ptr<Snapshot> snapshot = services.store.Read();
    const std::string key = DocumentStateKey(device_id, state.name());
    MUSTER_ASSIGN_OR_RETURN(const auto before, Find<v1::DocumentState>(*snapshot, key));
    // A signed report outranks the agent's later word on the same bytes.
    if (before && before->value.sha256() == state.sha256() &&
        before->value.state() == v1::DocumentState::VERIFIED) {
      return absl::OkStatus();
    }
    Mutation mutation;
    mutation.expects.push_back({key, before ? before->revision : 0});
    Put(mutation, key, state);
    return services.store.Commit(std::move(mutation)).status();
  });
}

absl::StatusOr<v1::DocumentState> NewState(const Services& services, const std::string& device_id,
                                           const std::string& name,
                                           v1::DocumentState::State state) {
  v1::DocumentState out;
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr doc, FindDocument(*services.store.Read(), name));
  if (doc == nullptr) return absl::NotFoundError(absl::StrCat("no document ", name));
  out.set_device_id(device_id);
  out.set_name(name);
  out.set_state(state);
  out.set_version(doc->version);
  out.set_sha256(doc->sha256);
  *out.mutable_at() = ToProto(services.clock.Now());
  return out;
}

// Documents that this device may speak of.
bool Concerns(const std::string& device_id, const std::string& name) {
  return name == kRootName || absl::StartsWith(name, "cohort/") ||
         name == AssignmentName(device_id);
}

}  // namespace

absl::Status RecordAck(const Services& services, const std::string& device_id,
                       const std::string& name, const std::string& sha256) {
  if (!Concerns(device_id, name)) return absl::OkStatus();
  auto state = NewState(services, device_id, name, v1::DocumentState::APPLIED);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(state.status());
  if (state->sha256() != sha256) return absl::OkStatus();
  return StoreState(services, device_id, *state);
}

absl::Status RecordNack(const Services& services, const std::string& device_id,
                        const std::string& name, const std::string& code,
                        const std::string& detail) {
  if (!Concerns(device_id, name)) return absl::OkStatus();
  auto state = NewState(services, device_id, name, v1::DocumentState::NACKED);
  if (absl::IsNotFound(state.status())) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(state.status());
  state->set_code(code.substr(0, limits::kMaxTicketBytes));
  state->set_detail(detail.substr(0, limits::kMaxReasonBytes));
  return StoreState(services, device_id, *state);
}

absl::Status WriteVerified(const Services& services, const Snapshot& snapshot,
                           const std::string& device_id, const v1::PolicyReport& report,
                           Mutation& mutation) {
  for (const v1::PolicyReport::InForce& doc : report.documents()) {
    if (!Concerns(device_id, doc.name())) continue;
    MUSTER_ASSIGN_OR_RETURN(const DocumentPtr current, FindDocument(snapshot, doc.name()));
    if (current == nullptr || current->sha256 != doc.sha256()) continue;
    const std::string key = DocumentStateKey(device_id, doc.name());
    MUSTER_ASSIGN_OR_RETURN(const auto before, Find<v1::DocumentState>(snapshot, key));
    if (before && before->value.state() == v1::DocumentState::VERIFIED &&
        before->value.sha256() == doc.sha256()) {
      continue;
    }
    v1::DocumentState state;
    state.set_device_id(device_id);
    state.set_name(doc.name());
    state.set_state(v1::DocumentState::VERIFIED);
    state.set_version(current->version);
    state.set_sha256(current->sha256);
    *state.mutable_at() = ToProto(services.clock.Now());
    Put(mutation, key, state);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::DocumentState>> StatesOf(const Snapshot& snapshot,
                                                        const v1::Device& device) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<DocumentPtr> documents,
                          DocumentsFor(snapshot, device.platform(), device.device_id()));
  std::vector<v1::DocumentState> out;
  for (const DocumentPtr& doc : documents) {
    MUSTER_ASSIGN_OR_RETURN(
        const auto known,
        Find<v1::DocumentState>(snapshot, DocumentStateKey(device.device_id(), doc->name)));
    if (known && known->value.sha256() == doc->sha256) {
      out.push_back(known->value);
      continue;
    }
    v1::DocumentState queued;
    queued.set_device_id(device.device_id());
    queued.set_name(doc->name);
    queued.set_state(v1::DocumentState::QUEUED);
    queued.set_version(doc->version);
    queued.set_sha256(doc->sha256);
    out.push_back(std::move(queued));
  }
  return out;
}

absl::StatusOr<bool> RunsGrant(const Snapshot& snapshot, const std::string& device_id,
                               const std::string& grant_id, bool present) {
  const std::string name = AssignmentName(device_id);
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr doc, FindDocument(snapshot, name));
  MUSTER_ASSIGN_OR_RETURN(const auto state,
                          Find<v1::DocumentState>(snapshot, DocumentStateKey(device_id, name)));
  // A device that never got an assignment never held the grant.
  if (doc == nullptr) return !present;
  v1::SignedDoc envelope;
  v1::DeviceAssignment assignment;
  if (!envelope.ParseFromString(*doc->bytes) || !assignment.ParseFromString(envelope.payload())) {
    return absl::DataLossError(absl::StrCat("stored document ", name, " is damaged"));
  }
  const bool holds =
      std::any_of(assignment.entitlements().begin(), assignment.entitlements().end(),
                  [&](const v1::Entitlement& e) { return e.grant_id() == grant_id; });
  if (holds != present) return false;
  return state && state->value.state() == v1::DocumentState::VERIFIED &&
         state->value.sha256() == doc->sha256;
}

}  // namespace muster
