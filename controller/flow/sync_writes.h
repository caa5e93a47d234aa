// Writes a plan: persons first, then memberships, grants and the run, in one commit unless very
// many persons changed or members were added. Removals are always within the last one.
#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/sync_plan.h"

namespace muster {

struct WrittenSync {
  v1::SyncRun run;
  uint64_t membership_revision = 0;
  bool stored = false;  // something was; else the store is as it was
};

// Every record is compared with what the plan was decided from: ABORTED when somebody else was
// faster, and then nothing but persons and adds may have been written. Those are independent of
// each other and of the removals; a later sync finds them as they should be.
absl::StatusOr<WrittenSync> WriteSync(const Services& services, const Actor& actor,
                                      const Snapshot& snapshot, const DirectorySnapshot& read,
                                      const SyncPlan& plan, v1::SyncRun run);

}  // namespace muster
