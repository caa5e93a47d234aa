#include "common/merkle.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"

namespace muster {
namespace {

constexpr size_t kHashSize = 32;

}  // namespace

std::string LeafHash(absl::string_view entry) {
  return Sha256(absl::StrCat(absl::string_view("\0", 1), entry));
}

std::string NodeHash(absl::string_view left, absl::string_view right) {
  return Sha256(absl::StrCat(absl::string_view("\1", 1), left, right));
}

std::string MerkleRoot(const std::vector<std::string>& leaf_hashes) {
  return MerkleTree(leaf_hashes).Root();
}

// Level by level: a level's odd last node moves up unchanged, which equals RFC 6962's split at
// the largest power of two below n.
MerkleTree::MerkleTree(std::vector<std::string> leaf_hashes) {
  levels_.push_back(std::move(leaf_hashes));
  while (levels_.back().size() > 1) {
    const std::vector<std::string>& level = levels_.back();
    std::vector<std::string> next;
    next.reserve((level.size() + 1) / 2);
    for (size_t i = 0; i + 1 < level.size(); i += 2) {
      next.push_back(NodeHash(level[i], level[i + 1]));
    }
    if (level.size() % 2 == 1) next.push_back(level.back());
    levels_.push_back(std::move(next));
  }
}

std::string MerkleTree::Root() const {
  return levels_.front().empty() ? Sha256("") : levels_.back().front();
}

std::vector<std::string> MerkleTree::Path(uint64_t index) const {
  std::vector<std::string> path;
  for (size_t i = 0; i + 1 < levels_.size(); ++i, index /= 2) {
    const uint64_t sibling = index ^ 1;
    if (sibling < levels_[i].size()) path.push_back(levels_[i][sibling]);
  }
  return path;
}

bool LeadsToRoot(const std::string& leaf_hash, uint64_t index, uint64_t tree_size,
                 const std::vector<std::string>& path, const std::string& root) {
  if (index >= tree_size || leaf_hash.size() != kHashSize) return false;
  uint64_t node = index, last = tree_size - 1;
  std::string hash = leaf_hash;
  for (const std::string& sibling : path) {
    if (last == 0 || sibling.size() != kHashSize) return false;
    if (node % 2 == 1 || node == last) {
      hash = NodeHash(sibling, hash);
      while (node % 2 == 0 && node != 0) {
        node /= 2;
        last /= 2;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node /= 2;
    last /= 2;
  }
  return last == 0 && hash == root;
}

bool Continues(uint64_t old_size, const std::string& old_root, uint64_t new_size,
               const std::string& new_root, const std::vector<std::string>& path) {
  if (old_size > new_size || old_root.size() != kHashSize || new_root.size() != kHashSize) {
    return false;
  }
  if (old_size == 0 && old_root != Sha256("")) return false;
  if (old_size == new_size) return path.empty() && old_root == new_root;
  if (old_size == 0) return path.empty();
  uint64_t node = old_size - 1, last = new_size - 1;
  while (node % 2 == 1) {
    node /= 2;
    last /= 2;
  }
  // A complete old tree is a node of the new one: the proof leaves it out.
  size_t next = 0;
  if (node != 0 && path.empty()) return false;
  std::string old_hash = node == 0 ? old_root : path[next++], new_hash = old_hash;
  if (old_hash.size() != kHashSize) return false;
  for (; next < path.size(); ++next) {
    const std::string& sibling = path[next];
    if (last == 0 || sibling.size() != kHashSize) return false;
    if (node % 2 == 1 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while (node % 2 == 0 && node != 0) {
        node /= 2;
        last /= 2;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node /= 2;
    last /= 2;
  }
  return last == 0 && old_hash == old_root && new_hash == new_root;
}

}  // namespace muster
