// What every change of an incident writes: the record, its keys, its report, its audit entry.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/retention.h"
#include "controller/flow/services.h"
#include "muster/v1/archive.pb.h"

namespace muster {

// One change of one incident. `before` is nullptr for a new one.
struct IncidentChange {
  const Versioned<v1::Incident>* before = nullptr;
  v1::Incident after = {};
  std::string verb = {};  // "incident.confirm"
  std::string reason = {};
};

// Adds the change to `mutation`, in place of an earlier one of the same incident there. A report
// that is being drafted is rendered anew, and `change.after` gets its hash.
absl::Status WriteIncident(const Services& services, const Snapshot& snapshot, const Actor& actor,
                           IncidentChange& change, Mutation& mutation);

// As it will be after `mutation`; revision 0 when only there. nullopt: none.
absl::StatusOr<std::optional<Versioned<v1::Incident>>> FindIncident(const Snapshot& snapshot,
                                                                    const std::string& incident_id,
                                                                    const Mutation& mutation);
// The id of the open incident about one person's app on one device, as it will be after
// `mutation`; empty: none.
absl::StatusOr<std::string> FindOpenIncident(const Snapshot& snapshot, const std::string& person,
                                             const std::string& app, const std::string& device,
                                             const Mutation& mutation);

absl::Duration UpdateEvery(const v1::RetentionPolicy& policy);

}  // namespace muster
