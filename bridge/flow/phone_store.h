// The state of one phone within the bridge's: what an agent keeps as files, with the parts that
// all phones share kept once.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/flow/state_store.h"
#include "bridge/flow/blob_store.h"
#include "bridge/flow/bridge_store.h"
#include "muster/v1/agent_control.pb.h"
#include "muster/v1/app.pb.h"
#include "muster/v1/report.pb.h"

namespace muster::bridge {

inline constexpr char kPhoneDir[] = "phone";

// Thread-safe. Files are records "phone/<device id>/<file>", but: accepted.pb is kept as a
// SharedAcceptedState; chunks/ is one folder of all phones, whose unused chunks go with other
// blobs (UsedBlobs); copies for people (root.pb, run/… and the like) are not written.
class PhoneStore final : public agent::StateStore {
 public:
  PhoneStore(std::string device_id, BridgeStore* store, BlobStore* blobs)
      : device_id_(std::move(device_id)), store_(store), blobs_(blobs) {}

  // Also DATA_LOSS: accepted.pb is damaged, or a blob that it names is.
  absl::StatusOr<std::optional<std::string>> Read(const std::string& name) const override;
  absl::Status Write(const std::string& name, absl::string_view bytes) override;
  absl::Status Remove(const std::string& name) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& dir) const override;

  // What accepted.pb says without its shared parts: floors, assignment, the seen log.
  struct Kept {
    v1::AcceptedState own;
    std::vector<v1::PolicyReport::InForce> in_force;  // root, cohort, assignment, emergency deny
  };
  // nullopt: nothing was accepted for this phone. DATA_LOSS, UNAVAILABLE.
  absl::StatusOr<std::optional<Kept>> ReadKept(v1::Platform::Id platform) const;

 private:
  std::string NameOf(const std::string& name) const;
  absl::StatusOr<std::optional<v1::SharedAcceptedState>> ReadShared(v1::AcceptedState& own) const;
  absl::StatusOr<std::optional<std::string>> ReadAcceptedFile() const;
  absl::Status WriteAcceptedFile(absl::string_view bytes);

  const std::string device_id_;
  BridgeStore* const store_;
  BlobStore* const blobs_;
};

// The blobs that any phone's accepted.pb names.
absl::StatusOr<std::set<std::string>> UsedBlobs(const BridgeStore& store);

}  // namespace muster::bridge
