#include "controller/adapters/rocksdb/rocksdb_snapshot.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/flow/records.h"

namespace muster {

using layout::FromRocks;

RocksDbSnapshot::RocksDbSnapshot(std::shared_ptr<rocksdb::DB> db) : db_(std::move(db)) {
  if (db_ == nullptr) {
    status_ = absl::UnavailableError("store: it could not be opened again after a failed write");
    return;
  }
  snapshot_ = db_->GetSnapshot();
  options_.snapshot = snapshot_;
  absl::StatusOr<layout::Head> head = layout::ReadHead(db_.get(), options_);
  status_ = head.status();
  if (head.ok()) head_ = *std::move(head);
}

RocksDbSnapshot::~RocksDbSnapshot() {
  if (db_ != nullptr) db_->ReleaseSnapshot(snapshot_);
}

absl::StatusOr<std::optional<Record>> RocksDbSnapshot::Get(const std::string& key) const {
  MUSTER_RETURN_IF_ERROR(status_);
  std::string value;
  const rocksdb::Status s = db_->Get(options_, layout::RecordKey(key), &value);
  if (s.IsNotFound()) return std::nullopt;
  MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("reading ", key)));
  MUSTER_ASSIGN_OR_RETURN(Record record, layout::DecodeRecord(key, value));
  return record;
}

absl::StatusOr<std::vector<Record>> RocksDbSnapshot::Scan(const std::string& prefix,
                                                          const std::string& after,
                                                          size_t limit) const {
  MUSTER_RETURN_IF_ERROR(status_);
  std::vector<Record> out;
  const std::string full = layout::RecordKey(prefix);
  // Without an end, what was written after this snapshot is skipped entry by entry to the next
  // one that it shows, wherever that is.
  std::string end = full;
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) ++end.back();
  const rocksdb::Slice bound(end);
  rocksdb::ReadOptions options = options_;
  if (!end.empty()) options.iterate_upper_bound = &bound;
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
  it->Seek(after > prefix ? layout::RecordKey(after) : full);
  for (; it->Valid() && out.size() < limit && it->key().starts_with(full); it->Next()) {
    const absl::string_view key = layout::View(it->key()).substr(sizeof layout::kRecordPrefix - 1);
    if (!after.empty() && key <= absl::string_view(after)) continue;
    MUSTER_ASSIGN_OR_RETURN(Record r, layout::DecodeRecord(key, layout::View(it->value())));
    out.push_back(std::move(r));
  }
  MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), absl::StrCat("scanning ", prefix)));
  return out;
}

absl::StatusOr<std::vector<uint64_t>> RocksDbSnapshot::FindInLog(const std::string& term,
                                                                 uint64_t from,
                                                                 size_t limit) const {
  MUSTER_RETURN_IF_ERROR(status_);
  std::vector<uint64_t> out;
  const std::string prefix = layout::TermPrefix(term);
  std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options_));
  for (it->Seek(prefix + layout::EncodeU64(from));
       it->Valid() && out.size() < limit && it->key().starts_with(prefix); it->Next()) {
    out.push_back(layout::DecodeU64(layout::View(it->key()).substr(prefix.size())));
  }
  MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), "searching the audit log"));
  return out;
}

// Tiles above level 0 are stored as they grow, those of level 0 when they are full.
absl::StatusOr<std::string> RocksDbSnapshot::ReadTile(uint32_t level, uint64_t index,
                                                      uint64_t width) const {
  MUSTER_RETURN_IF_ERROR(status_);
  const uint64_t widest = TileWidthAt(head_.log.size, level, index);
  if (width > widest) {
    return absl::NotFoundError(absl::StrCat("the log has no tile ", level, "/", index));
  }
  if (level == 0 && widest < kTileWidth) return LeafHashes(index * kTileWidth, width);
  std::string value;
  const rocksdb::Status s = db_->Get(options_, layout::TileKey(level, index), &value);
  if (!s.IsNotFound()) MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading a tile"));
  if (value.size() < width * kHashBytes) {
    return absl::DataLossError(absl::StrCat("store: tile ", level, "/", index, " is damaged"));
  }
  value.resize(width * kHashBytes);
  return value;
}

absl::StatusOr<std::string> RocksDbSnapshot::LeafHashes(uint64_t from, uint64_t count) const {
  std::string out;
  const std::string after = from == 0 ? "" : AuditKey(from - 1);
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records, Scan("audit/", after, count));
  for (const Record& record : records) {
    MUSTER_ASSIGN_OR_RETURN(const auto stored, Parse<v1::AuditRecord>(record));
    out += stored.value.leaf_hash();
  }
  if (out.size() != count * kHashBytes) {
    return absl::DataLossError("store: an entry of the audit log is missing");
  }
  return out;
}

}  // namespace muster
