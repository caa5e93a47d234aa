#include "controller/flow/reconciler.h"

#include <utility>

#include "controller/flow/compliance_history.h"
#include "controller/flow/deadlines.h"
#include "controller/flow/incidents.h"
#include "controller/flow/lookup.h"
#include "controller/flow/obligations.h"
#include "controller/flow/provision.h"
#include "controller/flow/receipts.h"
#include "controller/flow/rollout.h"
#include "controller/flow/sync_runs.h"
#include "controller/flow/trust.h"

namespace muster {

Reconciler::Reconciler(const Services& services, const Signer& signer, Directory& directory,
                       DeviceHub& hub, ReconcilerOptions options)
    : services_(services),
      signer_(signer),
      directory_(directory),
      hub_(hub),
      options_(std::move(options)),
      schedule_(options_.sync_interval),
      sync_(services_, directory) {}

void Reconciler::Check(const absl::Status& status, absl::string_view what) {
  if (!status.ok() && options_.on_error) options_.on_error(status, what);
}

void Reconciler::RunPublisher() {
  absl::Time next_republish = services_.clock.Now();
  Check(StartArchiveWalk(services_), "looking at everybody's exports");
  Work::Batch batch;
  while (!services_.work.stopped()) {
    if (deadline_pace_.Due(services_.clock.Now())) Deadlines();
    if (services_.clock.Now() >= next_republish) {
      batch.all = true;
      next_republish = services_.clock.Now() + options_.republish_interval;
    }
    directory_work_.Wake();
    PublishRound(batch);
    batch = services_.work.Wait(Pause());
  }
}

void Reconciler::RunDirectory() {
  while (!directory_work_.stopped()) {
    SyncIfDue();
    DirectoryRound();
    directory_work_.Wait(std::min(options_.retry_interval, schedule_.Left(services_.clock.Now())));
  }
}

void Reconciler::SyncIfDue() {
  const std::optional<ReadDepth> depth = schedule_.Due(services_.clock.Now());
  if (!depth) return;
  absl::Status status;
  {
    MutexLock lock(&directory_turn_);
    status = sync_.Run(MusterItself(), *depth, false).status();
  }
  Check(status, "directory sync");
  schedule_.Ran(*depth, status, services_.clock.Now());
}

void Reconciler::Stop() {
  services_.work.Stop();
  directory_work_.Stop();
}

void Reconciler::PublishRound(const Work::Batch& batch) {
  if (batch.all) PublishForAll();
  if (batch.all || batch.cohorts) PublishCohorts();
  const absl::StatusOr<std::set<std::string>> devices = DevicesOf(batch);
  Check(devices.status(), "finding the devices to publish for");
  if (devices.ok()) {
    for (const std::string& device : *devices) PublishDevice(device);
  }
  Check(AdvanceVerified(services_), "advancing verified requests and grants");
  Advance();
  beacon_wanted_ =
      beacon_wanted_ || batch.all || batch.cohorts || (devices.ok() && !devices->empty());
  Beacon();
  hub_.Sweep();
}

// What was signed elsewhere: never late, whatever else there is to do.
void Reconciler::PublishForAll() {
  const std::unique_ptr<Snapshot> snapshot = services_.store.Read();
  Check(OfferRoots(*snapshot), "publishing root");
  const absl::StatusOr<DocumentPtr> deny = FindEmergencyDeny(*snapshot, services_.clock.Now());
  Check(deny.status(), "publishing emergency-deny");
  if (deny.ok() && *deny != nullptr) hub_.OfferAll(*deny);
}

// Every root since the last one offered: agents walk them one by one.
absl::Status Reconciler::OfferRoots(const Snapshot& snapshot) {
  MUSTER_ASSIGN_OR_RETURN(const DocumentPtr newest, FindDocument(snapshot, DocumentKey(kRootName)));
  if (newest == nullptr) return absl::OkStatus();
  if (offered_root_ == 0) offered_root_ = newest->version - 1;
  MUSTER_ASSIGN_OR_RETURN(const auto steps, RootsAfter(snapshot, offered_root_));
  for (const DocumentPtr& step : steps) {
    hub_.OfferAll(step);
    offered_root_ = step->version;
  }
  return absl::OkStatus();
}

void Reconciler::Deadlines() {
  const absl::Time from = services_.clock.Now();
  Check(RunDeadlines(services_), "carrying out deadlines");
  Check(RunArchiveDeadlines(services_), "looking at what has to be exported");
  Check(RunIncidentTimers(services_), "looking for updates of incidents that are due");
  Check(RunComplianceHistory(services_), "keeping the figures of compliance");
  const absl::Time until = services_.clock.Now();
  // At most a twentieth of the time, and not more often than it takes.
  deadline_pace_.Ran(from, std::max(until, from + options_.deadline_interval / 20));
}

absl::Duration Reconciler::Pause() const {
  const absl::Time now = services_.clock.Now();
  absl::Duration pause = std::min(options_.retry_interval, deadline_pace_.Left(now));
  if (step_deferred_) pause = std::min(pause, rollout_pace_.Left(now));
  if (beacon_wanted_) pause = std::min(pause, beacon_pace_.Left(now));
  return pause;
}

void Reconciler::Advance() {
  const absl::Time from = services_.clock.Now();
  step_deferred_ = !rollout_pace_.Due(from);
  if (step_deferred_) return;
  const absl::StatusOr<bool> changed = AdvanceRollouts(services_, hub_, options_.rollout);
  Check(changed.status(), "advancing rollouts");
  if (changed.ok() && *changed) {
    PublishCohorts();
    beacon_wanted_ = true;
  }
  rollout_pace_.Ran(from, services_.clock.Now());
}

// To everybody each quarter of an hour; in between to those whose documents changed.
void Reconciler::Beacon() {
  const absl::Time from = services_.clock.Now();
  const bool to_all = from >= next_beacon_;
  if (!to_all && (!beacon_wanted_ || !beacon_pace_.Due(from))) return;
  const absl::StatusOr<BeaconsPtr> beacons = MakeBeacon(services_, signer_);
  Check(beacons.status(), "making the beacon");
  if (!beacons.ok()) {
    // Not before a while, or a store that fails would be asked without a pause.
    beacon_pace_.Ran(from, from + options_.retry_interval / 20);
    return;
  }
  beacon_wanted_ = false;
  if (to_all) next_beacon_ = from + limits::kBeaconInterval;
  if (*beacons != nullptr) hub_.OfferBeacon(*beacons, to_all);
  beacon_pace_.Ran(from, services_.clock.Now());
}

void Reconciler::DirectoryRound() {
  MutexLock lock(&directory_turn_);
  Check(ProvisionRequests(services_, directory_), "provisioning requests");
  Check(RemoveRevoked(services_, directory_), "removing revoked members");
}

absl::StatusOr<v1::SyncRun> Reconciler::SyncNow(const Actor& actor, bool dry_run) {
  MutexLock lock(&directory_turn_);
  return sync_.Run(actor, ReadDepth::kFull, dry_run);
}

absl::StatusOr<v1::SyncRun> Reconciler::Release(const Actor& actor, const std::string& run_id,
                                                bool dry_run) {
  MutexLock lock(&directory_turn_);
  MUSTER_ASSIGN_OR_RETURN(v1::SyncRun run, ReleaseRun(services_, actor, run_id, dry_run));
  if (dry_run || run.state() != v1::SyncRun::RELEASED) return run;
  const absl::Status applied = sync_.Run(actor, ReadDepth::kFull, false).status();
  Check(applied, "applying a released run");
  MUSTER_ASSIGN_OR_RETURN(const auto now, LoadRun(*services_.store.Read(), run_id));
  run = now.value;
  if (!applied.ok()) {
    run.set_detail(
        absl::StrCat("released; waits for a read of the directory: ", applied.message()));
  }
  return run;
}

void Reconciler::PublishDevice(const std::string& device_id) {
  const absl::StatusOr<DocumentPtr> doc = PublishAssignment(services_, signer_, device_id);
  if (!doc.ok()) return Check(doc.status(), absl::StrCat("publishing for ", device_id));
  if (*doc == nullptr) return CutOff(device_id);
  hub_.Offer(device_id, *doc);
  if (!hub_.Connected(device_id)) return;
  absl::StatusOr<std::shared_ptr<const std::string>> receipts =
      PendingReceipts(*services_.store.Read(), device_id);
  Check(receipts.status(), absl::StrCat("receipts for ", device_id));
  if (receipts.ok()) hub_.OfferReceipts(device_id, *std::move(receipts));
}

// There is nothing to publish for a bridge either, and it stays connected.
void Reconciler::CutOff(const std::string& device_id) {
  const auto device = LoadDevice(*services_.store.Read(), device_id);
  if (device.ok() && device->value.state() == v1::Device::ENROLLED) return;
  hub_.Disconnect(device_id, absl::PermissionDeniedError("this device is retired"));
}

void Reconciler::PublishCohorts() {
  for (const v1::Platform::Id platform : kPlatforms) {
    const absl::StatusOr<CohortPublication> published = PublishCohort(services_, signer_, platform);
    Check(published.status(), absl::StrCat("publishing ", CohortName(platform)));
    if (published.ok()) hub_.OfferCohort(*published);
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
