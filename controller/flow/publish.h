// The signed documents as stored: what is current, and the assignment of each device:
// compile -> sign -> commit. Sending them is the device hub's work.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/signed_doc.h"
#include "controller/domain/policy_set.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "muster/v1/policy.pb.h"

namespace muster {

struct Chunk {
  std::string sha256;
  std::shared_ptr<const std::string> bytes;
};

// One stored document; the bytes are serialised once and shared by every stream.
struct Document {
  std::string name;
  uint32_t epoch = 0;
  uint64_t version = 0;
  std::string sha256;  // of the payload, lowercase hex
  absl::Time issued_at;
  absl::Time not_after = absl::InfiniteFuture();
  std::shared_ptr<const std::string> bytes;  // a serialised SignedDoc
  std::vector<Chunk> chunks;                 // of a cohort policy, when it was loaded to be sent
};
using DocumentPtr = std::shared_ptr<const Document>;

inline std::string CohortName(v1::Platform::Id platform) {
  return CohortName(PlatformName(platform));
}

// DATA_LOSS when the payload has no header.
absl::StatusOr<DocumentPtr> ShareDocument(const v1::SignedDoc& doc);
// Makes `doc` the current document of its name, and its leaf the Beacon's.
absl::Status PutDocument(Mutation& mutation, const v1::SignedDoc& doc);
v1::DocumentLeaf LeafOf(const v1::DocumentHeader& header, absl::string_view payload);

// The header of the next version of `name`; `before` may be null. Never issued before it.
v1::DocumentHeader NextHeader(const Services& services, const Signer& signer,
                              const DocumentKind& kind, const std::string& name,
                              absl::Duration life, const v1::DocumentHeader* before);
// False when `doc` has used half of its life, or would be signed otherwise today.
bool IsFresh(const Signer& signer, const v1::SignedDoc& doc, const v1::DocumentHeader& header,
             absl::string_view role, absl::Time now);
// "document.publish" in Muster's name.
void AuditPublication(const Services& services, const v1::SignedDoc& doc,
                      const v1::DocumentHeader& header, const std::string& transaction_id,
                      Mutation& mutation);

// A new version when the content changed or the current one is no longer fresh; otherwise the
// stored one. nullptr for a device that is not ENROLLED, and for a
// bridge. ABORTED never escapes.
absl::StatusOr<DocumentPtr> PublishAssignment(const Services& services, const Signer& signer,
                                              const std::string& device_id);

// The emergency deny that devices should have at `now`. nullptr: there is none, it has ended, or
// the root has begun a later epoch, under which no device takes it any more.
absl::StatusOr<DocumentPtr> FindEmergencyDeny(const Snapshot& snapshot, absl::Time now);

// The stored document under a key (DocumentKey, BaseDocumentKey), or nullptr.
absl::StatusOr<DocumentPtr> FindDocument(const Snapshot& snapshot, const std::string& key);

}  // namespace muster
