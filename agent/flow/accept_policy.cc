#include "agent/flow/accept_policy.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace muster::agent {
namespace {

constexpr size_t kMaxUpdateDocuments = limits::kMaxRootSteps + limits::kMaxKnownDocuments;

int OrderOf(const v1::SignedDoc& doc) {
  const absl::string_view type = doc.payload_type();
  if (type == kRootKind.payload_type) return 0;
  if (type == kEmergencyDenyKind.payload_type) return 1;
  if (type == kAssignmentKind.payload_type) return 2;
  if (type == kCohortKind.payload_type) return 3;
  return 4;
}

std::vector<const v1::SignedDoc*> InOrder(const v1::Update& update) {
  std::vector<std::pair<std::pair<int, uint64_t>, const v1::SignedDoc*>> keyed;
  for (const v1::SignedDoc& doc : update.documents()) {
    if (keyed.size() >= kMaxUpdateDocuments) break;
    const int order = OrderOf(doc);
    // Roots are walked; of two policies in one update the newer one is held last.
    const uint64_t step = order == 0 || order == 3 ? ClaimedHeader(doc).version() : 0;
    keyed.push_back({{order, step}, &doc});
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<const v1::SignedDoc*> out;
  out.reserve(keyed.size());
  for (const auto& [order, doc] : keyed) out.push_back(doc);
  return out;
}

bool Same(const google::protobuf::MessageLite& a, const google::protobuf::MessageLite& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

// Of a chunk that the policy names.
size_t SizeOf(const v1::CohortPolicy& policy, const std::string& sha256) {
  for (const v1::ChunkRef& ref : policy.chunks()) {
    if (ref.sha256() == sha256) return ref.size();
  }
  return 0;
}

Floor HigherOf(Floor a, Floor b) {
  return std::make_pair(a.epoch, a.version) < std::make_pair(b.epoch, b.version) ? b : a;
}

}  // namespace

PolicyAcceptor::PolicyAcceptor(DeviceIdentity identity, StateStore* store, const Clock* clock,
                               Apply apply)
    : identity_(std::move(identity)),
      store_(store),
      clock_(clock),
      apply_(std::move(apply)),
      chunks_(store) {}

absl::Status PolicyAcceptor::Load() {
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes, store_->Read(kAcceptedFile));
  if (!bytes) {
    return absl::NotFoundError("this device is not enrolled: run `muster-agent enroll` first");
  }
  v1::AcceptedState state;
  if (!state.ParseFromString(*bytes)) {
    return absl::DataLossError(
        "accepted.pb is damaged; move the state directory away and enrol this device again");
  }
  MUSTER_ASSIGN_OR_RETURN(AcceptedPolicy policy,
                          ReadAccepted(state, identity_.device_id, identity_.platform));
  v1::Root root;
  root.ParseFromString(state.root().payload());
  MUSTER_ASSIGN_OR_RETURN(trust_, Trust::FromRoot(root));
  state_ = std::move(state);
  current_ = std::make_shared<const AcceptedPolicy>(std::move(policy));
  apply_(current_);
  PublishSeenLog(seen_log());  // the copy of a save that was cut off
  return absl::OkStatus();
}

absl::Time PolicyAcceptor::Now(const Draft& draft) const {
  return std::max(clock_->Now(), HighestIssued(draft.next));
}

VerifyInputs PolicyAcceptor::InputsFor(const v1::SignedDoc& doc, const Draft& draft,
                                       std::string name) const {
  Floor floor = FloorOf(draft.next, name);
  return {doc, draft.trust, std::move(name), std::move(floor), Now(draft)};
}

absl::Status PolicyAcceptor::StageRoot(const v1::SignedDoc& doc, Draft& draft) const {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::Root> root,
                          VerifyRootStep(doc, draft.trust, identity_.tenant,
                                         FloorOf(draft.next, kRootName), Now(draft)));
  MUSTER_ASSIGN_OR_RETURN(Trust trust, Trust::FromRoot(root.payload()));
  if (Same(doc, draft.next.root())) return absl::OkStatus();
  // A new epoch is the way back from a document that was dated far ahead: it resets the floor
  // of time, which only documents under the new keys may raise again.
  if (trust.epoch() > draft.trust.epoch()) draft.next.clear_highest_issued_at();
  *draft.next.mutable_root() = doc;
  RaiseFloor(root.payload().header(), root.sha256(), draft.next);
  draft.trust = std::move(trust);
  draft.changed = draft.documents_changed = true;
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::StageEmergencyDeny(const v1::SignedDoc& doc, Draft& draft) const {
  MUSTER_ASSIGN_OR_RETURN(Verified<v1::EmergencyDeny> deny,
                          VerifyEmergencyDeny(InputsFor(doc, draft, kEmergencyDenyName)));
  if (Same(doc, draft.next.emergency_deny())) return absl::OkStatus();
  *draft.next.mutable_emergency_deny() = doc;
  RaiseFloor(deny.payload().header(), deny.sha256(), draft.next);
  draft.changed = draft.documents_changed = true;
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::StageAssignment(const v1::SignedDoc& doc, Draft& draft) const {
  MUSTER_ASSIGN_OR_RETURN(
      Verified<v1::DeviceAssignment> assignment,
      VerifyAssignment(InputsFor(doc, draft, AssignmentName(identity_.device_id)),
                       identity_.device_id, identity_.certificate_key_sha256));
  const std::string cohort = OwnCohort(identity_.platform);
  if (cohort.empty() || assignment.payload().cohort() != cohort) {
    return VerifyError(VerifyCode::kWrongCohort,
                       absl::StrCat("puts this device into ", assignment.payload().cohort(),
                                    ", expected ", cohort.empty() ? "none" : cohort));
  }
  if (Same(doc, draft.next.assignment())) return absl::OkStatus();
  *draft.next.mutable_assignment() = doc;
  RaiseFloor(assignment.payload().header(), assignment.sha256(), draft.next);
  draft.changed = draft.documents_changed = true;
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::Stage(const v1::SignedDoc& doc, Draft& draft) const {
  switch (OrderOf(doc)) {
    case 0:
      return StageRoot(doc, draft);
    case 1:
      return StageEmergencyDeny(doc, draft);
    case 2:
      return StageAssignment(doc, draft);
  }
  return VerifyError(
      VerifyCode::kWrongType,
      absl::StrCat("an update brings no ", doc.payload_type().substr(0, limits::kMaxNameBytes)));
}

absl::StatusOr<Verified<v1::CohortPolicy>> PolicyAcceptor::CheckCohort(const v1::SignedDoc& doc,
                                                                       const Draft& draft) const {
  v1::DeviceAssignment assignment;
  assignment.ParseFromString(draft.next.assignment().payload());
  const std::string cohort = OwnCohort(identity_.platform);
  if (cohort.empty()) {
    return VerifyError(VerifyCode::kWrongCohort, "this device belongs to no cohort");
  }
  VerifyInputs in = InputsFor(doc, draft, cohort);
  // One that waits is as good as accepted here: an older one must not take its place.
  if (pending_) {
    const v1::DocumentHeader& h = pending_->policy.header();
    in.floor =
        HigherOf(in.floor, Floor{h.epoch(), h.version(), Sha256Hex(pending_->doc.payload())});
  }
  return VerifyCohort(in, identity_.platform, assignment.cohort());
}

absl::StatusOr<std::vector<std::string>> PolicyAcceptor::StageCohort(
    const v1::SignedDoc& doc, const Verified<v1::CohortPolicy>& cohort, Draft& draft) const {
  std::map<absl::string_view, const std::string*> in_force;
  for (int i = 0; current_->cohort && i < current_->cohort->chunks_size(); ++i) {
    in_force[current_->cohort->chunks(i).sha256()] = &state_.chunks(i);
  }
  std::vector<std::string> bytes, missing;
  for (const v1::ChunkRef& ref : cohort.payload().chunks()) {
    const auto it = in_force.find(ref.sha256());
    bytes.push_back(it != in_force.end() ? *it->second : chunks_.Read(ref));
    if (bytes.back().empty()) missing.push_back(ref.sha256());
  }
  if (!missing.empty()) return missing;
  const std::vector<absl::string_view> views(bytes.begin(), bytes.end());
  MUSTER_RETURN_IF_ERROR(AssembleContent(cohort.payload(), views).status());
  if (Same(doc, draft.next.cohort())) return missing;
  *draft.next.mutable_cohort() = doc;
  draft.next.mutable_chunks()->Assign(bytes.begin(), bytes.end());
  RaiseFloor(cohort.payload().header(), cohort.sha256(), draft.next);
  draft.changed = draft.documents_changed = true;
  return missing;
}

absl::Status PolicyAcceptor::Save(const v1::AcceptedState& next) {
  const std::string bytes = next.SerializeAsString();
  // What could not be read again must not be written.
  if (bytes.size() > limits::kMaxStateFileBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "accepted.pb would have ", bytes.size(), " bytes; at most ", limits::kMaxStateFileBytes));
  }
  MUSTER_RETURN_IF_ERROR(store_->Write(kAcceptedFile, bytes));
  // Copies for `muster-agent verify` and for people; accepted.pb alone decides.
  struct Copy {
    const char* file;
    const v1::SignedDoc &was, &is;
  };
  const Copy copies[] = {
      {kRootFile, state_.root(), next.root()},
      {kCohortFile, state_.cohort(), next.cohort()},
      {kAssignmentFile, state_.assignment(), next.assignment()},
      {kEmergencyDenyFile, state_.emergency_deny(), next.emergency_deny()},
      {kBeaconFile, state_.beacon().beacon(), next.beacon().beacon()},
  };
  for (const Copy& copy : copies) {
    if (!Same(copy.was, copy.is)) {
      store_->Write(copy.file, copy.is.SerializeAsString()).IgnoreError();
    }
  }
  if (!Same(state_.audit_log(), next.audit_log())) PublishSeenLog(next.audit_log());
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::Commit(Draft draft, AcceptOutcome& out) {
  if (!draft.changed) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(AcceptedPolicy policy,
                          ReadAccepted(draft.next, identity_.device_id, identity_.platform));
  MUSTER_RETURN_IF_ERROR(Save(draft.next));
  state_ = std::move(draft.next);
  trust_ = std::move(draft.trust);
  current_ = std::make_shared<const AcceptedPolicy>(std::move(policy));
  apply_(current_);
  out.changed = draft.documents_changed;
  // A document that came after the Beacon may be another than the one that the Beacon names.
  if (current_->beacon) {
    for (std::string& text : FindContradictions(current_->own, current_->beacon->leaves)) {
      out.alarms.push_back(std::move(text));
    }
  }
  return absl::OkStatus();
}

void PolicyAcceptor::Hold(Pending pending, AcceptOutcome& out) {
  std::set<std::string> named;
  for (const v1::ChunkRef& ref : pending.policy.chunks()) named.insert(ref.sha256());
  chunks_.KeepOnly(named);
  Need(pending.nonce, {pending.missing.begin(), pending.missing.end()}, out);
  pending_ = std::move(pending);
}

AcceptOutcome PolicyAcceptor::Accept(const v1::Update& update) {
  AcceptOutcome out;
  Draft draft = NewDraft();
  std::vector<const v1::SignedDoc*> good;
  std::optional<Pending> waits;
  bool cohort_complete = false;
  for (const v1::SignedDoc* doc : InOrder(update)) {
    absl::Status status;
    if (OrderOf(*doc) == 3) {
      absl::StatusOr<Verified<v1::CohortPolicy>> cohort = CheckCohort(*doc, draft);
      absl::StatusOr<std::vector<std::string>> missing =
          cohort.ok() ? StageCohort(*doc, *cohort, draft) : cohort.status();
      status = missing.status();
      if (missing.ok() && !missing->empty()) {
        waits =
            Pending{update.nonce(), *doc, cohort->payload(), {missing->begin(), missing->end()}};
        continue;
      }
      cohort_complete |= status.ok();
    } else {
      status = Stage(*doc, draft);
    }
    if (status.ok()) {
      good.push_back(doc);
    } else {
      Refuse(update.nonce(), *doc, status, out);
    }
  }
  const absl::Status saved = Commit(std::move(draft), out);
  if (!saved.ok()) {
    for (const v1::SignedDoc* doc : good) RefuseUnsaved(update.nonce(), *doc, saved, out);
    // It may stand on an assignment or a root that could not be saved.
    if (waits) RefuseUnsaved(update.nonce(), waits->doc, saved, out);
    return out;
  }
  for (const v1::SignedDoc* doc : good) Acknowledge(update.nonce(), *doc, out);
  if (cohort_complete) {
    pending_.reset();
    chunks_.KeepOnly({});
  }
  if (waits) Hold(*std::move(waits), out);
  return out;
}

AcceptOutcome PolicyAcceptor::AddChunk(const v1::Chunk& chunk) {
  AcceptOutcome out;
  if (!pending_ || !pending_->missing.contains(chunk.sha256())) return out;
  if (chunk.data().size() != SizeOf(pending_->policy, chunk.sha256()) ||
      Sha256Hex(chunk.data()) != chunk.sha256()) {
    Refuse(pending_->nonce, pending_->doc,
           VerifyError(VerifyCode::kMalformed,
                       absl::StrCat("the bytes sent for chunk ", chunk.sha256(), " are others")),
           out);
    pending_.reset();
    return out;
  }
  const absl::Status kept = chunks_.Save(chunk.sha256(), chunk.data());
  if (!kept.ok()) {
    RefuseUnsaved(pending_->nonce, pending_->doc, kept, out);
    pending_.reset();
    return out;
  }
  pending_->missing.erase(chunk.sha256());
  if (!pending_->missing.empty()) return out;
  const Pending whole = *std::exchange(pending_, std::nullopt);
  Draft draft = NewDraft();
  absl::StatusOr<Verified<v1::CohortPolicy>> cohort = CheckCohort(whole.doc, draft);
  absl::StatusOr<std::vector<std::string>> missing =
      cohort.ok() ? StageCohort(whole.doc, *cohort, draft) : cohort.status();
  if (!missing.ok()) {
    Refuse(whole.nonce, whole.doc, missing.status(), out);
    return out;
  }
  absl::Status saved =
      missing->empty()
          ? Commit(std::move(draft), out)
          : absl::UnavailableError("a chunk that was saved cannot be read back; check the disk");
  if (!saved.ok()) {
    RefuseUnsaved(whole.nonce, whole.doc, saved, out);
    return out;
  }
  chunks_.KeepOnly({});
  Acknowledge(whole.nonce, whole.doc, out);
  return out;
}

}  // namespace muster::agent
