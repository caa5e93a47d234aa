// What each person has to export by when (DESIGN, section 9): which obligations there are, how
// they stand, what follows. Decided from the store each time; a round that was cut short, came late
// or twice comes to the same.
//
// Whatever changes a person's obligations puts ArchiveWorkKey(person) into its own mutation; what
// time alone changes is found by archive_due/. So a round costs what has changed, not what there
// is.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/device.pb.h"

namespace muster {

// Everything that is marked or due, for at most limits::kMaxArchivePersonsPerRound persons; the
// rest next time. One person's trouble does not stop the others; the first error is returned.
absl::Status RunArchiveDeadlines(const Services& services);

// From now on everybody with a grant is looked at once more, a few each round: at the start, and
// when the agency's settings change. Adds to `mutation`.
void WriteArchiveWalk(Mutation& mutation);
absl::Status StartArchiveWalk(const Services& services);

// Marks everybody who counts on the device.
absl::Status MarkPersonsOf(const Snapshot& snapshot, const v1::Device& device, Mutation& mutation);

// The stored obligations of one person, or of one of the person's apps.
absl::StatusOr<std::vector<v1::Obligation>> ObligationsOf(const Snapshot& snapshot,
                                                          const std::string& person_id,
                                                          const std::string& app_id = "");

// For a grant that the TRM office suspended: everything from before is exported.
absl::StatusOr<bool> NothingLeftToExport(const Snapshot& snapshot, const v1::Grant& grant);

}  // namespace muster
