// Verify -> save -> put in force -> acknowledge. The last good documents stay whatever comes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/signed_doc.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

inline constexpr char kLinuxCohort[] = "cohort/linux";
std::string AssignmentName(const std::string& device_id);

// Who this device is, as its certificate says.
struct DeviceIdentity {
  std::string tenant;
  std::string device_id;
  std::string certificate_key_sha256;  // hex, over the certificate's SubjectPublicKeyInfo
};

// The documents in force; immutable, swapped whole. Absent parts were never accepted.
struct AcceptedPolicy {
  std::optional<v1::CohortPolicy> cohort;
  std::optional<v1::DeviceAssignment> assignment;
  std::vector<v1::PolicyReport::InForce> in_force;  // root, cohort, assignment
  absl::Time highest_issued_at = absl::InfinitePast();
};

// Checks the parts of an AcceptedState against each other and parses them. DATA_LOSS when they
// do not fit: the file was damaged or edited.
absl::StatusOr<AcceptedPolicy> ReadAccepted(const v1::AcceptedState& state);

// The state right after enrolment: the first root, nothing else.
v1::AcceptedState FirstState(const v1::SignedDoc& doc, const VerifiedRoot& root);

// The floor of one document name; all zero when none was accepted.
Floor FloorOf(const v1::AcceptedState& state, const std::string& name);

struct AcceptOutcome {
  std::vector<v1::AgentMessage> answers;  // one Ack or Nack per document, in the order verified
  bool changed = false;
  std::string last_refused;  // "name CODE: detail" of the last Nack; empty: none
};

// Thread-compatible: one stream at a time.
class PolicyAcceptor {
 public:
  // `apply` puts a policy in force before it returns.
  using Apply = std::function<void(std::shared_ptr<const AcceptedPolicy>)>;
  PolicyAcceptor(DeviceIdentity identity, StateStore* store, const Clock* clock, Apply apply);

  // Loads what was accepted before and applies it. NOT_FOUND: never enrolled; DATA_LOSS.
  absl::Status Load();

  // Verifies every document; those that pass are saved together, put in force and then
  // acknowledged. Each of the others is answered by a Nack with its code. NOT_SAVED is the code
  // when the state directory cannot be written: then nothing of the update is in force.
  AcceptOutcome Accept(const v1::Update& update);

  std::shared_ptr<const AcceptedPolicy> current() const { return current_; }

 private:
  // What one document would change, on a copy.
  absl::Status Stage(const v1::SignedDoc& doc, v1::AcceptedState& next, Trust& trust);
  absl::Status StageRoot(const v1::SignedDoc& doc, v1::AcceptedState& next, Trust& trust);
  absl::Status StageCohort(const v1::SignedDoc& doc, v1::AcceptedState& next, const Trust& trust);
  absl::Status StageAssignment(const v1::SignedDoc& doc, v1::AcceptedState& next,
                               const Trust& trust);
  VerifyInputs InputsFor(const v1::SignedDoc& doc, const v1::AcceptedState& state,
                         const Trust& trust, std::string role, std::string kind,
                         std::string name) const;
  absl::Status Save(const v1::AcceptedState& next);

  const DeviceIdentity identity_;
  StateStore* const store_;
  const Clock* const clock_;
  const Apply apply_;
  v1::AcceptedState state_;
  std::optional<Trust> trust_;
  std::shared_ptr<const AcceptedPolicy> current_;
};

}  // namespace muster::agent
