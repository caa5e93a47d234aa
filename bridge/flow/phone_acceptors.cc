#include "bridge/flow/phone_acceptors.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "common/bridge_limits.h"
#include "common/status_macros.h"
#include "common/time_proto.h"

namespace muster::bridge {
namespace {

// What a phone starts from. The root may have ended: it is a step to its successor, as on a device
// that was away for long.
absl::StatusOr<v1::AcceptedState> FirstStateOf(const BridgeStore& store,
                                               const std::string& tenant) {
  MUSTER_ASSIGN_OR_RETURN(const auto bytes, store.Read(agent::kAcceptedFile));
  v1::AcceptedState own;
  v1::AnyDocument claimed;
  if (!bytes || !own.ParseFromString(*bytes) || !claimed.ParseFromString(own.root().payload())) {
    return absl::FailedPreconditionError(
        "the bridge has no root: run `muster-bridge enroll` first");
  }
  MUSTER_ASSIGN_OR_RETURN(
      const Verified<v1::Root> root,
      VerifyRoot(own.root(), nullptr, tenant, Floor(), FromProto(claimed.header().issued_at())));
  return agent::FirstState(own.root(), root);
}

// Of a state whose shared parts are gone: what must never go back.
void KeepFloors(const v1::AcceptedState& before, v1::AcceptedState& next) {
  for (const v1::AcceptedState::FloorRecord& floor : before.floors()) {
    if (floor.name() != kRootName) *next.add_floors() = floor;
  }
  if (agent::HighestIssued(before) > agent::HighestIssued(next)) {
    *next.mutable_highest_issued_at() = before.highest_issued_at();
  }
  *next.mutable_audit_log() = before.audit_log();
}

}  // namespace

PhoneAcceptors::PhoneAcceptors(agent::DeviceIdentity bridge, BridgeStore* store, BlobStore* blobs,
                               const Clock* clock, Applied applied)
    : bridge_(std::move(bridge)),
      store_(store),
      blobs_(blobs),
      clock_(clock),
      applied_(std::move(applied)) {}

absl::Status PhoneAcceptors::BeginAgain(v1::Platform::Id platform, PhoneStore& store) {
  MUSTER_ASSIGN_OR_RETURN(v1::AcceptedState first, FirstStateOf(*store_, bridge_.tenant));
  const auto kept = store.ReadKept(platform);
  if (kept.ok() && *kept) KeepFloors((*kept)->own, first);
  return store.Write(agent::kAcceptedFile, first.SerializeAsString());
}

absl::StatusOr<std::unique_ptr<agent::PolicyAcceptor>> PhoneAcceptors::Load(
    const std::string& device_id, v1::Platform::Id platform, PhoneStore& store) {
  const agent::DeviceIdentity identity = {bridge_.tenant, device_id, bridge_.certificate_key_sha256,
                                          platform};
  auto acceptor = std::make_unique<agent::PolicyAcceptor>(
      identity, &store, clock_,
      [this, device_id](std::shared_ptr<const agent::AcceptedPolicy> accepted) {
        applied_(device_id, std::move(accepted));
      });
  absl::Status loaded = acceptor->Load();
  if (absl::IsNotFound(loaded) || absl::IsDataLoss(loaded)) {
    MUSTER_RETURN_IF_ERROR(BeginAgain(platform, store));
    loaded = acceptor->Load();
  }
  if (!loaded.ok()) return loaded;
  return acceptor;
}

void PhoneAcceptors::MakeRoom() {
  for (auto it = residents_.end();
       it != residents_.begin() && residents_.size() >= limits::kMaxResidentPhones;) {
    --it;
    if (pinned_.contains(it->device_id)) continue;
    by_id_.erase(it->device_id);
    it = residents_.erase(it);
  }
}

absl::StatusOr<agent::PolicyAcceptor*> PhoneAcceptors::Get(const std::string& device_id,
                                                           v1::Platform::Id platform) {
  if (const auto it = by_id_.find(device_id); it != by_id_.end()) {
    residents_.splice(residents_.begin(), residents_, it->second);
    return it->second->acceptor.get();
  }
  MakeRoom();
  Resident resident;
  resident.device_id = device_id;
  resident.store = std::make_unique<PhoneStore>(device_id, store_, blobs_);
  MUSTER_ASSIGN_OR_RETURN(resident.acceptor, Load(device_id, platform, *resident.store));
  residents_.push_front(std::move(resident));
  by_id_[device_id] = residents_.begin();
  return residents_.front().acceptor.get();
}

void PhoneAcceptors::Drop(const std::string& device_id) {
  pinned_.erase(device_id);
  const auto it = by_id_.find(device_id);
  if (it == by_id_.end()) return;
  residents_.erase(it->second);
  by_id_.erase(it);
}

}  // namespace muster::bridge
