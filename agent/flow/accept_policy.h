// Verify -> save -> put in force -> acknowledge. The last good documents stay whatever comes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/domain/seen_log.h"
#include "agent/flow/accepted_state.h"
#include "agent/flow/chunk_store.h"
#include "agent/flow/policy_answers.h"
#include "agent/flow/state_store.h"
#include "common/clock.h"
#include "common/signed_doc.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/device_service.pb.h"

namespace muster::agent {

// Who this device is, as its certificate says; a phone is what the bridge's certificate speaks for.
struct DeviceIdentity {
  std::string tenant;
  std::string device_id;
  std::string certificate_key_sha256;  // hex, over the certificate's SubjectPublicKeyInfo
  // Whose cohort it belongs to. UNSPECIFIED: of none, and no assignment is taken either.
  v1::Platform::Id platform = v1::Platform::LINUX;
};

// Thread-compatible: one stream at a time.
class PolicyAcceptor {
 public:
  // `apply` puts a policy in force before it returns.
  using Apply = std::function<void(std::shared_ptr<const AcceptedPolicy>)>;
  PolicyAcceptor(DeviceIdentity identity, StateStore* store, const Clock* clock, Apply apply);

  // Loads what was accepted before and applies it. NOT_FOUND: never enrolled; DATA_LOSS.
  absl::Status Load();

  // Verifies every document: roots by version, emergency deny, assignment, cohort; those that
  // pass are saved together, put in force and then acknowledged. Each of the others is answered
  // by a Nack with its code. NOT_SAVED is the code when the state directory cannot be written:
  // then nothing of the update is in force. A cohort policy whose chunks are not all here is
  // answered by a Need, and held until they are.
  AcceptOutcome Accept(const v1::Update& update);

  // A chunk that was asked for; any other is ignored. With the last one the held policy is
  // verified again, for time and floors may have moved, and answered.
  AcceptOutcome AddChunk(const v1::Chunk& chunk);

  // Proves that the documents in force are the current ones, or shows that they are not. Saved
  // and acknowledged like a document, with nonce 0. The audit log that it names has to continue the
  // one seen before (domain/seen_log.h); else it is refused, the head is kept as evidence, and
  // nothing else changes.
  AcceptOutcome AcceptBeacon(const v1::BeaconUpdate& update);

  // The audit log as this device has seen it; empty: no Beacon has been accepted yet.
  const v1::SeenLog& seen_log() const { return state_.audit_log(); }
  // That a WitnessReport is queued. When it cannot be saved it holds until a restart.
  absl::Status MarkWitnessTold(absl::Time at);

  std::shared_ptr<const AcceptedPolicy> current() const { return current_; }
  // The root in force; null before Load.
  const Trust* trust() const { return trust_ ? &*trust_ : nullptr; }

 private:
  // What would be in force: a copy to change.
  struct Draft {
    v1::AcceptedState next;
    Trust trust;
    bool changed = false;
    bool documents_changed = false;
  };
  // A verified cohort policy that waits for chunks.
  struct Pending {
    uint64_t nonce = 0;
    v1::SignedDoc doc;
    v1::CohortPolicy policy;
    std::set<std::string> missing;
  };

  Draft NewDraft() const { return {state_, *trust_}; }
  absl::Status Stage(const v1::SignedDoc& doc, Draft& draft) const;
  absl::Status StageRoot(const v1::SignedDoc& doc, Draft& draft) const;
  absl::Status StageEmergencyDeny(const v1::SignedDoc& doc, Draft& draft) const;
  absl::Status StageAssignment(const v1::SignedDoc& doc, Draft& draft) const;
  absl::StatusOr<Verified<v1::CohortPolicy>> CheckCohort(const v1::SignedDoc& doc,
                                                         const Draft& draft) const;
  // Takes the chunks from where they are at hand. The hashes of those that are not; with any
  // missing the draft is unchanged.
  absl::StatusOr<std::vector<std::string>> StageCohort(const v1::SignedDoc& doc,
                                                       const Verified<v1::CohortPolicy>& cohort,
                                                       Draft& draft) const;
  absl::Status StageBeacon(const v1::BeaconUpdate& update, Draft& draft) const;
  // A refused head is in the draft too.
  absl::Status StageAuditLog(const v1::Beacon& beacon, const v1::BeaconUpdate& update,
                             Draft& draft) const;
  VerifyInputs InputsFor(const v1::SignedDoc& doc, const Draft& draft, std::string name) const;
  absl::Time Now(const Draft& draft) const;
  // Saves and puts in force. Not ok: nothing has changed.
  absl::Status Commit(Draft draft, AcceptOutcome& out);
  absl::Status Save(const v1::AcceptedState& next);
  // So that anybody on this device can read what it has seen of the audit log.
  void PublishSeenLog(v1::SeenLog seen);
  void Hold(Pending pending, AcceptOutcome& out);

  const DeviceIdentity identity_;
  StateStore* const store_;
  const Clock* const clock_;
  const Apply apply_;
  ChunkStore chunks_;
  v1::AcceptedState state_;
  std::optional<Trust> trust_;
  std::optional<Pending> pending_;
  std::shared_ptr<const AcceptedPolicy> current_;
};

}  // namespace muster::agent
