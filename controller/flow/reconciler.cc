#include "controller/flow/reconciler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "controller/flow/lookup.h"
#include "controller/flow/provision.h"
#include "controller/flow/sync.h"

namespace muster {

Reconciler::Reconciler(const Services& services, const SigningKeys& keys, Directory& directory,
                       DeviceHub& hub, ReconcilerOptions options)
    : services_(services),
      keys_(keys),
      directory_(directory),
      hub_(hub),
      options_(std::move(options)) {}

void Reconciler::Check(const absl::Status& status, absl::string_view what) {
  if (!status.ok() && options_.on_error) options_.on_error(status, what);
}

void Reconciler::Run() {
  absl::Time next_sync = services_.clock.Now();
  absl::Time next_republish = services_.clock.Now();
  Work::Batch batch;
  while (!services_.work.stopped()) {
    const absl::Time now = services_.clock.Now();
    if (now >= next_sync) {
      Check(SyncNow(MusterItself(), false).status(), "directory sync");
      next_sync = services_.clock.Now() + options_.sync_interval;
    }
    if (now >= next_republish) {
      batch.all = true;
      next_republish = services_.clock.Now() + options_.republish_interval;
    }
    Round(batch);
    // Bounded below, so that a clock set back cannot make this loop spin.
    const absl::Duration wait =
        std::clamp(std::min(next_sync, next_republish) - services_.clock.Now(),
                   absl::Milliseconds(10), options_.retry_interval);
    batch = services_.work.Wait(wait);
  }
}

void Reconciler::Round(const Work::Batch& batch) {
  {
    MutexLock lock(&directory_turn_);
    Check(ProvisionRequests(services_, directory_), "provisioning requests");
  }
  // What was just provisioned is published before the slower removal from the directory, and a
  // revocation reaches the devices before the directory is touched.
  Work::Batch merged = services_.work.Wait(absl::ZeroDuration());
  merged.all = merged.all || batch.all;
  merged.persons.insert(batch.persons.begin(), batch.persons.end());
  merged.devices.insert(batch.devices.begin(), batch.devices.end());
  Publish(merged);
  {
    MutexLock lock(&directory_turn_);
    Check(RemoveRevoked(services_, directory_), "removing revoked members");
  }
  Check(AdvanceVerified(services_), "advancing verified requests and grants");
}

absl::StatusOr<v1::SyncRun> Reconciler::SyncNow(const Actor& actor, bool dry_run) {
  MutexLock lock(&directory_turn_);
  return SyncDirectory(services_, actor, directory_, dry_run);
}

void Reconciler::PublishDevice(const std::string& device_id) {
  const absl::StatusOr<DocumentPtr> doc = PublishAssignment(services_, keys_, device_id);
  if (!doc.ok()) return Check(doc.status(), absl::StrCat("publishing for ", device_id));
  if (*doc == nullptr) {
    return hub_.Disconnect(device_id, absl::PermissionDeniedError("this device is retired"));
  }
  hub_.Offer(device_id, *doc);
}

void Reconciler::Publish(const Work::Batch& batch) {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  std::set<std::string> devices = batch.devices;
  if (batch.all) {
    for (const v1::Platform::Id platform :
         {v1::Platform::ANDROID, v1::Platform::IOS, v1::Platform::MACOS, v1::Platform::WINDOWS,
          v1::Platform::LINUX}) {
      const absl::StatusOr<DocumentPtr> doc = PublishCohort(services_, keys_, platform);
      Check(doc.status(), absl::StrCat("publishing ", CohortName(platform)));
      if (doc.ok() && *doc != nullptr) hub_.OfferAll(*doc);
    }
    const auto all = EnrolledDevices(*snapshot);
    Check(all.status(), "listing devices");
    if (all.ok()) devices.insert(all->begin(), all->end());
  }
  for (const std::string& id : batch.persons) {
    const auto person = Find<v1::Person>(*snapshot, PersonKey(id));
    Check(person.status(), "reading a person");
    if (!person.ok() || !*person) continue;
    const auto owned = DevicesOfPerson(*snapshot, (*person)->value);
    Check(owned.status(), "listing a person's devices");
    if (owned.ok()) devices.insert(owned->begin(), owned->end());
  }
  for (const std::string& device : devices) PublishDevice(device);
}

}  // namespace muster
