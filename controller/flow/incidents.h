// Possible losses of records, from the suspicion to the signed report (36 CFR 1230.14).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"

namespace muster {

struct Suspicion {
  v1::Incident::Cause cause = v1::Incident::OTHER;
  absl::Time happened_at;
  std::vector<v1::Obligation> obligations;  // uncovered: one person, app and device
  std::string circumstances;                // what is known, in words
};

// Adds to `mutation` a new SUSPECTED incident, or the chats that the open one of the same person,
// app and device lacks; with its audit entry. The incident's id. Never opens a second one, also not
// within one mutation; an incident is open until it is NOT_A_LOSS or CLOSED. Writes nothing when
// the open one knows of it all. INVALID_ARGUMENT: no obligation, or of more than one person, app
// or device.
absl::StatusOr<std::string> WriteSuspicion(const Services& services, const Snapshot& snapshot,
                                           const Suspicion& suspicion, Mutation& mutation);

// The same by a person's hand. ALREADY_EXISTS: one is open, which it names.
absl::StatusOr<std::string> WriteOpening(const Services& services, const Snapshot& snapshot,
                                         const Actor& actor, const Suspicion& suspicion,
                                         Mutation& mutation);

// Adds to `mutation` that the time an open incident is about turned out to be covered: it stays
// open until a person decides, but says so.
absl::Status WriteCoveredAfterAll(const Services& services, const Snapshot& snapshot,
                                  const std::string& incident_id, Mutation& mutation);

// What time alone makes of incidents: REPORTED or UPDATED -> UPDATE_DUE. Decided from the store
// each time. One record's trouble does not stop the others; the first error is returned.
absl::Status RunIncidentTimers(const Services& services);

}  // namespace muster
