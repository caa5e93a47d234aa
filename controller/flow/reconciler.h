// Carries decisions on: approved -> in the group -> published -> sent -> verified, and back.
// Each round decides from the store what is left to do. Two loops, so that a directory that does
// not answer never delays a revocation on its way to the devices.
#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/beacon.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/directory.h"
#include "controller/flow/publish_cohort.h"
#include "controller/flow/services.h"
#include "controller/flow/sync.h"
#include "controller/flow/sync_schedule.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct ReconcilerOptions {
  absl::Duration sync_interval = absl::Seconds(5);               // of what changed in the directory
  absl::Duration republish_interval = absl::Minutes(15);         // ends of terms, halves of lives
  absl::Duration retry_interval = absl::Seconds(5);              // a directory that did not answer
  absl::Duration deadline_interval = limits::kDeadlineInterval;  // terms, decisions
  RolloutOptions rollout;
  std::function<void(const absl::Status&, absl::string_view)> on_error;  // for the log
};

// Lets work whose cost grows with the fleet run at most a twentieth of the time. Pure.
class Pace {
 public:
  absl::Duration Left(absl::Time now) const { return std::max(next_ - now, absl::ZeroDuration()); }
  bool Due(absl::Time now) const { return now >= next_; }
  void Ran(absl::Time from, absl::Time until) { next_ = until + 20 * (until - from); }

 private:
  absl::Time next_ = absl::InfinitePast();
};

// Each Run function blocks until Stop() or Work::Stop(); call each from one thread. SyncNow()
// and Release() may be called from any thread: directory reads and writes take turns.
class Reconciler {
 public:
  Reconciler(const Services& services, const Signer& signer, Directory& directory, DeviceHub& hub,
             ReconcilerOptions options);

  void RunPublisher();
  void RunDirectory();
  void Stop();

  // One round of each, without waiting: for the Run functions and for tests.
  void PublishRound(const Work::Batch& batch);
  void DirectoryRound();
  // Reads everything anew.
  absl::StatusOr<v1::SyncRun> SyncNow(const Actor& actor, bool dry_run);
  // The second person's word is followed by a sync in the same call, which applies what it
  // confirms. One that fails leaves that to the next.
  absl::StatusOr<v1::SyncRun> Release(const Actor& actor, const std::string& run_id, bool dry_run);

 private:
  void PublishForAll();
  absl::Status OfferRoots(const Snapshot& snapshot);
  void PublishCohorts();
  void Deadlines();
  void Advance();
  void Beacon();
  // Until there is something to do again that nobody wakes this for.
  absl::Duration Pause() const;
  absl::StatusOr<std::set<std::string>> DevicesOf(const Work::Batch& batch);
  void PublishDevice(const std::string& device_id);
  void CutOff(const std::string& device_id);
  void SyncIfDue();
  void Check(const absl::Status& status, absl::string_view what);

  const Services services_;
  const Signer& signer_;
  Directory& directory_;
  DeviceHub& hub_;
  const ReconcilerOptions options_;
  Work directory_work_;
  // The publisher's own.
  Pace rollout_pace_, beacon_pace_, deadline_pace_;
  uint64_t offered_root_ = 0;  // version; 0: none since the start
  bool step_deferred_ = false;
  bool beacon_wanted_ = true;
  absl::Time next_beacon_ = absl::InfinitePast();
  SyncSchedule schedule_;
  Mutex directory_turn_;
  DirectorySync sync_ ABSL_GUARDED_BY(directory_turn_);
};

}  // namespace muster
