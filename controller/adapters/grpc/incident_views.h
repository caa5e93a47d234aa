// Incidents and holds as operators see and decide them: the request taken apart, the flow called,
// its answer put together.
#pragma once

#include "absl/status/status.h"
#include "controller/flow/incident_decisions.h"
#include "controller/flow/services.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

// Newest last; of each at most limits::kMaxAuditedChats chats and no signature, which GetIncident
// shows. `person_upn` also finds those of somebody who has left.
absl::Status ListIncidents(const Services& services, const v1::ListIncidentsRequest& in,
                           v1::ListIncidentsResponse& out);
// NOT_FOUND: no such incident.
absl::Status GetIncident(const Services& services, const v1::GetIncidentRequest& in,
                         v1::Incident& out);
// Those in force; with `released` all.
absl::Status ListHolds(const Services& services, const v1::ListHoldsRequest& in,
                       v1::ListHoldsResponse& out);

absl::Status DoOpenIncident(const Services& services, const Actor& actor,
                            const v1::OpenIncidentRequest& in, v1::IncidentResponse& out);
absl::Status DoDecideIncident(const Services& services, const Actor& actor, IncidentVerb verb,
                              const v1::DecideIncidentRequest& in, v1::IncidentResponse& out);
absl::Status DoDraftIncident(const Services& services, const Actor& actor,
                             const v1::DraftIncidentRequest& in, v1::IncidentResponse& out);
absl::Status DoSignIncident(const Services& services, const Actor& actor,
                            const v1::SignIncidentRequest& in, v1::IncidentResponse& out);
absl::Status DoPlaceHold(const Services& services, const Actor& actor,
                         const v1::PlaceHoldRequest& in, v1::HoldResponse& out);
absl::Status DoReleaseHold(const Services& services, const Actor& actor,
                           const v1::ReleaseHoldRequest& in, v1::HoldResponse& out);

}  // namespace muster
