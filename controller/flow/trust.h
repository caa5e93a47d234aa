// The root of trust and the emergency deny: documents that offline keys signed. Each is verified
// against the root in force, stored, and followed by the online keys.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/flow/catalogue.h"
#include "controller/flow/publish.h"
#include "controller/flow/services.h"
#include "controller/flow/signer.h"
#include "muster/v1/admin_service.pb.h"

namespace muster {

struct TrustOutcome {
  std::vector<v1::PolicyView::Document> items;  // as published, in their order
  Touched touched;
};

// All of `documents`, in their order, or none. One that is in force already changes nothing.
// FAILED_PRECONDITION: a document that fails verification, is issued in the future, or names
// online keys that the controller does not hold; INVALID_ARGUMENT: none, too many, or a kind that
// is not published this way. Not for two calls at once: the signer would follow either.
absl::StatusOr<TrustOutcome> PublishTrust(const Services& services, Signer& signer,
                                          const Actor& actor,
                                          const std::vector<v1::SignedDoc>& documents,
                                          bool dry_run);

// At the start: the signer follows the stored root; `file` becomes the stored one when there is
// none, or when it is the next one and properly signed. FAILED_PRECONDITION: no root anywhere, or
// a file that contradicts the store.
absl::Status AdoptRoot(const Services& services, Signer& signer,
                       const std::optional<v1::SignedDoc>& file);

// The steps for a device that holds root `version`, up to the root in force; empty when it is up
// to date. NOT_FOUND: it is further behind than the roots that are kept.
absl::StatusOr<std::vector<DocumentPtr>> RootsAfter(const Snapshot& snapshot, uint64_t version);

absl::Status GetTrust(const Services& services, v1::TrustView& out);

}  // namespace muster
