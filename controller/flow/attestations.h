// Who attested which version of the archive guidance, and from when on a grant needs it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/domain/policy_set.h"
#include "controller/flow/grants.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/archive_calls.pb.h"
#include "muster/v1/guidance.pb.h"

namespace muster {

// When the archive guidance in force got a version, for OwesAttestation(); nullopt: it has none.
absl::StatusOr<std::optional<absl::Time>> AttestSince(const Snapshot& snapshot);

// What this person attested last; nullopt: nothing.
absl::StatusOr<std::optional<v1::Training>> AttestationOf(const Snapshot& snapshot,
                                                          const std::string& person_id);

// The same for a request or grant with this training. Training and archive guidance of one version
// are one guidance: who acknowledged that version of the one attested the other.
absl::StatusOr<std::optional<v1::Training>> AttestationWith(
    const Snapshot& snapshot, const std::string& person_id,
    const std::optional<v1::Training>& training);

// Why this VERIFYING request cannot become ACTIVE, in words: its grant owes the attestation. Empty:
// nothing is owed.
absl::StatusOr<std::string> WhyUnattested(const Snapshot& snapshot, const v1::Request& request);

// Adds to `mutation` that the person attested the guidance: their record, and their open requests
// and holding grants, which may go live with it; with an audit entry each. The same again changes
// nothing. One that names a version or text that is not on file is only audited
// (`archive.attestation-refused`). The caller wakes the person.
absl::Status WriteAttestation(const Services& services, const Snapshot& snapshot,
                              const Actor& actor, const std::string& person_id,
                              const v1::GuidanceAttestation& attestation, Mutation& mutation);

struct AttestationOutcome {
  v1::GuidanceAttestation attestation;
  Touched touched;
};
// By the desk, for a person without an agent. NOT_FOUND: no such person, app or version; the
// person must have an open request or a grant for the app, else FAILED_PRECONDITION.
absl::StatusOr<AttestationOutcome> RecordAttestation(const Services& services, const Actor& actor,
                                                     const v1::RecordAttestationRequest& in);

// The part of an apply on guidance/archive.yaml: `after` gets texts, version and hash. Texts with a
// version are kept on file. FAILED_PRECONDITION when that version is on file with other texts.
absl::Status WriteArchiveGuidance(const Services& services, const Snapshot& snapshot,
                                  const ArchiveTexts& loaded, v1::Guidance& after,
                                  Mutation& mutation);

// What `archive guidance` shows: one item a platform.
absl::Status GetArchiveGuidance(const Services& services, v1::ArchiveGuidanceView& out);

}  // namespace muster
