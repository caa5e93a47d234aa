// Directory -> grants: one complete read becomes memberships, or changes nothing.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

// Reads the directory and applies it by the commit rule (DESIGN, section 7): adds always,
// removals as one set that is HELD when too large. A failed or partial read is stored as a
// DISCARDED run and returned as its error; nothing else changes. A dry run only shows what
// would happen. At most one sync runs at a time: the caller sees to that.
absl::StatusOr<v1::SyncRun> SyncDirectory(const Services& services, const Actor& actor,
                                          Directory& directory, bool dry_run);

// Two different people release a HELD run; the first one's word is stored. FAILED_PRECONDITION
// when the run is not HELD; ALREADY_EXISTS when the same person releases twice.
absl::StatusOr<v1::SyncRun> ReleaseRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run);
absl::StatusOr<v1::SyncRun> DiscardRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run);

}  // namespace muster
