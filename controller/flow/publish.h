// Compiles, signs and stores the documents that agents obey: compile -> sign -> commit. Sending
// them is the device hub's work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/crypto.h"
#include "controller/flow/services.h"
#include "muster/v1/policy.pb.h"

namespace muster {

// The online keys, by role. Root keys are offline.
struct SigningKeys {
  PrivateKey policy, assignment;
};

// One stored document; the bytes are serialised once and shared by every stream.
struct Document {
  std::string name;
  uint64_t version = 0;
  std::string sha256;                        // of the payload, lowercase hex
  std::shared_ptr<const std::string> bytes;  // a serialised SignedDoc
};
using DocumentPtr = std::shared_ptr<const Document>;

std::string CohortName(v1::Platform::Id platform);  // "cohort/linux"
std::string AssignmentName(absl::string_view device_id);
inline constexpr char kRootName[] = "root";

// A new version when the content changed or half of the current one's life is over; otherwise
// the stored one. An empty catalogue publishes nothing (nullptr): an empty policy is refused by
// every agent. ABORTED never escapes.
absl::StatusOr<DocumentPtr> PublishCohort(const Services& services, const SigningKeys& keys,
                                          v1::Platform::Id platform);
// nullptr for a device that is not ENROLLED.
absl::StatusOr<DocumentPtr> PublishAssignment(const Services& services, const SigningKeys& keys,
                                              const std::string& device_id);

// What a device should run now: root, its cohort, its assignment, as far as they exist.
absl::StatusOr<std::vector<DocumentPtr>> DocumentsFor(const Snapshot& snapshot,
                                                      const v1::Platform::Id platform,
                                                      const std::string& device_id);
// The stored document under a name, or nullptr.
absl::StatusOr<DocumentPtr> FindDocument(const Snapshot& snapshot, const std::string& name);

}  // namespace muster
