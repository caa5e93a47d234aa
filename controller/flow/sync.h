// Directory -> grants: load, read, decide, confirm, commit. One complete read becomes memberships,
// or changes nothing.
#pragma once

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/directory.h"
#include "controller/flow/services.h"
#include "controller/flow/sync_plan.h"
#include "muster/v1/person.pb.h"

namespace muster {

// Thread-compatible: one sync at a time, and no write-back at the same time.
class DirectorySync {
 public:
  DirectorySync(const Services& services, Directory& directory)
      : services_(services), directory_(directory) {}

  // Reads the directory and applies it by the commit rule (DESIGN, section 7): adds always,
  // removals as one set that is HELD when too large. Each removal that is only inferred is asked
  // for again before the commit. A failed, partial or contradicted read is stored as a DISCARDED
  // run and returned as its error; nothing else changes. A dry run only shows what would happen.
  // DATA_LOSS: the read cannot be trusted, the next one should be full.
  absl::StatusOr<v1::SyncRun> Run(const Actor& actor, ReadDepth depth, bool dry_run);

 private:
  // What the last applied run saw, so that a read that found nothing new needs no second look.
  // Losing it costs time only.
  struct Memo {
    std::weak_ptr<const DirectorySnapshot> read;  // no copy is kept for this
    uint64_t membership_revision = 0;
    absl::Time next_expiry;  // then somebody stops to count, without any change
    v1::SyncRun run;
  };

  absl::StatusOr<v1::SyncRun> Apply(const Actor& actor, DirectorySnapshotPtr read, v1::SyncRun run,
                                    bool dry_run);
  absl::StatusOr<v1::SyncRun> TryApply(const Actor& actor, const DirectorySnapshotPtr& read,
                                       v1::SyncRun run, bool dry_run,
                                       std::set<std::string>& confirmed);
  absl::Status Confirm(const SyncPlan& plan, std::set<std::string>& confirmed);
  absl::StatusOr<bool> NothingNew(const DirectorySnapshotPtr& read);
  // That a read went well is stored once in a while; what it changed always is.
  absl::Status Record(v1::SyncRun& run);

  const Services services_;
  Directory& directory_;
  Memo memo_;
  absl::Time recorded_at_ = absl::InfinitePast();
};

}  // namespace muster
