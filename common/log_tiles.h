// The audit log's tree in tiles of 256 hashes (c2sp.org/tlog-tiles): where they are, how they grow,
// and proofs read from them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace muster {

inline constexpr uint64_t kTileWidth = 256;
inline constexpr uint32_t kMaxTileLevel = 7;  // 256^8 entries
inline constexpr size_t kHashBytes = 32;

// "tile/1/x001/x234/067", "tile/0/273.p/112"; a bundle of entries: "tile/entries/273.p/112".
// `width` is 1..256.
std::string TilePath(uint32_t level, uint64_t index, uint64_t width);
std::string BundlePath(uint64_t index, uint64_t width);

// Hashes that a tree of `size` has at a tile level, and in one tile there (0: no such tile).
uint64_t HashesAtLevel(uint64_t size, uint32_t level);
uint64_t TileWidthAt(uint64_t size, uint32_t level, uint64_t index);

// A bundle: entries with their length in two bytes, big-endian. Entries have at most
// limits::kMaxLogEntryBytes (CHECKed). The views point into `bytes`. MALFORMED.
void AppendToBundle(absl::string_view entry, std::string& bundle);
absl::StatusOr<std::vector<absl::string_view>> ParseBundle(absl::string_view bytes);

struct Tile {
  uint32_t level = 0;
  uint64_t index = 0;
  std::string hashes;  // kHashBytes each, at most kTileWidth
};

// The right edge of a tree that grows: one tile per level that is not yet full.
// Thread-compatible.
class TileEdge {
 public:
  TileEdge() = default;
  // `partial[level]` has the hashes of the tile that is not full, of a tree of `size`. DATA_LOSS:
  // they do not fit that size.
  static absl::StatusOr<TileEdge> From(uint64_t size, std::vector<std::string> partial);

  // Adds a leaf. Tiles that became full are appended to `full`.
  void Append(absl::string_view leaf_hash, std::vector<Tile>& full);
  uint64_t size() const { return size_; }
  std::string Root() const;
  // Those of the levels above 0 that hold anything.
  std::vector<Tile> PartialTiles() const;

 private:
  void AppendAt(uint32_t level, absl::string_view hash, std::vector<Tile>& full);

  uint64_t size_ = 0;
  std::vector<std::string> partial_;  // by level
};

// Where tiles come from. Thread-compatible.
class TileReader {
 public:
  virtual ~TileReader() = default;
  // The first `width` hashes of a tile, kHashBytes each. NOT_FOUND, DATA_LOSS.
  virtual absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                               uint64_t width) const = 0;
};

// The head of the tree of the first `size` entries. Errors of the reader.
absl::StatusOr<std::string> RootAt(const TileReader& tiles, uint64_t size);
// RFC 6962, 2.1.1, leaf to root. INVALID_ARGUMENT: no such entry in that tree.
absl::StatusOr<std::vector<std::string>> InclusionPath(const TileReader& tiles, uint64_t index,
                                                       uint64_t size);
// RFC 6962, 2.1.2, from the tree of `old_size` to that of `new_size`; for Continues().
// INVALID_ARGUMENT: the old one is larger.
absl::StatusOr<std::vector<std::string>> ConsistencyPath(const TileReader& tiles, uint64_t old_size,
                                                         uint64_t new_size);

}  // namespace muster
