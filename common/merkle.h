// RFC 6962, section 2.1: leaf and node hashes of the audit log. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster {

std::string LeafHash(absl::string_view entry);  // SHA-256(0x00 || entry), 32 bytes
std::string NodeHash(absl::string_view left, absl::string_view right);  // 0x01 || left || right

// Merkle tree head over leaf hashes; of no leaves: SHA-256 of the empty string.
std::string MerkleRoot(const std::vector<std::string>& leaf_hashes);

}  // namespace muster
