#include "bridge/flow/phone_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "agent/flow/accepted_state.h"
#include "common/status_macros.h"
#include "muster/v1/bridge.pb.h"

namespace muster::bridge {
namespace {

// Their places in SharedAcceptedState.blobs.
enum SharedPart { kRoot, kCohort, kEmergencyDeny, kBeacon, kSharedParts };

// Null: the state does not have that part. Not made where it is not there.
const v1::SignedDoc* PartOf(const v1::AcceptedState& state, int part) {
  switch (static_cast<SharedPart>(part)) {
    case kRoot:
      return state.has_root() ? &state.root() : nullptr;
    case kCohort:
      return state.has_cohort() ? &state.cohort() : nullptr;
    case kEmergencyDeny:
      return state.has_emergency_deny() ? &state.emergency_deny() : nullptr;
    case kBeacon:
      return state.beacon().has_beacon() ? &state.beacon().beacon() : nullptr;
    case kSharedParts:
      break;
  }
  return nullptr;
}

v1::SignedDoc* MutablePart(v1::AcceptedState& state, int part) {
  switch (static_cast<SharedPart>(part)) {
    case kRoot:
      return state.mutable_root();
    case kCohort:
      return state.mutable_cohort();
    case kEmergencyDeny:
      return state.mutable_emergency_deny();
    case kBeacon:
      return state.mutable_beacon()->mutable_beacon();
    case kSharedParts:
      break;
  }
  return nullptr;
}

bool IsChunk(const std::string& name) {
  return absl::StartsWith(name, absl::StrCat(agent::kChunkDir, "/"));
}

std::string ChunkHash(const std::string& name) {
  return name.substr(sizeof agent::kChunkDir);  // the slash counts for the end of the string
}

bool IsCopy(const std::string& name) {
  return name == agent::kRootFile || name == agent::kCohortFile || name == agent::kAssignmentFile ||
         name == agent::kBeaconFile || name == agent::kEmergencyDenyFile ||
         absl::StartsWith(name, absl::StrCat(agent::kPublicDir, "/"));
}

absl::Status Damaged(const std::string& device_id) {
  return absl::DataLossError(absl::StrCat("the accepted policy of ", device_id, " is damaged"));
}

}  // namespace

std::string PhoneStore::NameOf(const std::string& name) const {
  return absl::StrCat(kPhoneDir, "/", device_id_, "/", name);
}

absl::StatusOr<std::optional<v1::SharedAcceptedState>> PhoneStore::ReadShared(
    v1::AcceptedState& own) const {
  MUSTER_ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                          store_->Read(NameOf(agent::kAcceptedFile)));
  if (!bytes) return std::optional<v1::SharedAcceptedState>();
  v1::SharedAcceptedState shared;
  if (!shared.ParseFromString(*bytes) || shared.blobs_size() != kSharedParts ||
      !own.ParseFromString(shared.own())) {
    return Damaged(device_id_);
  }
  return std::optional<v1::SharedAcceptedState>(std::move(shared));
}

absl::StatusOr<std::optional<std::string>> PhoneStore::ReadAcceptedFile() const {
  v1::AcceptedState state;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::SharedAcceptedState> shared, ReadShared(state));
  if (!shared) return std::optional<std::string>();
  for (int i = 0; i < shared->blobs_size(); ++i) {
    if (shared->blobs(i).empty()) continue;
    MUSTER_ASSIGN_OR_RETURN(const auto bytes, blobs_->Read(shared->blobs(i)));
    if (!MutablePart(state, i)->ParseFromString(*bytes)) return Damaged(device_id_);
  }
  for (const std::string& sha256 : shared->chunks()) {
    MUSTER_ASSIGN_OR_RETURN(const auto bytes, blobs_->Read(sha256));
    state.add_chunks(*bytes);
  }
  return std::optional<std::string>(state.SerializeAsString());
}

absl::Status PhoneStore::WriteAcceptedFile(absl::string_view bytes) {
  v1::AcceptedState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InternalError("an accepted state that cannot be read again");
  }
  v1::SharedAcceptedState shared;
  for (int i = 0; i < kSharedParts; ++i) {
    std::string* const blob = shared.add_blobs();
    const v1::SignedDoc* const part = PartOf(state, i);
    if (part == nullptr) continue;
    MUSTER_ASSIGN_OR_RETURN(*blob, blobs_->Write(part->SerializeAsString()));
  }
  for (const std::string& chunk : state.chunks()) {
    MUSTER_ASSIGN_OR_RETURN(*shared.add_chunks(), blobs_->Write(chunk));
  }
  state.clear_root();
  state.clear_cohort();
  state.clear_emergency_deny();
  if (state.has_beacon()) state.mutable_beacon()->clear_beacon();  // the proofs are its own
  state.clear_chunks();
  shared.set_own(state.SerializeAsString());
  return store_->Write(NameOf(agent::kAcceptedFile), shared.SerializeAsString());
}

absl::StatusOr<std::optional<PhoneStore::Kept>> PhoneStore::ReadKept(
    v1::Platform::Id platform) const {
  Kept out;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<v1::SharedAcceptedState> shared, ReadShared(out.own));
  if (!shared) return std::optional<Kept>();
  const std::pair<bool, std::string> documents[] = {
      {!shared->blobs(kRoot).empty(), kRootName},
      {!shared->blobs(kCohort).empty(), agent::OwnCohort(platform)},
      {out.own.has_assignment(), AssignmentName(device_id_)},
      {!shared->blobs(kEmergencyDeny).empty(), kEmergencyDenyName},
  };
  for (const auto& [there, name] : documents) {
    if (!there) continue;
    // What was accepted last is the floor.
    Floor floor = agent::FloorOf(out.own, name);
    v1::PolicyReport::InForce& in_force = out.in_force.emplace_back();
    in_force.set_name(name);
    in_force.set_version(floor.version);
    in_force.set_sha256(std::move(floor.sha256));
  }
  return std::optional<Kept>(std::move(out));
}

absl::StatusOr<std::optional<std::string>> PhoneStore::Read(const std::string& name) const {
  if (name == agent::kAcceptedFile) return ReadAcceptedFile();
  if (IsCopy(name)) return std::optional<std::string>();
  if (!IsChunk(name)) return store_->Read(NameOf(name));
  const auto bytes = blobs_->Read(ChunkHash(name));
  if (absl::IsDataLoss(bytes.status())) return std::optional<std::string>();
  if (!bytes.ok()) return bytes.status();
  return std::optional<std::string>(**bytes);
}

absl::Status PhoneStore::Write(const std::string& name, absl::string_view bytes) {
  if (name == agent::kAcceptedFile) return WriteAcceptedFile(bytes);
  if (IsCopy(name)) return absl::OkStatus();
  if (IsChunk(name)) return blobs_->Write(bytes).status();
  return store_->Write(NameOf(name), bytes);
}

absl::Status PhoneStore::Remove(const std::string& name) {
  // Another phone may be about to use it.
  if (IsChunk(name) || IsCopy(name)) return absl::OkStatus();
  return store_->Remove(NameOf(name));
}

absl::StatusOr<std::vector<std::string>> PhoneStore::List(const std::string& dir) const {
  if (dir == agent::kChunkDir) return std::vector<std::string>();
  return store_->List(NameOf(dir));
}

absl::StatusOr<std::set<std::string>> UsedBlobs(const BridgeStore& store) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> names, store.List(kPhoneDir));
  std::set<std::string> used;
  const std::string suffix = absl::StrCat("/", agent::kAcceptedFile);
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, suffix)) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                            store.Read(absl::StrCat(kPhoneDir, "/", name)));
    v1::SharedAcceptedState shared;
    if (!bytes || !shared.ParseFromString(*bytes)) continue;  // that phone begins again
    used.insert(shared.blobs().begin(), shared.blobs().end());
    used.insert(shared.chunks().begin(), shared.chunks().end());
  }
  return used;
}

}  // namespace muster::bridge
