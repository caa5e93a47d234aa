// Carries decisions on: approved -> in the group -> published -> sent -> verified, and back.
// Each round decides from the store what is left to do. Two loops, so that a directory that does
// not answer never delays a revocation on its way to the devices.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/directory.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"
#include "muster/v1/person.pb.h"

namespace muster {

struct ReconcilerOptions {
  absl::Duration sync_interval = absl::Minutes(1);
  absl::Duration republish_interval = absl::Minutes(15);  // ends of terms, halves of lives
  absl::Duration retry_interval = absl::Seconds(5);       // a directory that did not answer
  std::function<void(const absl::Status&, absl::string_view)> on_error;  // for the log
};

// Each Run function blocks until Stop() or Work::Stop(); call each from one thread. SyncNow() may
// be called from any thread: directory reads and writes take turns.
class Reconciler {
 public:
  Reconciler(const Services& services, const SigningKeys& keys, Directory& directory,
             DeviceHub& hub, ReconcilerOptions options);

  void RunPublisher();
  void RunDirectory();
  void Stop();

  // One round of each, without waiting: for the Run functions and for tests.
  void PublishRound(const Work::Batch& batch);
  void DirectoryRound();
  absl::StatusOr<v1::SyncRun> SyncNow(const Actor& actor, bool dry_run);

 private:
  void PublishCohorts();
  absl::StatusOr<std::set<std::string>> DevicesOf(const Work::Batch& batch);
  void PublishDevice(const std::string& device_id);
  void Check(const absl::Status& status, absl::string_view what);

  const Services services_;
  const SigningKeys keys_;
  Directory& directory_;
  DeviceHub& hub_;
  const ReconcilerOptions options_;
  Work directory_work_;
  Mutex directory_turn_;
};

}  // namespace muster
