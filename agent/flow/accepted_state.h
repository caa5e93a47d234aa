// What this device has accepted: as it is saved, and as it is used.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/domain/freshness.h"
#include "common/signed_doc.h"
#include "muster/v1/agent_control.pb.h"

namespace muster::agent {

// The one cohort that a device of this platform can be in, e.g. "cohort/linux"; empty: of none.
std::string OwnCohort(v1::Platform::Id platform = v1::Platform::LINUX);

// The documents in force; immutable, swapped whole. Absent parts were never accepted.
struct AcceptedPolicy {
  std::optional<v1::CohortPolicy> cohort;
  v1::CohortContent content;  // of `cohort`
  std::optional<v1::DeviceAssignment> assignment;
  std::optional<v1::EmergencyDeny> emergency_deny;  // also after its end
  std::optional<ProvenBeacon> beacon;
  v1::SeenLog audit_log;
  std::vector<v1::PolicyReport::InForce> in_force;  // root, cohort, assignment, emergency deny
  std::vector<OwnDocument> own;                     // the same, also those not there yet
  absl::Time highest_issued_at = absl::InfinitePast();

  // The hash of a document in force; empty: none by that name.
  std::string HashOf(const std::string& name) const;
};

// Checks the parts of an AcceptedState against each other and parses them. DATA_LOSS when they
// do not fit: the file was damaged or edited. The signatures are not checked again: these bytes
// passed every check before they were saved, the file is root's alone, and a rotated key or an
// expiry must not take a policy out of force.
absl::StatusOr<AcceptedPolicy> ReadAccepted(const v1::AcceptedState& state,
                                            const std::string& device_id,
                                            v1::Platform::Id platform = v1::Platform::LINUX);

// The state right after enrolment: the first root, nothing else.
v1::AcceptedState FirstState(const v1::SignedDoc& doc, const Verified<v1::Root>& root);

// What a verified Beacon says of this device's documents: the leaves whose proofs came with it,
// and the emergency deny that it names itself.
std::vector<v1::DocumentLeaf> LeavesOf(const v1::Beacon& beacon, const v1::BeaconUpdate& update);

// The floor of one document name; all zero when none was accepted.
Floor FloorOf(const v1::AcceptedState& state, const std::string& name);
void RaiseFloor(const v1::DocumentHeader& header, const std::string& sha256,
                v1::AcceptedState& state);
absl::Time HighestIssued(const v1::AcceptedState& state);

}  // namespace muster::agent
