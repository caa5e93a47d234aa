// Each platform's policy: compile -> cut into chunks -> sign -> commit, and the start of its way
// to the fleet in waves.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/domain/rollout.h"
#include "controller/flow/publish.h"
#include "muster/v1/device.pb.h"

namespace muster {

// What the devices of a cohort should have now. Immutable; chunks included.
struct CohortPublication {
  std::string name;
  DocumentPtr target;  // null: nothing is published
  DocumentPtr base;    // what devices outside the wave keep; null: there is no outside
  uint64_t cutoff = ~uint64_t{0};

  // `has`: the version that the device runs, as far as known. One that has gone past the base
  // cannot go back to it, so it gets the target whatever its wave.
  DocumentPtr For(absl::string_view device_id, uint64_t has) const {
    const bool inside = base == nullptr || WaveHash(device_id) <= cutoff || has > base->version;
    return inside ? target : base;
  }
};

// A changed content becomes a new version and begins a rollout; the first one ever, and a mere
// renewal of dates or keys, go to every device at once. A change during a rollout goes on with
// its wave; once all devices were to have the one before, that is the new base. An empty catalogue
// publishes nothing: an empty policy is refused by every agent. ABORTED never escapes.
absl::StatusOr<CohortPublication> PublishCohort(const Services& services, const Signer& signer,
                                                v1::Platform::Id platform);

// A platform's policy as the store has it now, without header.
struct CompiledCohort {
  v1::CohortPolicy policy;  // no chunks: the catalogue is empty
  std::vector<std::pair<std::string, std::string>> chunks = {};  // sha256, bytes
};
absl::StatusOr<CompiledCohort> CompileCohort(const Snapshot& snapshot, const Settings& settings,
                                             v1::Platform::Id platform);

// What is stored, ready to be sent.
absl::StatusOr<CohortPublication> LoadCohort(const Snapshot& snapshot, const std::string& name);

// Deletes within `mutation` the stored chunks of the cohort that are not in `kept`.
absl::Status DropChunksBut(const Snapshot& snapshot, const std::string& name,
                           const std::set<std::string>& kept, Mutation& mutation);

// The cohort document that this device should have, without its chunks; nullptr: none yet. What
// the device runs is what its last signed report said.
absl::StatusOr<DocumentPtr> CohortDocumentOf(const Snapshot& snapshot, v1::Platform::Id platform,
                                             const std::string& device_id);

// Ends a rollout within `mutation`: everybody should have `target` from now on.
absl::Status EndRollout(const Snapshot& snapshot, const std::string& name, Mutation& mutation);

// ContentSha256 of the target; NOT_FOUND: nothing is published.
absl::StatusOr<std::string> ContentOf(const Snapshot& snapshot, const std::string& name);

// Calls `each` with every enrolled device of the cohort; stops at the first error.
absl::Status ForDevicesOf(const Snapshot& snapshot, const std::string& name,
                          const std::function<absl::Status(const v1::Device&)>& each);
absl::StatusOr<std::vector<std::string>> DevicesOf(const Snapshot& snapshot,
                                                   const std::string& name);

}  // namespace muster
