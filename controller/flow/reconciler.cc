#include "controller/flow/reconciler.h"

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

void Reconciler::RunPublisher() {
  absl::Time next_republish = services_.clock.Now();
  Work::Batch batch;
  while (!services_.work.stopped()) {
    if (services_.clock.Now() >= next_republish) {
      batch.all = true;
      next_republish = services_.clock.Now() + options_.republish_interval;
    }
    directory_work_.Wake();
    PublishRound(batch);
    batch = services_.work.Wait(options_.retry_interval);
  }
}

void Reconciler::RunDirectory() {
  absl::Time next_sync = services_.clock.Now();
  while (!directory_work_.stopped()) {
    if (services_.clock.Now() >= next_sync) {
      Check(SyncNow(MusterItself(), false).status(), "directory sync");
      next_sync = services_.clock.Now() + options_.sync_interval;
    }
    DirectoryRound();
    directory_work_.Wait(options_.retry_interval);
  }
}

void Reconciler::Stop() {
  services_.work.Stop();
  directory_work_.Stop();
}

void Reconciler::PublishRound(const Work::Batch& batch) {
  if (batch.all) PublishCohorts();
  const absl::StatusOr<std::set<std::string>> devices = DevicesOf(batch);
  Check(devices.status(), "finding the devices to publish for");
  if (devices.ok()) {
    for (const std::string& device : *devices) PublishDevice(device);
  }
  Check(AdvanceVerified(services_), "advancing verified requests and grants");
}

void Reconciler::DirectoryRound() {
  MutexLock lock(&directory_turn_);
  Check(ProvisionRequests(services_, directory_), "provisioning requests");
  Check(RemoveRevoked(services_, directory_), "removing revoked members");
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

void Reconciler::PublishCohorts() {
  for (const v1::Platform::Id platform :
       {v1::Platform::ANDROID, v1::Platform::IOS, v1::Platform::MACOS, v1::Platform::WINDOWS,
        v1::Platform::LINUX}) {
    const absl::StatusOr<DocumentPtr> doc = PublishCohort(services_, keys_, platform);
    Check(doc.status(), absl::StrCat("publishing ", CohortName(platform)));
    if (doc.ok() && *doc != nullptr) hub_.OfferAll(*doc);
  }
}

absl::StatusOr<std::set<std::string>> Reconciler::DevicesOf(const Work::Batch& batch) {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  std::set<std::string> devices = batch.devices;
  if (batch.all) {
    MUSTER_ASSIGN_OR_RETURN(const auto all, EnrolledDevices(*snapshot));
    devices.insert(all.begin(), all.end());
  }
  for (const std::string& id : batch.persons) {
    MUSTER_ASSIGN_OR_RETURN(const auto person, Find<v1::Person>(*snapshot, PersonKey(id)));
    if (!person) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto own, DevicesOfPerson(*snapshot, person->value));
    devices.insert(own.begin(), own.end());
  }
  return devices;
}

}  // namespace muster
