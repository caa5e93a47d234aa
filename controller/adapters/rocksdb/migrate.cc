#include "controller/adapters/rocksdb/migrate.h"

#include <rocksdb/write_batch.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

using layout::FromRocks;

absl::Status WriteSynced(rocksdb::DB* db, rocksdb::WriteBatch& batch) {
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status s = db->Write(options, &batch);
  batch.Clear();
  return FromRocks(s, "giving the audit log its tree");
}

// nullopt: this store has none.
absl::StatusOr<std::optional<uint64_t>> OldCounter(rocksdb::DB* db, const char* key) {
  std::string value;
  const rocksdb::Status s = db->Get(rocksdb::ReadOptions(), key, &value);
  if (s.IsNotFound()) return std::nullopt;
  MUSTER_RETURN_IF_ERROR(FromRocks(s, key));
  if (value.size() != layout::kU64Bytes) {
    return absl::DataLossError(absl::StrCat("store: ", key, " is damaged"));
  }
  return layout::DecodeU64(value);
}

absl::Status AddOldEntry(const Record& record, TileEdge& edge, rocksdb::WriteBatch& batch) {
  MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
  v1::AuditEntry entry;
  if (record.key != AuditKey(edge.size()) ||
      stored.value.leaf_hash() != LeafHash(stored.value.entry()) ||
      !entry.ParseFromString(stored.value.entry()) || entry.sequence() != edge.size()) {
    return absl::DataLossError(absl::StrCat("store: entry ", edge.size(),
                                            " of the audit log is missing or is not what was "
                                            "hashed; keep this copy for the auditors"));
  }
  const std::string at = layout::EncodeU64(edge.size());
  std::vector<Tile> full;
  edge.Append(stored.value.leaf_hash(), full);
  for (const Tile& tile : full) batch.Put(layout::TileKey(tile.level, tile.index), tile.hashes);
  for (const std::string& term : LogTerms(entry)) batch.Put(layout::TermPrefix(term) + at, "");
  return absl::OkStatus();
}

// Every old entry into the tree and the index; the last, unfinished batch is left to the caller.
absl::StatusOr<TileEdge> AddOldEntries(rocksdb::DB* db, rocksdb::WriteBatch& batch) {
  TileEdge edge;
  const std::string prefix = layout::RecordKey("audit/");
  const std::unique_ptr<rocksdb::Iterator> it(db->NewIterator(rocksdb::ReadOptions()));
  for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
    const absl::string_view key = layout::View(it->key()).substr(sizeof layout::kRecordPrefix - 1);
    MUSTER_ASSIGN_OR_RETURN(const Record record,
                            layout::DecodeRecord(key, layout::View(it->value())));
    MUSTER_RETURN_IF_ERROR(AddOldEntry(record, edge, batch));
    if (edge.size() % limits::kMaxBatchEntries == 0) {
      MUSTER_RETURN_IF_ERROR(WriteSynced(db, batch));
    }
  }
  MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), "reading the audit log"));
  return edge;
}

}  // namespace

absl::Status MigrateLog(rocksdb::DB* db) {
  MUSTER_ASSIGN_OR_RETURN(const auto revision, OldCounter(db, layout::kOldRevisionKey));
  if (!revision) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const auto count, OldCounter(db, layout::kOldCountKey));
  std::string head;
  const rocksdb::Status s = db->Get(rocksdb::ReadOptions(), layout::kHeadKey, &head);
  if (!s.IsNotFound()) {
    MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading the head"));
    return absl::DataLossError("store: it has the counters of an old store beside a head");
  }
  rocksdb::WriteBatch batch;
  MUSTER_ASSIGN_OR_RETURN(const TileEdge edge, AddOldEntries(db, batch));
  if (edge.size() != count.value_or(0)) {
    return absl::DataLossError(absl::StrCat("store: the audit log has ", edge.size(),
                                            " entries where its counter says ", count.value_or(0),
                                            "; keep this copy for the auditors"));
  }
  for (const Tile& tile : edge.PartialTiles()) {
    batch.Put(layout::TileKey(tile.level, tile.index), tile.hashes);
  }
  batch.Put(layout::kHeadKey, layout::EncodeHead({*revision, {edge.size(), edge.Root()}}));
  batch.Delete(layout::kOldRevisionKey);
  batch.Delete(layout::kOldCountKey);
  return WriteSynced(db, batch);
}

}  // namespace muster
