#include "agent/flow/accept_policy.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

constexpr char kRootType[] = "muster.v1.Root";
constexpr char kCohortType[] = "muster.v1.CohortPolicy";
constexpr char kAssignmentType[] = "muster.v1.DeviceAssignment";
constexpr char kRootName[] = "root";

int OrderOf(const v1::SignedDoc& doc) {
  if (doc.payload_type() == kRootType) return 0;
  if (doc.payload_type() == kCohortType) return 1;
  if (doc.payload_type() == kAssignmentType) return 2;
  return 3;
}

// What an unverified document calls itself: only to label its answer, never to decide.
v1::DocumentHeader ClaimedHeader(const v1::SignedDoc& doc) {
  v1::DocumentHeader none;
  if (doc.payload().size() > limits::kMaxDocumentBytes) return none;
  v1::AnyDocument any;
  if (!any.ParseFromString(doc.payload()) || any.header().name().size() > 512) return none;
  return any.header();
}

absl::Time HighestIssued(const v1::AcceptedState& state) {
  return state.has_highest_issued_at() ? FromProto(state.highest_issued_at())
                                       : absl::InfinitePast();
}

void RaiseFloor(const v1::DocumentHeader& header, const std::string& sha256,
                v1::AcceptedState& state) {
  v1::AcceptedState::FloorRecord* record = nullptr;
  for (v1::AcceptedState::FloorRecord& f : *state.mutable_floors()) {
    if (f.name() == header.name()) record = &f;
  }
  if (record == nullptr) record = state.add_floors();
  record->set_name(header.name());
  record->set_epoch(header.epoch());
  record->set_version(header.version());
  record->set_sha256(sha256);
  if (FromProto(header.issued_at()) > HighestIssued(state)) {
    *state.mutable_highest_issued_at() = header.issued_at();
  }
}

// Parses one accepted document and notes it as in force.
template <typename T>
absl::StatusOr<T> ReadPart(const v1::AcceptedState& state, const v1::SignedDoc& doc,
                           AcceptedPolicy& out) {
  T payload;
  const std::string sha256 = Sha256Hex(doc.payload());
  if (!payload.ParseFromString(doc.payload()) ||
      FloorOf(state, payload.header().name()).sha256 != sha256) {
    return absl::DataLossError(absl::StrCat(
        "the accepted policy on this device is damaged (", doc.payload_type(),
        " does not fit its record); move the state directory away and enrol this device again"));
  }
  v1::PolicyReport::InForce in_force;
  in_force.set_name(payload.header().name());
  in_force.set_version(payload.header().version());
  in_force.set_sha256(sha256);
  out.in_force.push_back(std::move(in_force));
  return payload;
}

v1::AgentMessage MakeAck(uint64_t nonce, const v1::SignedDoc& doc) {
  const v1::DocumentHeader header = ClaimedHeader(doc);
  v1::AgentMessage out;
  v1::Ack* ack = out.mutable_ack();
  ack->set_nonce(nonce);
  ack->set_name(header.name());
  ack->set_version(header.version());
  ack->set_applied_sha256(Sha256Hex(doc.payload()));
  return out;
}

v1::AgentMessage MakeNack(uint64_t nonce, const v1::SignedDoc& doc, const std::string& code,
                          absl::string_view detail) {
  const v1::DocumentHeader header = ClaimedHeader(doc);
  v1::AgentMessage out;
  v1::Nack* nack = out.mutable_nack();
  nack->set_nonce(nonce);
  nack->set_name(header.name());
  nack->set_version(header.version());
  nack->set_code(code);
  nack->set_detail(std::string(detail.substr(0, limits::kMaxReasonBytes)));
  return out;
}

std::string CodeText(const absl::Status& status) {
  const std::optional<VerifyCode> code = VerifyCodeOf(status);
  return code ? std::string(VerifyCodeName(*code)) : "INTERNAL";
}

// "CODE: detail" without its code.
absl::string_view DetailText(const absl::Status& status, const std::string& code) {
  absl::string_view text = status.message();
  if (absl::string_view(text.substr(0, code.size())) == code && text.size() > code.size() + 2) {
    text.remove_prefix(code.size() + 2);
  }
  return text;
}

}  // namespace

std::string AssignmentName(const std::string& device_id) {
  return absl::StrCat("assignment/", device_id);
}

Floor FloorOf(const v1::AcceptedState& state, const std::string& name) {
  for (const v1::AcceptedState::FloorRecord& f : state.floors()) {
    if (f.name() == name) return {f.epoch(), f.version(), f.sha256()};
  }
  return {};
}

absl::StatusOr<AcceptedPolicy> ReadAccepted(const v1::AcceptedState& state) {
  AcceptedPolicy out;
  out.highest_issued_at = HighestIssued(state);
  MUSTER_RETURN_IF_ERROR(ReadPart<v1::Root>(state, state.root(), out).status());
  if (state.has_cohort()) {
    MUSTER_ASSIGN_OR_RETURN(out.cohort, ReadPart<v1::CohortPolicy>(state, state.cohort(), out));
  }
  if (state.has_assignment()) {
    MUSTER_ASSIGN_OR_RETURN(out.assignment,
                            ReadPart<v1::DeviceAssignment>(state, state.assignment(), out));
  }
  return out;
}

v1::AcceptedState FirstState(const v1::SignedDoc& doc, const VerifiedRoot& root) {
  v1::AcceptedState state;
  *state.mutable_root() = doc;
  RaiseFloor(root.root().header(), root.sha256(), state);
  return state;
}

PolicyAcceptor::PolicyAcceptor(DeviceIdentity identity, StateStore* store, const Clock* clock,
                               Apply apply)
    : identity_(std::move(identity)), store_(store), clock_(clock), apply_(std::move(apply)) {}

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
  // Not verified again: these bytes passed every check before they were saved, the file is
  // root's alone, and a rotated key or an expiry must not take a policy out of force.
  MUSTER_ASSIGN_OR_RETURN(AcceptedPolicy policy, ReadAccepted(state));
  v1::Root root;
  root.ParseFromString(state.root().payload());
  MUSTER_ASSIGN_OR_RETURN(trust_, Trust::FromRoot(root));
  state_ = std::move(state);
  current_ = std::make_shared<const AcceptedPolicy>(std::move(policy));
  apply_(current_);
  return absl::OkStatus();
}

VerifyInputs PolicyAcceptor::InputsFor(const v1::SignedDoc& doc, const v1::AcceptedState& state,
                                       const Trust& trust, std::string role, std::string kind,
                                       std::string name) const {
  Floor floor = FloorOf(state, name);
  return {doc,
          trust,
          std::move(role),
          doc.payload_type(),
          std::move(kind),
          std::move(name),
          std::move(floor),
          std::max(clock_->Now(), HighestIssued(state))};
}

absl::Status PolicyAcceptor::StageRoot(const v1::SignedDoc& doc, v1::AcceptedState& next,
                                       Trust& trust) {
  MUSTER_ASSIGN_OR_RETURN(VerifiedRoot root,
                          VerifyRoot(doc, &trust, identity_.tenant, FloorOf(next, kRootName),
                                     std::max(clock_->Now(), HighestIssued(next))));
  // A new epoch is the way back from a document that was dated far ahead: it resets the floor
  // of time, which only documents under the new keys may raise again.
  if (root.trust().epoch() > trust.epoch()) next.clear_highest_issued_at();
  *next.mutable_root() = doc;
  RaiseFloor(root.root().header(), root.sha256(), next);
  trust = root.trust();
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::StageCohort(const v1::SignedDoc& doc, v1::AcceptedState& next,
                                         const Trust& trust) {
  MUSTER_ASSIGN_OR_RETURN(VerifiedCohort cohort, VerifyCohort(InputsFor(doc, next, trust, "policy",
                                                                        "cohort", kLinuxCohort),
                                                              v1::Platform::LINUX));
  *next.mutable_cohort() = doc;
  RaiseFloor(cohort.policy().header(), cohort.sha256(), next);
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::StageAssignment(const v1::SignedDoc& doc, v1::AcceptedState& next,
                                             const Trust& trust) {
  MUSTER_ASSIGN_OR_RETURN(VerifiedAssignment assignment,
                          VerifyAssignment(InputsFor(doc, next, trust, "assignment", "assignment",
                                                     AssignmentName(identity_.device_id)),
                                           identity_.device_id, identity_.certificate_key_sha256));
  if (assignment.assignment().cohort() != kLinuxCohort) {
    return VerifyError(VerifyCode::kWrongCohort,
                       absl::StrCat("puts this device into ", assignment.assignment().cohort(),
                                    ", expected ", kLinuxCohort));
  }
  *next.mutable_assignment() = doc;
  RaiseFloor(assignment.assignment().header(), assignment.sha256(), next);
  return absl::OkStatus();
}

absl::Status PolicyAcceptor::Stage(const v1::SignedDoc& doc, v1::AcceptedState& next,
                                   Trust& trust) {
  const int order = OrderOf(doc);
  // A root that ended vouches for nothing; only its successor, which it signs, is still taken.
  if ((order == 1 || order == 2) &&
      std::max(clock_->Now(), HighestIssued(next)) >= trust.not_after()) {
    return VerifyError(VerifyCode::kExpired, absl::StrCat("the root that vouches for it ended ",
                                                          TimeText(trust.not_after())));
  }
  switch (order) {
    case 0:
      return StageRoot(doc, next, trust);
    case 1:
      return StageCohort(doc, next, trust);
    case 2:
      return StageAssignment(doc, next, trust);
  }
  return VerifyError(VerifyCode::kWrongType,
                     absl::StrCat("this agent takes no ", doc.payload_type().substr(0, 128)));
}

absl::Status PolicyAcceptor::Save(const v1::AcceptedState& next) {
  MUSTER_RETURN_IF_ERROR(store_->Write(kAcceptedFile, next.SerializeAsString()));
  // Copies for `muster-agent verify` and for people; accepted.pb alone decides.
  const std::pair<const char*, const v1::SignedDoc*> copies[] = {
      {kRootFile, &next.root()},
      {kCohortFile, next.has_cohort() ? &next.cohort() : nullptr},
      {kAssignmentFile, next.has_assignment() ? &next.assignment() : nullptr}};
  for (const auto& [name, doc] : copies) {
    if (doc != nullptr) store_->Write(name, doc->SerializeAsString()).IgnoreError();
  }
  return absl::OkStatus();
}

AcceptOutcome PolicyAcceptor::Accept(const v1::Update& update) {
  AcceptOutcome out;
  std::vector<const v1::SignedDoc*> docs;
  for (const v1::SignedDoc& doc : update.documents()) docs.push_back(&doc);
  std::stable_sort(docs.begin(), docs.end(), [](const v1::SignedDoc* a, const v1::SignedDoc* b) {
    return OrderOf(*a) < OrderOf(*b);
  });
  v1::AcceptedState next = state_;
  Trust trust = *trust_;
  std::vector<const v1::SignedDoc*> good;
  auto refuse = [&](const v1::SignedDoc& doc, const std::string& code, absl::string_view why) {
    out.answers.push_back(MakeNack(update.nonce(), doc, code, why));
    out.last_refused = absl::StrCat(ClaimedHeader(doc).name(), " ", code, ": ", why);
  };
  for (const v1::SignedDoc* doc : docs) {
    const absl::Status status = Stage(*doc, next, trust);
    if (status.ok()) {
      good.push_back(doc);
    } else {
      const std::string code = CodeText(status);
      refuse(*doc, code, DetailText(status, code));
    }
  }
  out.changed = next.SerializeAsString() != state_.SerializeAsString();
  if (out.changed) {
    absl::StatusOr<AcceptedPolicy> policy = ReadAccepted(next);
    const absl::Status saved = policy.ok() ? Save(next) : policy.status();
    if (!saved.ok()) {
      out.changed = false;
      for (const v1::SignedDoc* doc : good) refuse(*doc, "NOT_SAVED", saved.message());
      return out;
    }
    state_ = std::move(next);
    trust_ = std::move(trust);
    current_ = std::make_shared<const AcceptedPolicy>(*std::move(policy));
    apply_(current_);
  }
  for (const v1::SignedDoc* doc : good) out.answers.push_back(MakeAck(update.nonce(), *doc));
  return out;
}

}  // namespace muster::agent
