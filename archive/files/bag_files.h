// Bags as folders on disk. Effects are bounded to the folder given.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "archive/bag.h"

namespace muster::archive {

struct PackInputs {
  int payload_fd = -1;       // stays the caller's; read from its beginning
  std::string payload_name;  // becomes data/<name>
  BagInfo info;        // External-Identifier, Payload-Oxum, Bagging-Date and Bag-Size are filled in
  std::string bag_id;  // the folder's name
  std::string expected_sha256;  // of the payload, as it was inspected
};

struct PackedBag {
  std::string path;
  std::string payload_oxum;        // "<bytes>.<files>"
  std::string tagmanifest_sha256;  // SHA-256 of tagmanifest-sha256.txt: names the bag's content
};

// Writes `<into>/<bag_id>` whole or not at all: under a name that begins with a dot, synced, then
// renamed. ALREADY_EXISTS when a bag of that name is there; FAILED_PRECONDITION when the payload is
// no longer the one expected; INVALID_ARGUMENT for a name or an id that no bag can have;
// UNAVAILABLE, RESOURCE_EXHAUSTED.
absl::StatusOr<PackedBag> PackBag(const std::string& into, const PackInputs& in);

struct ValidBag {
  BagInfo info;
  std::string version;  // "1.0"
  std::string payload_oxum;
  uint64_t payload_bytes = 0, payload_files = 0;
  std::string tagmanifest_sha256;          // empty: the bag has none (before 0.97 of the draft)
  std::vector<std::string> payload_paths;  // "data/…", sorted
  std::vector<std::string> algorithms;     // of the payload's manifests, sorted
  // Byte for byte as PackBag() writes it: both checksums, canonical tag files that each tag
  // manifest names, nothing beside them. In such a bag no byte can change unnoticed but by
  // making all checksums anew.
  bool as_packed = false;
};

// Complete and valid by RFC 8493, 3: every file of every manifest there with its checksum, nothing
// else below data/, Payload-Oxum right. Reads versions 0.93 to 1.0 and md5, sha1, sha256, sha512.
// Nothing is fetched: a fetch list is refused, but in a draft's bag that has all its files. A
// BagError says why not; NOT_FOUND, UNAVAILABLE. Constant memory beside the tag files.
absl::StatusOr<ValidBag> ValidateBag(const std::string& path);

// A descriptor, the caller's, of a file in the bag at `bag`; no link leads to another one. The
// errors of ValidateBag().
absl::StatusOr<int> OpenBagFile(const std::string& bag, const std::string& path);

}  // namespace muster::archive
