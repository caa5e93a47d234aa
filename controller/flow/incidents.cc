#include "controller/flow/incidents.h"

namespace muster {

absl::StatusOr<std::string> WriteSuspicion(const Services&, const Snapshot&, const Suspicion&,
                                           Mutation&) {
  return absl::UnimplementedError("no incidents yet");
}

absl::Status WriteCoveredAfterAll(const Services&, const Snapshot&, const std::string&, Mutation&) {
  return absl::OkStatus();
}

}  // namespace muster
