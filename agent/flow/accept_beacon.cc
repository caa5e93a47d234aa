// The Beacon: what it proves of documents, and the audit log that it has to continue.
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/domain/seen_log.h"
#include "agent/flow/accept_policy.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

bool SameBytes(const google::protobuf::MessageLite& a, const google::protobuf::MessageLite& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

}  // namespace

absl::Status PolicyAcceptor::StageAuditLog(const v1::Beacon& beacon, const v1::BeaconUpdate& update,
                                           Draft& draft) const {
  const v1::SeenLog seen = draft.next.audit_log();
  const absl::Time now = Now(draft);
  absl::StatusOr<v1::SeenLog> next = AcceptHead(seen, beacon, update, draft.trust, now);
  absl::Status status = next.status();
  if (!status.ok()) next = WithRefused(seen, beacon, draft.trust, status, now);
  if (!SameBytes(*next, seen)) {
    *draft.next.mutable_audit_log() = *std::move(next);
    draft.changed = true;
  }
  return status;
}

absl::Status PolicyAcceptor::StageBeacon(const v1::BeaconUpdate& update, Draft& draft) const {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Beacon> beacon,
                          VerifyBeacon(InputsFor(update.beacon(), draft, kBeaconName)));
  if (static_cast<size_t>(update.proofs_size()) > limits::kMaxProofs) {
    return VerifyError(VerifyCode::kOversize,
                       absl::StrCat(update.proofs_size(), " proofs; at most ", limits::kMaxProofs));
  }
  for (const v1::InclusionProof& proof : update.proofs()) {
    MUSTER_RETURN_IF_ERROR(VerifyInclusion(beacon.payload(), proof));
  }
  const std::vector<std::string> contradictions =
      FindContradictions(current_->own, LeavesOf(beacon.payload(), update));
  if (!contradictions.empty()) {
    return VerifyError(VerifyCode::kEquivocation, contradictions.front());
  }
  MUSTER_RETURN_IF_ERROR(StageAuditLog(beacon.payload(), update, draft));
  // The proof between two heads has done its work.
  v1::BeaconUpdate kept = update;
  kept.clear_audit_from();
  kept.clear_audit_path();
  if (SameBytes(kept, draft.next.beacon())) return absl::OkStatus();
  *draft.next.mutable_beacon() = std::move(kept);
  RaiseFloor(beacon.payload().header(), beacon.sha256(), draft.next);
  draft.changed = true;
  return absl::OkStatus();
}

AcceptOutcome PolicyAcceptor::AcceptBeacon(const v1::BeaconUpdate& update) {
  AcceptOutcome out;
  Draft draft = NewDraft();
  const absl::Status status = StageBeacon(update, draft);
  // A full disk must not keep an alarm quiet.
  const std::string text = RefusedText(draft.next.audit_log());
  if (!text.empty() && text != RefusedText(seen_log())) out.alarms.push_back(text);
  const absl::Status saved = Commit(std::move(draft), out);
  if (!status.ok()) {
    Refuse(0, update.beacon(), status, out);
    if (!saved.ok()) absl::StrAppend(&out.last_refused, "; not saved: ", saved.message());
  } else if (!saved.ok()) {
    RefuseUnsaved(0, update.beacon(), saved, out);
  } else {
    Acknowledge(0, update.beacon(), out);
  }
  return out;
}

absl::Status PolicyAcceptor::MarkWitnessTold(absl::Time at) {
  *state_.mutable_audit_log()->mutable_told_at() = ToProto(at);
  return Save(state_);
}

void PolicyAcceptor::PublishSeenLog(v1::SeenLog seen) {
  seen.clear_told_at();  // the agent's own business
  const std::string bytes = seen.SerializeAsString();
  const absl::StatusOr<std::optional<std::string>> there = store_->Read(kSeenLogFile);
  const std::string before = there.ok() ? there->value_or("") : "";
  if (before != bytes) store_->Write(kSeenLogFile, bytes).IgnoreError();
}

}  // namespace muster::agent
