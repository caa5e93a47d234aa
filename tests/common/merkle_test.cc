#include "common/merkle.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace muster {
namespace {

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

// The well-known vectors of the Certificate Transparency reference log.
const char* const kLeaves[] = {"",
                               "00",
                               "10",
                               "2021",
                               "3031",
                               "40414243",
                               "5051525354555657",
                               "606162636465666768696a6b6c6d6e6f"};
const char* const kRoots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                              "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                              "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                              "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                              "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                              "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                              "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                              "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

TEST(Merkle, ReferenceVectors) {
  std::vector<std::string> hashes;
  EXPECT_EQ(Hex(MerkleRoot(hashes)),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (size_t i = 0; i < 8; ++i) {
    hashes.push_back(LeafHash(absl::HexStringToBytes(kLeaves[i])));
    EXPECT_EQ(Hex(MerkleRoot(hashes)), kRoots[i]) << i + 1 << " leaves";
  }
}

// The reference log's audit paths in the tree of eight leaves.
TEST(Merkle, ReferencePaths) {
  std::vector<std::string> hashes;
  for (const char* leaf : kLeaves) hashes.push_back(LeafHash(absl::HexStringToBytes(leaf)));
  const auto path = [&](size_t size, uint64_t index) {
    std::vector<std::string> out;
    for (const std::string& hash :
         MerkleTree({hashes.begin(), hashes.begin() + static_cast<int64_t>(size)}).Path(index)) {
      out.push_back(Hex(hash));
    }
    return out;
  };
  using Path = std::vector<std::string>;
  EXPECT_EQ(path(1, 0), Path{});
  EXPECT_EQ(path(8, 0), (Path{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                              "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                              "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(path(8, 5), (Path{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                              "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                              "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(path(3, 2), (Path{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}));
  EXPECT_EQ(path(5, 1), (Path{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                              "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                              "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
}

TEST(Merkle, EveryPathOfEveryTreeLeadsToItsRootAndNoOtherDoes) {
  std::vector<std::string> hashes;
  for (uint64_t size = 1; size <= 64; ++size) {
    hashes.push_back(LeafHash(std::string(1, static_cast<char>(size))));
    const MerkleTree tree(hashes);
    const std::string root = tree.Root();
    for (uint64_t index = 0; index < size; ++index) {
      std::vector<std::string> path = tree.Path(index);
      const std::string& leaf = hashes[index];
      ASSERT_TRUE(LeadsToRoot(leaf, index, size, path, root)) << index << " of " << size;
      for (std::string& hash : path) {
        hash[index % 32] ^= 1;
        EXPECT_FALSE(LeadsToRoot(leaf, index, size, path, root)) << index << " of " << size;
        hash[index % 32] ^= 1;
      }
      EXPECT_FALSE(LeadsToRoot(hashes[(index + 1) % size] + "x", index, size, path, root));
      if (size > 1) {
        EXPECT_FALSE(LeadsToRoot(leaf, (index + 1) % size, size, path, root));
        EXPECT_FALSE(LeadsToRoot(hashes[(index + 1) % size], index, size, path, root));
        std::vector<std::string> shorter(path.begin(), path.end() - 1);
        EXPECT_FALSE(LeadsToRoot(leaf, index, size, shorter, root));
      }
      EXPECT_FALSE(LeadsToRoot(leaf, size, size, path, root)) << "no such leaf";
      path.push_back(root);
      EXPECT_FALSE(LeadsToRoot(leaf, index, size, path, root)) << "too long";
    }
  }
  EXPECT_FALSE(LeadsToRoot(hashes[0], 0, 0, {}, MerkleRoot({})));
}

TEST(Merkle, LeafAndNodeAreApart) {
  const std::string a = LeafHash("a"), b = LeafHash("b");
  EXPECT_NE(NodeHash(a, b), LeafHash(a + b));
  EXPECT_NE(NodeHash(a, b), NodeHash(b, a));
}

}  // namespace
}  // namespace muster
