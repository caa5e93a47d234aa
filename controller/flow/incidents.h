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
  std::string circumstances;                // what the machine knows, in words
};

// Adds to `mutation` a new SUSPECTED incident, or the chats that the open one of the same person,
// app and device lacks; with its audit entry. The incident's id. Never opens a second one.
absl::StatusOr<std::string> WriteSuspicion(const Services& services, const Snapshot& snapshot,
                                           const Suspicion& suspicion, Mutation& mutation);

// Adds to `mutation` that the time an open incident is about turned out to be covered: it stays
// open until a person decides, but says so.
absl::Status WriteCoveredAfterAll(const Services& services, const Snapshot& snapshot,
                                  const std::string& incident_id, Mutation& mutation);

}  // namespace muster
