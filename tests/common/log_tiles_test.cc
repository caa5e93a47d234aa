#include "common/log_tiles.h"

#include <gtest/gtest.h>

#include "common/log_limits.h"
#include "tests/support/log_folder.h"

namespace muster {
namespace {

TEST(LogTiles, PathsOfTheSpecification) {
  EXPECT_EQ(TilePath(1, 1'234'067, 256), "tile/1/x001/x234/067");
  EXPECT_EQ(TilePath(0, 273, 112), "tile/0/273.p/112");
  EXPECT_EQ(TilePath(0, 0, 256), "tile/0/000");
  EXPECT_EQ(TilePath(7, 999, 255), "tile/7/999.p/255");
  EXPECT_EQ(TilePath(0, 1'000, 256), "tile/0/x001/000");
  EXPECT_EQ(TilePath(0, 1'000'000, 1), "tile/0/x001/x000/000.p/1");
  EXPECT_EQ(BundlePath(273, 112), "tile/entries/273.p/112");
  EXPECT_EQ(BundlePath(1'234'067, 256), "tile/entries/x001/x234/067");
  // The last tile of the largest tree.
  EXPECT_EQ(BundlePath((uint64_t{1} << 56) - 1, 255),
            "tile/entries/x072/x057/x594/x037/x927/935.p/255");
}

TEST(LogTiles, WidthsOfTheSpecification) {
  constexpr uint64_t kSize = 70'000;
  const uint64_t kHashes[] = {70'000, 273, 1, 0, 0, 0, 0, 0, 0};
  for (uint32_t level = 0; level < 9; ++level) {
    EXPECT_EQ(HashesAtLevel(kSize, level), kHashes[level]) << level;
  }
  const struct {
    uint32_t level;
    uint64_t index, want;
  } kCases[] = {{0, 0, 256}, {0, 272, 256}, {0, 273, 112}, {0, 274, 0},
                {1, 0, 256}, {1, 1, 17},    {1, 2, 0},     {2, 0, 1},
                {2, 1, 0},   {3, 0, 0},     {8, 0, 0},     {0, UINT64_MAX, 0}};
  for (const auto& c : kCases) {
    EXPECT_EQ(TileWidthAt(kSize, c.level, c.index), c.want) << c.level << "/" << c.index;
  }
  EXPECT_EQ(TileWidthAt(0, 0, 0), 0);
  EXPECT_EQ(TileWidthAt(256, 0, 0), 256);
  EXPECT_EQ(TileWidthAt(256, 0, 1), 0);
  EXPECT_EQ(TileWidthAt(256, 1, 0), 1);
  EXPECT_EQ(TileWidthAt(UINT64_MAX, 7, 0), 255);
  EXPECT_EQ(TileWidthAt(UINT64_MAX, 0, UINT64_MAX >> 8), 255);
  EXPECT_EQ(TileWidthAt(UINT64_MAX, 0, (UINT64_MAX >> 8) + 1), 0);
}

TEST(LogTiles, BundlesAreEntriesWithTheirLength) {
  const std::string longest(limits::kMaxLogEntryBytes, 'x');
  std::string bundle;
  AppendToBundle("ab", bundle);
  AppendToBundle("", bundle);
  EXPECT_EQ(bundle, std::string("\0\2ab\0\0", 6));
  AppendToBundle(longest, bundle);
  const absl::StatusOr<std::vector<absl::string_view>> entries = ParseBundle(bundle);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(*entries, (std::vector<absl::string_view>{"ab", "", longest}));
  EXPECT_EQ(ParseBundle("")->size(), 0);
  // Cut anywhere but between two entries.
  for (size_t size = 0; size < 7; ++size) {
    const bool whole = size == 0 || size == 4 || size == 6;
    EXPECT_EQ(ParseBundle(bundle.substr(0, size)).ok(), whole) << size;
  }
  EXPECT_FALSE(ParseBundle(bundle.substr(0, bundle.size() - 1)).ok());
  EXPECT_TRUE(ParseBundle(std::string(2 * kTileWidth, '\0')).ok());
  EXPECT_EQ(VerifyCodeOf(ParseBundle(std::string(2 * kTileWidth + 2, '\0')).status()),
            VerifyCode::kMalformed);
}

// A log of 70,300 entries, shared: it takes a moment.
const LogFolder& LargeLog() {
  static const LogFolder* const log = [] {
    auto* out = new LogFolder();
    for (int i = 0; i < 70'300; ++i) out->AddBytes(absl::StrCat(i));
    return out;
  }();
  return *log;
}

TEST(LogTiles, AnEdgeMakesTheTilesOfTheDefinition) {
  constexpr uint64_t kSize = 70'000;
  const LogFiles files = LargeLog().Files(kSize);
  TileEdge edge;
  std::vector<Tile> full;
  for (uint64_t i = 0; i < kSize; ++i) edge.Append(LargeLog().leaves()[i], full);
  std::map<uint32_t, int> count;
  for (const Tile& tile : full) {
    ASSERT_EQ(tile.hashes, files.at(TilePath(tile.level, tile.index, kTileWidth)));
    ++count[tile.level];
  }
  EXPECT_EQ(count, (std::map<uint32_t, int>{{0, 273}, {1, 1}}));
  std::vector<std::string> partial;
  for (const Tile& tile : edge.PartialTiles()) {
    partial.push_back(TilePath(tile.level, tile.index, tile.hashes.size() / kHashBytes));
    EXPECT_EQ(tile.hashes, files.at(partial.back()));
  }
  EXPECT_EQ(partial, (std::vector<std::string>{"tile/1/001.p/17", "tile/2/000.p/1"}));
  EXPECT_TRUE(files.count("tile/0/273.p/112"));
  EXPECT_EQ(files.size(), 1 + 274 + 274 + 2 + 1);
}

TEST(LogTiles, AnEdgeHasTheRootOfEverySize) {
  TileEdge edge;
  std::vector<Tile> full;
  EXPECT_EQ(edge.Root(), MerkleRoot({}));
  for (uint64_t size = 1; size <= LargeLog().size(); ++size) {
    edge.Append(LargeLog().leaves()[size - 1], full);
    ASSERT_EQ(edge.size(), size);
    // The definition hashes everything anew for each size: all of a few tiles, and then some.
    const bool new_level = size > 65'533 && size < 65'540;
    if (size < 1'100 || new_level || size % 7'919 == 0 || size == LargeLog().size()) {
      ASSERT_EQ(edge.Root(), LargeLog().Root(size)) << size;
    }
  }
}

TEST(LogTiles, AnEdgeGoesOnFromWhatIsStored) {
  for (const uint64_t size : {0, 1, 255, 256, 257, 511, 512, 65'535, 65'536, 65'537, 70'000}) {
    std::vector<std::string> partial;
    for (uint32_t level = 0; HashesAtLevel(size, level) > 0; ++level) {
      const uint64_t index = HashesAtLevel(size, level) / kTileWidth;
      partial.push_back(*LargeLog().ReadTile(level, index, TileWidthAt(size, level, index)));
    }
    absl::StatusOr<TileEdge> edge = TileEdge::From(size, partial);
    ASSERT_TRUE(edge.ok()) << size << ": " << edge.status();
    EXPECT_EQ(edge->Root(), LargeLog().Root(size)) << size;
    std::vector<Tile> full;
    for (uint64_t i = size; i < size + 300; ++i) edge->Append(LargeLog().leaves()[i], full);
    EXPECT_EQ(edge->Root(), LargeLog().Root(size + 300)) << size;
    // What fits no tree of that size.
    partial.emplace_back();
    EXPECT_TRUE(TileEdge::From(size, partial).ok()) << size;
    partial.back() = std::string(kHashBytes, 'x');
    EXPECT_FALSE(TileEdge::From(size, partial).ok()) << size;
    partial.pop_back();
    EXPECT_FALSE(TileEdge::From(size + 1, partial).ok()) << size;
    if (!partial.empty()) partial[0] += "x";
    EXPECT_EQ(TileEdge::From(size, partial).ok(), size == 0) << size;
  }
}

TEST(LogTiles, PathsThroughTilesAreThoseOfTheTree) {
  const LogFolder& log = LargeLog();
  for (const uint64_t size : {1, 2, 255, 256, 257, 511, 513, 65'535, 65'536, 65'537, 70'000}) {
    ASSERT_EQ(*RootAt(log, size), log.Root(size)) << size;
    const auto end = log.leaves().begin() + static_cast<int64_t>(size);
    const MerkleTree tree({log.leaves().begin(), end});
    for (const uint64_t index : {uint64_t{0}, size / 2, size - 1, uint64_t{255}, uint64_t{256}}) {
      if (index >= size) continue;
      EXPECT_EQ(*InclusionPath(log, index, size), tree.Path(index)) << index << " of " << size;
    }
  }
  EXPECT_EQ(*RootAt(log, 0), MerkleRoot({}));
  EXPECT_EQ(InclusionPath(log, 5, 5).status().message(), "the log of 5 entries has no entry 5");
  EXPECT_EQ(InclusionPath(log, 0, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ConsistencyPath(log, 6, 5).status().message(),
            "a log of 5 entries cannot continue one of 6");
}

// All entries are the same: one hash per height stands for a tree of any size.
class UniformLog : public TileReader {
 public:
  UniformLog() {
    hashes_[0] = LeafHash("x");
    for (int i = 1; i < 64; ++i) hashes_[i] = NodeHash(hashes_[i - 1], hashes_[i - 1]);
  }
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t, uint64_t width) const override {
    std::string out;
    for (uint64_t i = 0; i < width; ++i) out += hashes_[8 * level];
    return out;
  }

 private:
  std::string hashes_[64];
};

TEST(LogTiles, TreesOfAnySizeHaveTheirProofs) {
  const UniformLog log;
  constexpr uint64_t kHalf = uint64_t{1} << 63;
  const uint64_t kSizes[] = {
      1,         255,   1 << 16,   (uint64_t{1} << 56) - 1, uint64_t{1} << 56,
      kHalf - 1, kHalf, kHalf + 1, UINT64_MAX - 1,          UINT64_MAX};
  for (const uint64_t size : kSizes) {
    const std::string root = *RootAt(log, size);
    for (const uint64_t other : kSizes) {
      if (other > size) continue;
      const absl::StatusOr<std::vector<std::string>> path = InclusionPath(log, other - 1, size);
      ASSERT_TRUE(path.ok()) << path.status();
      EXPECT_LE(path->size(), limits::kMaxProofHashes);
      EXPECT_TRUE(LeadsToRoot(LeafHash("x"), other - 1, size, *path, root))
          << other << ", " << size;
      const absl::StatusOr<std::vector<std::string>> proof = ConsistencyPath(log, other, size);
      ASSERT_TRUE(proof.ok()) << proof.status();
      EXPECT_LE(proof->size(), limits::kMaxConsistencyHashes);
      EXPECT_TRUE(Continues(other, *RootAt(log, other), size, root, *proof))
          << other << ", " << size;
    }
  }
}

// Tiles that are not what they should be are no crash and no proof.
class DamagedLog : public TileReader {
 public:
  explicit DamagedLog(absl::StatusOr<std::string> answer) : answer_(std::move(answer)) {}
  absl::StatusOr<std::string> ReadTile(uint32_t, uint64_t, uint64_t) const override {
    return answer_;
  }

 private:
  absl::StatusOr<std::string> answer_;
};

TEST(LogTiles, DamagedTilesAreAnError) {
  for (const size_t bytes : {0, 1, 31, 33, 8'159, 8'191, 8'193, 8'224}) {
    const DamagedLog log(std::string(bytes, 'x'));
    EXPECT_EQ(RootAt(log, 300).status().message(),
              absl::StrCat("tile/1/000.p/1 has ", bytes, " bytes"))
        << bytes;
    for (const absl::Status& status :
         {InclusionPath(log, 299, 512).status(), ConsistencyPath(log, 511, 512).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << bytes << ": " << status;
    }
  }
  const DamagedLog log(absl::NotFoundError("gone"));
  EXPECT_EQ(RootAt(log, 1).status(), absl::NotFoundError("gone"));
}

}  // namespace
}  // namespace muster
