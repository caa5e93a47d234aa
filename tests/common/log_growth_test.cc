// Every tree up to a size, against every change of its proofs.
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/log_folder.h"

namespace muster {
namespace {

constexpr uint64_t kLargest = 130;

using Hashes = std::vector<std::string>;

const LogFolder& Log() {
  static const LogFolder* const log = [] {
    auto* out = new LogFolder();
    out->AddSome(kLargest);
    return out;
  }();
  return *log;
}

// RFC 9162, section 2.1.4.1, as it is written there.
Hashes SubProof(uint64_t m, const Hashes& d, bool known) {
  const uint64_t n = d.size();
  if (m == n) return known ? Hashes{} : Hashes{MerkleRoot(d)};
  uint64_t k = 1;
  while (2 * k < n) k *= 2;
  const auto middle = d.begin() + static_cast<int64_t>(k);
  const Hashes left(d.begin(), middle), right(middle, d.end());
  Hashes out = m <= k ? SubProof(m, left, known) : SubProof(m - k, right, false);
  out.push_back(MerkleRoot(m <= k ? right : left));
  return out;
}

// Every list that differs from `path` in one place.
void ForEachChange(const Hashes& path, const std::function<void(const Hashes&)>& try_one) {
  for (size_t i = 0; i < path.size(); ++i) {
    Hashes changed = path;
    changed[i][i % 32] ^= 1;
    try_one(changed);
    changed[i] = path[i].substr(1);
    try_one(changed);
    changed[i] = path[i] + "x";
    try_one(changed);
    changed[i] = "";
    try_one(changed);
    changed = path;
    changed.erase(changed.begin() + static_cast<int64_t>(i));
    try_one(changed);
    changed = path;
    changed.insert(changed.begin() + static_cast<int64_t>(i), path[i]);
    try_one(changed);
    if (i == 0) continue;
    changed = path;
    std::swap(changed[i - 1], changed[i]);
    if (changed != path) try_one(changed);
  }
  Hashes longer = path;
  longer.push_back(LeafHash("more"));
  try_one(longer);
}

TEST(LogGrowth, EveryTreeContinuesEveryOlderOneAndNoOtherProofDoes) {
  const Hashes& leaves = Log().leaves();
  const std::string other = LeafHash("other");
  for (uint64_t size = 1; size <= kLargest; ++size) {
    const std::string root = Log().Root(size);
    const Hashes all(leaves.begin(), leaves.begin() + static_cast<int64_t>(size));
    for (uint64_t old = 1; old <= size; ++old) {
      const std::string old_root = Log().Root(old);
      const Hashes path = *ConsistencyPath(Log(), old, size);
      ASSERT_EQ(path, SubProof(old, all, true)) << old << " to " << size;
      ASSERT_TRUE(Continues(old, old_root, size, root, path)) << old << " to " << size;
      ASSERT_FALSE(Continues(old, other, size, root, path)) << old << " to " << size;
      ASSERT_FALSE(Continues(old, old_root, size, other, path)) << old << " to " << size;
      if (old < size) {
        ASSERT_FALSE(Continues(size, root, old, old_root, path)) << old << " to " << size;
        ASSERT_FALSE(Continues(old, root, size, old_root, path)) << old << " to " << size;
      }
      ForEachChange(path, [&](const Hashes& changed) {
        ASSERT_FALSE(Continues(old, old_root, size, root, changed)) << old << " to " << size;
      });
    }
  }
}

TEST(LogGrowth, EveryEntryIsInEveryTreeAndNoOtherProofSaysSo) {
  for (uint64_t size = 1; size <= kLargest; ++size) {
    const std::string root = Log().Root(size);
    const auto end = Log().leaves().begin() + static_cast<int64_t>(size);
    const MerkleTree tree({Log().leaves().begin(), end});
    for (uint64_t index = 0; index < size; ++index) {
      const Hashes path = *InclusionPath(Log(), index, size);
      const std::string& leaf = Log().leaves()[index];
      ASSERT_EQ(path, tree.Path(index)) << index << " of " << size;
      ASSERT_TRUE(LeadsToRoot(leaf, index, size, path, root)) << index << " of " << size;
      ForEachChange(path, [&](const Hashes& changed) {
        ASSERT_FALSE(LeadsToRoot(leaf, index, size, changed, root)) << index << " of " << size;
      });
    }
  }
}

// One entry rewritten, with every proof made anew: only who has seen the older head notices, and
// does so whatever proof is shown.
TEST(LogGrowth, ARewrittenLogContinuesNoHeadThatHadTheEntry) {
  constexpr uint64_t kSeen = 20, kNow = 40;
  const std::string seen = Log().Root(kSeen);
  for (uint64_t index = 0; index < kNow; ++index) {
    LogFolder fork = Log();
    fork.Replace(index, "another");
    const bool before = index < kSeen;
    for (const LogFolder* maker : {&Log(), static_cast<const LogFolder*>(&fork)}) {
      const Hashes path = *ConsistencyPath(*maker, kSeen, kNow);
      const bool fits = maker == &fork && !before;
      EXPECT_EQ(Continues(kSeen, seen, kNow, fork.Root(kNow), path), fits) << index;
    }
  }
}

TEST(LogGrowth, EverythingContinuesTheEmptyLogAlone) {
  const std::string empty = MerkleRoot({}), root = Log().Root(3);
  EXPECT_TRUE(Continues(0, empty, 3, root, {}));
  EXPECT_TRUE(Continues(0, empty, 0, empty, {}));
  EXPECT_FALSE(Continues(0, empty, 0, root, {})) << "a head of nothing that is not empty";
  EXPECT_FALSE(Continues(0, root, 0, root, {}));
  EXPECT_FALSE(Continues(0, root, 3, root, {}));
  EXPECT_FALSE(Continues(0, "", 3, root, {}));
  EXPECT_FALSE(Continues(0, empty, 3, root, {root}));
  EXPECT_FALSE(Continues(0, empty, 3, "short", {}));
  EXPECT_FALSE(Continues(3, root, 0, empty, {}));
  EXPECT_FALSE(Continues(3, "short", 3, "short", {}));
  EXPECT_FALSE(LeadsToRoot("short", 0, 1, {}, "short"));
  EXPECT_FALSE(LeadsToRoot(root, 0, 2, {}, root)) << "a head is no leaf of a larger tree";
}

}  // namespace
}  // namespace muster
