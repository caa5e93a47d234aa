// Each phone's documents, verified exactly as on a laptop; only of a few in memory at once.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/flow/accept_policy.h"
#include "bridge/flow/blob_store.h"
#include "bridge/flow/bridge_store.h"
#include "bridge/flow/phone_store.h"
#include "common/clock.h"
#include "muster/v1/app.pb.h"

namespace muster::bridge {

// Thread-compatible.
class PhoneAcceptors {
 public:
  // A phone's documents were loaded, or are others now.
  using Applied = std::function<void(const std::string& device_id,
                                     std::shared_ptr<const agent::AcceptedPolicy>)>;
  // `bridge`: the bridge's own identity. A phone's assignment is bound to the same key.
  PhoneAcceptors(agent::DeviceIdentity bridge, BridgeStore* store, BlobStore* blobs,
                 const Clock* clock, Applied applied);

  // The acceptor of one phone, good until the next call. A phone that is new, or whose documents
  // are damaged, begins with the bridge's root; floors that can still be read stay, so that no
  // older document is taken. FAILED_PRECONDITION: the bridge itself has no root; UNAVAILABLE.
  absl::StatusOr<agent::PolicyAcceptor*> Get(const std::string& device_id,
                                             v1::Platform::Id platform);
  // Waits for chunks: stays in memory.
  void Pin(const std::string& device_id) { pinned_.insert(device_id); }
  void Unpin(const std::string& device_id) { pinned_.erase(device_id); }
  void UnpinAll() { pinned_.clear(); }
  void Drop(const std::string& device_id);

 private:
  struct Resident {
    std::string device_id;
    std::unique_ptr<PhoneStore> store;
    std::unique_ptr<agent::PolicyAcceptor> acceptor;
  };
  absl::StatusOr<std::unique_ptr<agent::PolicyAcceptor>> Load(const std::string& device_id,
                                                              v1::Platform::Id platform,
                                                              PhoneStore& store);
  absl::Status BeginAgain(v1::Platform::Id platform, PhoneStore& store);
  void MakeRoom();

  const agent::DeviceIdentity bridge_;
  BridgeStore* const store_;
  BlobStore* const blobs_;
  const Clock* const clock_;
  const Applied applied_;
  std::list<Resident> residents_;  // used last first
  std::map<std::string, std::list<Resident>::iterator> by_id_;
  std::set<std::string> pinned_;
};

}  // namespace muster::bridge
