// The one loop that carries decisions on: approved -> in the group -> published -> sent ->
// verified, and back. Each round decides from the store what is left to do.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "controller/flow/device_hub.h"
#include "controller/flow/directory.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"

namespace muster {

struct ReconcilerOptions {
  absl::Duration sync_interval = absl::Minutes(1);
  absl::Duration republish_interval = absl::Minutes(15);  // ends of terms, halves of lives
  absl::Duration retry_interval = absl::Seconds(5);       // a directory that did not answer
  std::function<void(const absl::Status&, absl::string_view)> on_error;  // for the log
};

// Run() blocks until Work::Stop(); call it from one thread. SyncNow() may be called from any
// thread: directory reads and writes take turns.
class Reconciler {
 public:
  Reconciler(const Services& services, const SigningKeys& keys, Directory& directory,
             DeviceHub& hub, ReconcilerOptions options);

  void Run();
  // One round, without waiting: for Run() and for tests.
  void Round(const Work::Batch& batch);
  absl::StatusOr<v1::SyncRun> SyncNow(const Actor& actor, bool dry_run);

 private:
  void Publish(const Work::Batch& batch);
  void PublishDevice(const std::string& device_id);
  void Check(const absl::Status& status, absl::string_view what);

  const Services services_;
  const SigningKeys keys_;
  Directory& directory_;
  DeviceHub& hub_;
  const ReconcilerOptions options_;
  Mutex directory_turn_;
};

}  // namespace muster
