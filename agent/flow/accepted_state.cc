#include "agent/flow/accepted_state.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::agent {
namespace {

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat(
      "the accepted policy on this device is damaged (", what,
      " does not fit its record); move the state directory away and enrol this device again"));
}

// Parses one accepted document.
template <typename T>
absl::StatusOr<T> Parse(const v1::AcceptedState& state, const v1::SignedDoc& doc) {
  T payload;
  if (!payload.ParseFromString(doc.payload()) ||
      FloorOf(state, payload.header().name()).sha256 != Sha256Hex(doc.payload())) {
    return Damaged(doc.payload_type());
  }
  return payload;
}

// The same, and notes it as in force.
template <typename T>
absl::StatusOr<T> ParseInForce(const v1::AcceptedState& state, const v1::SignedDoc& doc,
                               AcceptedPolicy& out) {
  MUSTER_ASSIGN_OR_RETURN(T payload, Parse<T>(state, doc));
  const v1::DocumentHeader& header = payload.header();
  v1::PolicyReport::InForce in_force;
  in_force.set_name(header.name());
  in_force.set_version(header.version());
  in_force.set_sha256(Sha256Hex(doc.payload()));
  for (OwnDocument& own : out.own) {
    if (own.name != header.name()) continue;
    own.epoch = header.epoch();
    own.version = header.version();
    own.sha256 = in_force.sha256();
    own.not_after = FromProto(header.not_after());
  }
  out.in_force.push_back(std::move(in_force));
  return payload;
}

std::vector<OwnDocument> OwnNames(const std::string& device_id, v1::Platform::Id platform) {
  std::vector<std::string> names = {kRootName};
  if (const std::string cohort = OwnCohort(platform); !cohort.empty()) {
    names.push_back(cohort);
    names.push_back(AssignmentName(device_id));
  }
  names.push_back(kEmergencyDenyName);
  std::vector<OwnDocument> out(names.size());
  for (size_t i = 0; i < names.size(); ++i) out[i].name = std::move(names[i]);
  out.back().optional = true;
  return out;
}

}  // namespace

std::string OwnCohort(v1::Platform::Id platform) {
  if (platform == v1::Platform::UNSPECIFIED) return "";
  return CohortName(absl::AsciiStrToLower(v1::Platform::Id_Name(platform)));
}

std::string AcceptedPolicy::HashOf(const std::string& name) const {
  for (const v1::PolicyReport::InForce& f : in_force) {
    if (f.name() == name) return f.sha256();
  }
  return "";
}

absl::Time HighestIssued(const v1::AcceptedState& state) {
  return state.has_highest_issued_at() ? FromProto(state.highest_issued_at())
                                       : absl::InfinitePast();
}

std::vector<v1::DocumentLeaf> LeavesOf(const v1::Beacon& beacon, const v1::BeaconUpdate& update) {
  std::vector<v1::DocumentLeaf> leaves;
  for (const v1::InclusionProof& proof : update.proofs()) leaves.push_back(proof.leaf());
  if (beacon.has_emergency_deny()) leaves.push_back(beacon.emergency_deny());
  return leaves;
}

Floor FloorOf(const v1::AcceptedState& state, const std::string& name) {
  for (const v1::AcceptedState::FloorRecord& f : state.floors()) {
    if (f.name() == name) return {f.epoch(), f.version(), f.sha256()};
  }
  return {};
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

absl::StatusOr<AcceptedPolicy> ReadAccepted(const v1::AcceptedState& state,
                                            const std::string& device_id,
                                            v1::Platform::Id platform) {
  AcceptedPolicy out;
  out.own = OwnNames(device_id, platform);
  out.highest_issued_at = HighestIssued(state);
  out.audit_log = state.audit_log();
  MUSTER_RETURN_IF_ERROR(ParseInForce<v1::Root>(state, state.root(), out).status());
  if (state.has_cohort()) {
    MUSTER_ASSIGN_OR_RETURN(out.cohort, ParseInForce<v1::CohortPolicy>(state, state.cohort(), out));
    const std::vector<absl::string_view> chunks(state.chunks().begin(), state.chunks().end());
    absl::StatusOr<v1::CohortContent> content = AssembleContent(*out.cohort, chunks);
    if (!content.ok()) return Damaged("a chunk of the cohort policy");
    out.content = *std::move(content);
  }
  if (state.has_assignment()) {
    MUSTER_ASSIGN_OR_RETURN(out.assignment,
                            ParseInForce<v1::DeviceAssignment>(state, state.assignment(), out));
  }
  if (state.has_emergency_deny()) {
    MUSTER_ASSIGN_OR_RETURN(out.emergency_deny,
                            ParseInForce<v1::EmergencyDeny>(state, state.emergency_deny(), out));
  }
  if (state.has_beacon()) {
    MUSTER_ASSIGN_OR_RETURN(v1::Beacon beacon, Parse<v1::Beacon>(state, state.beacon().beacon()));
    out.beacon.emplace();
    out.beacon->not_after = FromProto(beacon.header().not_after());
    out.beacon->leaves = LeavesOf(beacon, state.beacon());
  }
  return out;
}

v1::AcceptedState FirstState(const v1::SignedDoc& doc, const Verified<v1::Root>& root) {
  v1::AcceptedState state;
  *state.mutable_root() = doc;
  RaiseFloor(root.payload().header(), root.sha256(), state);
  return state;
}

}  // namespace muster::agent
