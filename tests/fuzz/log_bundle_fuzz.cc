// Any bytes as a bundle of entries, as tiles and as the edge of a stored tree.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "common/signed_doc.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckBundle(absl::string_view bytes) {
  const auto entries = muster::ParseBundle(bytes);
  if (!entries.ok()) {
    Require(muster::VerifyCodeOf(entries.status()) == muster::VerifyCode::kMalformed);
    return;
  }
  Require(entries->size() <= muster::kTileWidth);
  std::string again;
  for (const absl::string_view entry : *entries) muster::AppendToBundle(entry, again);
  Require(again == bytes);
}

// Answers with what was given, of whatever length: too short, too long, none.
class GivenTiles : public muster::TileReader {
 public:
  explicit GivenTiles(absl::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override {
    Require(width > 0 && width <= muster::kTileWidth && level <= muster::kMaxTileLevel);
    Require(!muster::TilePath(level, index, width).empty());
    if (bytes_.size() % 3 == 0) return std::string(bytes_);
    return std::string(width * muster::kHashBytes, bytes_.empty() ? 'x' : bytes_[0]);
  }

 private:
  const absl::string_view bytes_;
};

void CheckTree(absl::string_view bytes) {
  uint64_t sizes[2] = {};
  if (bytes.size() <= sizeof(sizes)) return;
  std::memcpy(sizes, bytes.data() + 1, sizeof(sizes));
  for (uint64_t& size : sizes) size >>= bytes[0] & 63;  // else they are nearly all very large
  bytes.remove_prefix(1 + sizeof(sizes));
  const GivenTiles tiles(bytes);
  const auto root = muster::RootAt(tiles, sizes[1]);
  Require(!root.ok() || root->size() == muster::kHashBytes);
  const auto path = muster::InclusionPath(tiles, sizes[0], sizes[1]);
  if (path.ok()) Require(path->size() <= muster::limits::kMaxProofHashes);
  const auto proof = muster::ConsistencyPath(tiles, sizes[0], sizes[1]);
  if (proof.ok()) {
    Require(proof->size() <= muster::limits::kMaxConsistencyHashes);
    muster::Continues(sizes[0], std::string(32, 'x'), sizes[1], std::string(32, 'y'), *proof);
  }
  std::vector<std::string> partial;
  for (uint32_t level = 0; level < 9; ++level) {
    const size_t width = muster::HashesAtLevel(sizes[0], level) % muster::kTileWidth;
    partial.emplace_back(bytes.substr(0, std::min(bytes.size(), width * muster::kHashBytes)));
  }
  auto edge = muster::TileEdge::From(sizes[0], partial);
  if (!edge.ok() || sizes[0] == UINT64_MAX) return;
  std::vector<muster::Tile> full;
  edge->Append(muster::LeafHash(bytes), full);
  Require(edge->size() == sizes[0] + 1 && edge->Root().size() == muster::kHashBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckBundle(bytes);
  CheckTree(bytes);
  return 0;
}
