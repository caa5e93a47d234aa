// The stored runs: what became of each read of the directory, and what two people may still
// decide about it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controller/domain/membership.h"
#include "controller/flow/records.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

// NOT_FOUND: no such run, or one of more than limits::kMaxStoredRuns ago.
absl::StatusOr<Versioned<v1::SyncRun>> LoadRun(const Snapshot& snapshot, const std::string& run_id);

// The run that is HELD now, if any: at most one.
absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> HeldRun(const Snapshot& snapshot);
// A RELEASED run that no read has confirmed yet, if any.
absl::StatusOr<std::optional<Versioned<v1::SyncRun>>> ReleasedRun(const Snapshot& snapshot);
// What that run lists: under "" the persons themselves.
PersonsByApp ReleasedRemovals(const v1::SyncRun& run);

// Without the lists of changes.
v1::SyncRun Brief(const v1::SyncRun& run);

// Gives the run its id. Call once per mutation.
absl::Status NameRun(const Snapshot& snapshot, v1::SyncRun& run, Mutation& mutation);

// Stores what a complete read gave: a HELD run only when it is not the one that is HELD already,
// whose id and releases it then takes over; a new one supersedes that. `changes`: the read
// changed something, so an applied run is worth keeping. Answers whether anything is stored.
absl::StatusOr<bool> WriteRun(const Services& services, const Actor& actor,
                              const Snapshot& snapshot, v1::SyncRun& run, bool changes,
                              Mutation& mutation);

// A read that failed or was contradicted: DISCARDED, with the error as its detail. The same error
// again is stored once in limits::kFailedRunInterval.
absl::Status StoreFailedRun(const Services& services, const Actor& actor, v1::SyncRun run,
                            const absl::Status& error);

// Two different people release a HELD run; the first one's word is stored. The next read applies
// what it confirms of it: the caller starts one. FAILED_PRECONDITION when the run is not HELD;
// ALREADY_EXISTS when the same person releases twice.
absl::StatusOr<v1::SyncRun> ReleaseRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run);
absl::StatusOr<v1::SyncRun> DiscardRun(const Services& services, const Actor& actor,
                                       const std::string& run_id, bool dry_run);

}  // namespace muster
