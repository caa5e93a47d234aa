// RFC 6962, section 2.1: hashes, tree heads and audit paths. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster {

std::string LeafHash(absl::string_view entry);  // SHA-256(0x00 || entry), 32 bytes
std::string NodeHash(absl::string_view left, absl::string_view right);  // 0x01 || left || right

// Merkle tree head over leaf hashes; of no leaves: SHA-256 of the empty string.
std::string MerkleRoot(const std::vector<std::string>& leaf_hashes);

// A whole tree in memory. Immutable after construction.
class MerkleTree {
 public:
  explicit MerkleTree(std::vector<std::string> leaf_hashes);
  uint64_t size() const { return levels_.front().size(); }
  std::string Root() const;
  // The audit path of a leaf, from its sibling up. `index` must be below size().
  std::vector<std::string> Path(uint64_t index) const;

 private:
  std::vector<std::vector<std::string>> levels_;  // leaves first
};

// True when `path` leads from the leaf to the root (RFC 9162, section 2.1.3.2).
bool LeadsToRoot(const std::string& leaf_hash, uint64_t index, uint64_t tree_size,
                 const std::vector<std::string>& path, const std::string& root);

// True when `path` shows that the tree of `new_size` begins with the tree of `old_size` (RFC 9162,
// section 2.1.4.2). Every tree continues the empty one, by no hashes.
bool Continues(uint64_t old_size, const std::string& old_root, uint64_t new_size,
               const std::string& new_root, const std::vector<std::string>& path);

}  // namespace muster
