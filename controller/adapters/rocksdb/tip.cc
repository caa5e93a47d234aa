#include "controller/adapters/rocksdb/tip.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/adapters/rocksdb/rocksdb_snapshot.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr absl::string_view kWhatNow =
    "; restore the folder from its backup and keep this copy for the auditors";

// The entries of the last tile: none of them is covered by a stored tile. A text that its
// retention has ended is empty.
absl::Status CheckLastEntries(const Snapshot& snapshot, uint64_t size) {
  const uint64_t first = size / kTileWidth * kTileWidth;
  const std::string after = first == 0 ? "" : AuditKey(first - 1);
  MUSTER_ASSIGN_OR_RETURN(const auto records, snapshot.Scan("audit/", after, kTileWidth));
  for (const Record& record : records) {
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
    const std::string& text = stored.value.entry();
    if (!text.empty() && LeafHash(text) != stored.value.leaf_hash()) {
      return absl::DataLossError(
          absl::StrCat("store: record ", record.key, " is not what was hashed"));
    }
    if (record.revision > snapshot.revision()) {
      return absl::DataLossError(
          absl::StrCat("store: record ", record.key, " is newer than the store"));
    }
  }
  return absl::OkStatus();
}

// The right edge of the tree, from the tiles that are stored.
absl::StatusOr<TileEdge> ReadEdge(const Snapshot& snapshot) {
  const LogHead head = snapshot.log_head();
  std::vector<std::string> partial;
  for (uint32_t level = 0; HashesAtLevel(head.size, level) > 0; ++level) {
    const uint64_t index = HashesAtLevel(head.size, level) / kTileWidth;
    const uint64_t width = TileWidthAt(head.size, level, index);
    partial.emplace_back();
    if (width == 0) continue;
    MUSTER_ASSIGN_OR_RETURN(partial.back(), snapshot.ReadTile(level, index, width));
  }
  MUSTER_ASSIGN_OR_RETURN(TileEdge edge, TileEdge::From(head.size, std::move(partial)));
  if (edge.Root() != head.root) {
    return absl::DataLossError("store: the audit log's tree does not lead to its head");
  }
  return edge;
}

}  // namespace

absl::StatusOr<Tip> ReadTip(std::shared_ptr<rocksdb::DB> db, const std::string& folder) {
  const RocksDbSnapshot snapshot(std::move(db));
  MUSTER_RETURN_IF_ERROR(snapshot.status());
  const uint64_t size = snapshot.log_head().size;
  const std::string before = size < 2 ? "" : AuditKey(size - 2);
  MUSTER_ASSIGN_OR_RETURN(const auto last, snapshot.Scan("audit/", before, 2));
  if (last.size() != (size == 0 ? 0 : 1) || (size > 0 && last[0].key != AuditKey(size - 1))) {
    return absl::DataLossError(absl::StrCat("store: the audit log of ", folder,
                                            " does not end at entry ", size, kWhatNow));
  }
  absl::Status found = CheckLastEntries(snapshot, size);
  absl::StatusOr<TileEdge> edge = found.ok() ? ReadEdge(snapshot) : found;
  if (absl::IsDataLoss(edge.status())) {
    return absl::DataLossError(
        absl::StrCat(edge.status().message(), ", in the folder ", folder, kWhatNow));
  }
  MUSTER_RETURN_IF_ERROR(edge.status());
  return Tip{snapshot.revision(), *std::move(edge)};
}

}  // namespace muster
