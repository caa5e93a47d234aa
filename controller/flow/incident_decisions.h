// What people decide about a possible loss of records.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/domain/incident.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"

namespace muster {

struct IncidentOutcome {
  v1::Incident incident;
  Touched touched;
};

struct NewIncidentInput {
  std::string person_upn, app_id, device_id;  // no device: one that is not enrolled
  v1::Incident::Cause cause = v1::Incident::CAUSE_UNSPECIFIED;
  absl::Time happened_at;
  std::string reason;  // what is known of the circumstances
};
// SUSPECTED, with the chats of the person's app there that are not covered. NOT_FOUND: no such
// person, app or device; ALREADY_EXISTS: one is open about it; INVALID_ARGUMENT: no cause, no
// reason, or a time that is still to come.
absl::StatusOr<IncidentOutcome> OpenIncident(const Services& services, const Actor& actor,
                                             const NewIncidentInput& input, bool dry_run);

enum class IncidentVerb { kAssess, kDismiss, kConfirm, kReport, kUpdate, kClose };
struct IncidentInput {
  IncidentVerb verb = IncidentVerb::kAssess;
  std::string incident_id, reason;
  std::string reported_to = {};    // of kReport
  uint64_t expected_revision = 0;  // 0: whatever it is
};
// Each: NOT_FOUND: no such incident; ABORTED: no longer at `expected_revision`; otherwise as the
// functions of domain/incident.h.
absl::StatusOr<IncidentOutcome> DecideIncident(const Services& services, const Actor& actor,
                                               const IncidentInput& input, bool dry_run);
absl::StatusOr<IncidentOutcome> WriteDraft(const Services& services, const Actor& actor,
                                           const std::string& incident_id,
                                           const IncidentTexts& texts, uint64_t expected_revision,
                                           bool dry_run);
// `signature` is verified with the root in force. FAILED_PRECONDITION with the code of a signature
// that is refused. The one that is there already changes nothing.
absl::StatusOr<IncidentOutcome> SignReport(const Services& services, const Actor& actor,
                                           const std::string& incident_id,
                                           const v1::SignedDoc& signature, bool dry_run);

}  // namespace muster
