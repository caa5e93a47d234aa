// The guidance texts, and who acknowledged which version of them.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/requests.h"
#include "controller/flow/services.h"
#include "muster/v1/guidance.pb.h"
#include "muster/v1/request.pb.h"

namespace muster {

absl::StatusOr<v1::Guidance> LoadGuidance(const Snapshot& snapshot);

// nullopt for an empty version. The hash of the text where that version is on file.
absl::StatusOr<std::optional<v1::Training>> TrainingFor(const Services& services,
                                                        const Snapshot& snapshot,
                                                        const Actor& actor,
                                                        const std::string& version);

// On the request, and on its grant if there is one already: the grant may go live with it.
absl::StatusOr<RequestOutcome> RecordTraining(const Services& services, const Actor& actor,
                                              const std::string& request_id,
                                              const std::string& version, bool dry_run);

}  // namespace muster
