#include "common/log_tiles.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/numeric/bits.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr uint32_t kTileHeight = 8;

std::string IndexPath(uint64_t index, uint64_t width) {
  std::string path = absl::StrFormat("%03d", index % 1000);
  for (index /= 1000; index > 0; index /= 1000) {
    path = absl::StrFormat("x%03d/%s", index % 1000, path);
  }
  if (width < kTileWidth) absl::StrAppend(&path, ".p/", width);
  return path;
}

std::vector<std::string> Hashes(absl::string_view tile) {
  std::vector<std::string> out;
  for (; tile.size() >= kHashBytes; tile.remove_prefix(kHashBytes)) {
    out.emplace_back(tile.substr(0, kHashBytes));
  }
  return out;
}

// The largest power of two below n (n > 1).
uint64_t SplitOf(uint64_t n) { return absl::bit_floor(n - 1); }

// One tree over tiles; a tile is read once.
class Tree {
 public:
  Tree(const TileReader& tiles, uint64_t size) : tiles_(tiles), size_(size) {}

  // The head of the entries [begin, end), a range that RFC 6962 forms.
  absl::StatusOr<std::string> Head(uint64_t begin, uint64_t end) {
    const uint64_t n = end - begin;
    if (n == 0) return Sha256("");
    if (absl::has_single_bit(n)) return Node(static_cast<uint32_t>(absl::countr_zero(n)), begin);
    const uint64_t middle = begin + SplitOf(n);
    MUSTER_ASSIGN_OR_RETURN(const std::string left, Head(begin, middle));
    MUSTER_ASSIGN_OR_RETURN(const std::string right, Head(middle, end));
    return NodeHash(left, right);
  }

  absl::Status Path(uint64_t index, uint64_t begin, uint64_t end, std::vector<std::string>& out) {
    if (end - begin == 1) return absl::OkStatus();
    const uint64_t middle = begin + SplitOf(end - begin);
    const bool left = index < middle;
    MUSTER_RETURN_IF_ERROR(left ? Path(index, begin, middle, out) : Path(index, middle, end, out));
    MUSTER_ASSIGN_OR_RETURN(std::string sibling, left ? Head(middle, end) : Head(begin, middle));
    out.push_back(std::move(sibling));
    return absl::OkStatus();
  }

  // `known`: the verifier has this subtree's head already.
  absl::Status Proof(uint64_t old_size, uint64_t begin, uint64_t end, bool known,
                     std::vector<std::string>& out) {
    if (old_size == end) {
      if (known) return absl::OkStatus();
      MUSTER_ASSIGN_OR_RETURN(std::string head, Head(begin, end));
      out.push_back(std::move(head));
      return absl::OkStatus();
    }
    const uint64_t middle = begin + SplitOf(end - begin);
    const bool left = old_size <= middle;
    MUSTER_RETURN_IF_ERROR(left ? Proof(old_size, begin, middle, known, out)
                                : Proof(old_size, middle, end, false, out));
    MUSTER_ASSIGN_OR_RETURN(std::string sibling, left ? Head(middle, end) : Head(begin, middle));
    out.push_back(std::move(sibling));
    return absl::OkStatus();
  }

 private:
  // The head of the complete subtree of 2^height entries from `begin` on.
  absl::StatusOr<std::string> Node(uint32_t height, uint64_t begin) {
    const uint32_t level = height / kTileHeight;
    const uint64_t count = uint64_t{1} << (height % kTileHeight);
    const uint64_t first = begin >> (level * kTileHeight);
    MUSTER_ASSIGN_OR_RETURN(const std::string* tile, Read(level, first / kTileWidth));
    const absl::string_view range =
        absl::string_view(*tile).substr(first % kTileWidth * kHashBytes, count * kHashBytes);
    return MerkleRoot(Hashes(range));
  }

  absl::StatusOr<const std::string*> Read(uint32_t level, uint64_t index) {
    const auto [it, is_new] = read_.try_emplace({level, index});
    if (is_new) {
      const uint64_t width = TileWidthAt(size_, level, index);
      MUSTER_ASSIGN_OR_RETURN(it->second, tiles_.ReadTile(level, index, width));
      if (it->second.size() != width * kHashBytes) {
        return absl::DataLossError(
            absl::StrCat(TilePath(level, index, width), " has ", it->second.size(), " bytes"));
      }
    }
    return &it->second;
  }

  const TileReader& tiles_;
  const uint64_t size_;
  std::map<std::pair<uint32_t, uint64_t>, std::string> read_;
};

}  // namespace

std::string TilePath(uint32_t level, uint64_t index, uint64_t width) {
  return absl::StrCat("tile/", level, "/", IndexPath(index, width));
}

std::string BundlePath(uint64_t index, uint64_t width) {
  return absl::StrCat("tile/entries/", IndexPath(index, width));
}

uint64_t HashesAtLevel(uint64_t size, uint32_t level) {
  return level > kMaxTileLevel ? 0 : size >> (level * kTileHeight);
}

uint64_t TileWidthAt(uint64_t size, uint32_t level, uint64_t index) {
  const uint64_t hashes = HashesAtLevel(size, level);
  const uint64_t before = index * kTileWidth;
  return index > hashes / kTileWidth || before >= hashes ? 0
                                                         : std::min(kTileWidth, hashes - before);
}

void AppendToBundle(absl::string_view entry, std::string& bundle) {
  if (entry.size() > limits::kMaxLogEntryBytes) std::abort();  // our own: bounded when it was made
  bundle.push_back(static_cast<char>(entry.size() >> 8));
  bundle.push_back(static_cast<char>(entry.size()));
  bundle.append(entry.data(), entry.size());
}

absl::StatusOr<std::vector<absl::string_view>> ParseBundle(absl::string_view bytes) {
  std::vector<absl::string_view> out;
  while (!bytes.empty()) {
    if (bytes.size() < 2 || out.size() == kTileWidth) {
      return VerifyError(VerifyCode::kMalformed,
                         "a bundle of entries does not end where it should");
    }
    const size_t size =
        static_cast<size_t>(static_cast<uint8_t>(bytes[0])) << 8 | static_cast<uint8_t>(bytes[1]);
    bytes.remove_prefix(2);
    if (bytes.size() < size) {
      return VerifyError(VerifyCode::kMalformed, "a bundle of entries is cut off");
    }
    out.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return out;
}

absl::StatusOr<TileEdge> TileEdge::From(uint64_t size, std::vector<std::string> partial) {
  TileEdge out;
  out.size_ = size;
  for (uint32_t level = 0; HashesAtLevel(size, level) > 0 || level < partial.size(); ++level) {
    const uint64_t width = HashesAtLevel(size, level) % kTileWidth;
    if (level >= partial.size()) partial.emplace_back();
    if (partial[level].size() != width * kHashBytes) {
      return absl::DataLossError(absl::StrCat("the audit log's tree is damaged at level ", level));
    }
  }
  out.partial_ = std::move(partial);
  return out;
}

void TileEdge::Append(absl::string_view leaf_hash, std::vector<Tile>& full) {
  ++size_;
  AppendAt(0, leaf_hash, full);
}

void TileEdge::AppendAt(uint32_t level, absl::string_view hash, std::vector<Tile>& full) {
  if (level >= partial_.size()) partial_.resize(level + 1);
  partial_[level].append(hash.data(), hash.size());
  if (partial_[level].size() < kTileWidth * kHashBytes) return;
  full.push_back(
      {level, HashesAtLevel(size_, level) / kTileWidth - 1, std::exchange(partial_[level], "")});
  AppendAt(level + 1, MerkleRoot(Hashes(full.back().hashes)), full);
}

std::string TileEdge::Root() const {
  std::string right;  // the head of what the levels below leave over
  for (const std::string& tile : partial_) {
    std::vector<std::string> hashes = Hashes(tile);
    if (!right.empty()) hashes.push_back(std::move(right));
    right = hashes.empty() ? "" : MerkleRoot(hashes);
  }
  return right.empty() ? Sha256("") : right;
}

std::vector<Tile> TileEdge::PartialTiles() const {
  std::vector<Tile> out;
  for (uint32_t level = 1; level < partial_.size(); ++level) {
    if (partial_[level].empty()) continue;
    out.push_back({level, HashesAtLevel(size_, level) / kTileWidth, partial_[level]});
  }
  return out;
}

absl::StatusOr<std::string> RootAt(const TileReader& tiles, uint64_t size) {
  return Tree(tiles, size).Head(0, size);
}

absl::StatusOr<std::vector<std::string>> InclusionPath(const TileReader& tiles, uint64_t index,
                                                       uint64_t size) {
  if (index >= size) {
    return absl::InvalidArgumentError(
        absl::StrCat("the log of ", size, " entries has no entry ", index));
  }
  std::vector<std::string> out;
  MUSTER_RETURN_IF_ERROR(Tree(tiles, size).Path(index, 0, size, out));
  return out;
}

absl::StatusOr<std::vector<std::string>> ConsistencyPath(const TileReader& tiles, uint64_t old_size,
                                                         uint64_t new_size) {
  if (old_size > new_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("a log of ", new_size, " entries cannot continue one of ", old_size));
  }
  std::vector<std::string> out;
  if (old_size == 0 || old_size == new_size) return out;
  MUSTER_RETURN_IF_ERROR(Tree(tiles, new_size).Proof(old_size, 0, new_size, true, out));
  return out;
}

}  // namespace muster
