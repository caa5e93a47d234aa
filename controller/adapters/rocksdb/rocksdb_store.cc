#include "controller/adapters/rocksdb/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "common/mutex.h"
#include "common/status_macros.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr char kRecordPrefix[] = "r/";
constexpr char kTilePrefix[] = "t/";
constexpr char kTermPrefix[] = "x/";
constexpr char kHeadKey[] = "m/head";
constexpr size_t kTermHashBytes = 8;

std::string EncodeU64(uint64_t v) {
  std::string out(8, '\0');
  for (int i = 7; i >= 0; --i, v >>= 8) out[static_cast<size_t>(i)] = static_cast<char>(v & 0xff);
  return out;
}

uint64_t DecodeU64(absl::string_view s) {
  uint64_t v = 0;
  for (const char c : s.substr(0, 8)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

std::string TileKey(uint32_t level, uint64_t index) {
  return absl::StrCat(kTilePrefix, std::string(1, static_cast<char>(level)), EncodeU64(index));
}

std::string TermPrefix(absl::string_view term) {
  return kTermPrefix + Sha256(term).substr(0, kTermHashBytes);
}

// What every commit moves on: the store's revision, and the log.
struct Head {
  uint64_t revision = 0;
  LogHead log;
};

std::string EncodeHead(uint64_t revision, uint64_t size, const std::string& root) {
  return EncodeU64(revision) + EncodeU64(size) + root;
}

absl::Status FromRocks(const rocksdb::Status& s, absl::string_view what) {
  if (s.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("store: ", what, ": ", s.ToString());
  if (s.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

absl::StatusOr<Record> DecodeRecord(absl::string_view key, absl::string_view value) {
  if (value.size() < 8) {
    return absl::DataLossError(absl::StrCat("store: record ", key, " is too short"));
  }
  return Record{std::string(key), std::string(value.substr(8)), DecodeU64(value)};
}

absl::StatusOr<Head> ReadHead(rocksdb::DB* db, const rocksdb::ReadOptions& options) {
  std::string value;
  const rocksdb::Status s = db->Get(options, kHeadKey, &value);
  if (s.IsNotFound()) return Head{0, {0, Sha256("")}};
  MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading the head"));
  if (value.size() != 16 + kHashBytes) return absl::DataLossError("store: the head is damaged");
  return Head{DecodeU64(value), {DecodeU64(value.substr(8)), value.substr(16)}};
}

class RocksSnapshot final : public Snapshot {
 public:
  RocksSnapshot(rocksdb::DB* db, Head head)
      : db_(db), snapshot_(db->GetSnapshot()), head_(std::move(head)) {
    options_.snapshot = snapshot_;
  }
  ~RocksSnapshot() override { db_->ReleaseSnapshot(snapshot_); }

  absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override {
    std::string value;
    const rocksdb::Status s = db_->Get(options_, kRecordPrefix + key, &value);
    if (s.IsNotFound()) return std::nullopt;
    MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("reading ", key)));
    MUSTER_ASSIGN_OR_RETURN(Record record, DecodeRecord(key, value));
    return record;
  }

  absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                           size_t limit) const override {
    std::vector<Record> out;
    const std::string full = kRecordPrefix + prefix;
    // Without an end, what was written after this snapshot is skipped entry by entry to the next
    // one that it shows, wherever that is.
    std::string end = full;
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
    if (!end.empty()) ++end.back();
    const rocksdb::Slice bound(end);
    rocksdb::ReadOptions options = options_;
    if (!end.empty()) options.iterate_upper_bound = &bound;
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options));
    it->Seek(after > prefix ? kRecordPrefix + after : full);
    for (; it->Valid() && out.size() < limit && it->key().starts_with(full); it->Next()) {
      std::string key = it->key().ToString().substr(sizeof kRecordPrefix - 1);
      if (!after.empty() && key <= after) continue;
      const rocksdb::Slice v = it->value();
      MUSTER_ASSIGN_OR_RETURN(Record r, DecodeRecord(key, absl::string_view(v.data(), v.size())));
      out.push_back(std::move(r));
    }
    MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), absl::StrCat("scanning ", prefix)));
    return out;
  }

  uint64_t revision() const override { return head_.revision; }
  LogHead log_head() const override { return head_.log; }

  absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                  size_t limit) const override {
    std::vector<uint64_t> out;
    const std::string prefix = TermPrefix(term);
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(options_));
    for (it->Seek(prefix + EncodeU64(from));
         it->Valid() && out.size() < limit && it->key().starts_with(prefix); it->Next()) {
      const rocksdb::Slice key = it->key();
      out.push_back(DecodeU64(absl::string_view(key.data(), key.size()).substr(prefix.size())));
    }
    MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), "searching the audit log"));
    return out;
  }

  // Tiles above level 0 are stored as they grow, those of level 0 when they are full.
  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override {
    if (width > TileWidthAt(head_.log.size, level, index)) {
      return absl::NotFoundError(absl::StrCat("the log has no tile ", level, "/", index));
    }
    if (level == 0 && TileWidthAt(head_.log.size, level, index) < kTileWidth) {
      return LeafHashes(index * kTileWidth, width);
    }
    std::string value;
    const rocksdb::Status s = db_->Get(options_, TileKey(level, index), &value);
    if (!s.IsNotFound()) MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading a tile"));
    if (value.size() < width * kHashBytes) {
      return absl::DataLossError(absl::StrCat("store: tile ", level, "/", index, " is damaged"));
    }
    value.resize(width * kHashBytes);
    return value;
  }

 private:
  absl::StatusOr<std::string> LeafHashes(uint64_t from, uint64_t count) const {
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

  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
  const Head head_;
  rocksdb::ReadOptions options_;
};

// Takes the texts of entries whose retention has ended out of a log of `size`, and what the index
// has of them. A text that is gone already stays gone.
absl::Status PruneLog(rocksdb::DB* db, const Mutation::Prune& prune, uint64_t size,
                      const std::string& stamp, rocksdb::WriteBatch& batch) {
  if (prune.from == prune.until) return absl::OkStatus();
  if (prune.from > prune.until || prune.until > size || prune.from % kTileWidth != 0 ||
      prune.until % kTileWidth != 0 || prune.until - prune.from > limits::kMaxPrunedEntries) {
    return absl::InvalidArgumentError(absl::StrCat("store: entries ", prune.from, " to ",
                                                   prune.until, " of ", size,
                                                   " cannot be pruned at once"));
  }
  for (uint64_t sequence = prune.from; sequence < prune.until; ++sequence) {
    const std::string key = AuditKey(sequence);
    std::string value;
    MUSTER_RETURN_IF_ERROR(FromRocks(db->Get(rocksdb::ReadOptions(), kRecordPrefix + key, &value),
                                     absl::StrCat("reading ", key)));
    MUSTER_ASSIGN_OR_RETURN(const Record record, DecodeRecord(key, value));
    MUSTER_ASSIGN_OR_RETURN(auto stored, Parse<v1::AuditRecord>(record));
    v1::AuditEntry entry;
    if (!entry.ParseFromString(stored.value.entry())) {
      return absl::DataLossError(absl::StrCat("store: record ", key, " is damaged"));
    }
    for (const std::string& term : LogTerms(entry)) {
      batch.Delete(TermPrefix(term) + EncodeU64(sequence));
    }
    stored.value.clear_entry();
    batch.Put(kRecordPrefix + key, stamp + stored.value.SerializeAsString());
  }
  return absl::OkStatus();
}

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, uint64_t revision, TileEdge edge)
      : db_(std::move(db)), revision_(revision), edge_(std::move(edge)) {}

  std::unique_ptr<Snapshot> Read() const override {
    MutexLock lock(&mu_);
    return std::make_unique<RocksSnapshot>(db_.get(),
                                           Head{revision_, {edge_.size(), edge_.Root()}});
  }

  absl::StatusOr<uint64_t> Commit(Mutation mutation) override {
    MutexLock lock(&mu_);
    MUSTER_RETURN_IF_ERROR(CheckExpectations(mutation));
    rocksdb::WriteBatch batch;
    const uint64_t revision = revision_ + 1;
    const std::string stamp = EncodeU64(revision);
    for (const Mutation::Put& put : mutation.puts) {
      batch.Put(kRecordPrefix + put.key, stamp + put.bytes);
    }
    for (const std::string& key : mutation.deletes) batch.Delete(kRecordPrefix + key);
    MUSTER_RETURN_IF_ERROR(PruneLog(db_.get(), mutation.prune, edge_.size(), stamp, batch));
    TileEdge edge = edge_;
    std::vector<Tile> tiles;
    for (v1::AuditEntry& entry : mutation.audit) {
      const uint64_t sequence = edge.size();
      entry.set_sequence(sequence);
      v1::AuditRecord record;
      record.set_entry(entry.SerializeAsString());
      record.set_leaf_hash(LeafHash(record.entry()));
      edge.Append(record.leaf_hash(), tiles);
      batch.Put(kRecordPrefix + AuditKey(sequence), stamp + record.SerializeAsString());
      for (const std::string& term : LogTerms(entry)) {
        batch.Put(TermPrefix(term) + EncodeU64(sequence), "");
      }
    }
    if (!mutation.audit.empty()) {
      for (Tile& tile : edge.PartialTiles()) tiles.push_back(std::move(tile));
    }
    for (const Tile& tile : tiles) batch.Put(TileKey(tile.level, tile.index), tile.hashes);
    batch.Put(kHeadKey, EncodeHead(revision, edge.size(), edge.Root()));
    rocksdb::WriteOptions options;
    options.sync = true;
    MUSTER_RETURN_IF_ERROR(FromRocks(db_->Write(options, &batch), "writing a commit"));
    revision_ = revision;
    edge_ = std::move(edge);
    return revision;
  }

 private:
  absl::Status CheckExpectations(const Mutation& mutation) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (const Mutation::Expect& expect : mutation.expects) {
      std::string value;
      const rocksdb::Status s =
          db_->Get(rocksdb::ReadOptions(), kRecordPrefix + expect.key, &value);
      uint64_t actual = 0;
      if (!s.IsNotFound()) {
        MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("reading ", expect.key)));
        MUSTER_ASSIGN_OR_RETURN(const Record record, DecodeRecord(expect.key, value));
        actual = record.revision;
      }
      if (actual != expect.revision) {
        return absl::AbortedError(
            absl::StrCat(expect.key, " was changed by someone else meanwhile; try again"));
      }
    }
    return absl::OkStatus();
  }

  mutable Mutex mu_;
  const std::unique_ptr<rocksdb::DB> db_;
  uint64_t revision_ ABSL_GUARDED_BY(mu_);
  TileEdge edge_ ABSL_GUARDED_BY(mu_);
};

// The right edge of the tree, from the tiles that are stored.
absl::StatusOr<TileEdge> ReadEdge(rocksdb::DB* db, const Head& head) {
  const RocksSnapshot snapshot(db, head);
  std::vector<std::string> partial;
  for (uint32_t level = 0; HashesAtLevel(head.log.size, level) > 0; ++level) {
    const uint64_t index = HashesAtLevel(head.log.size, level) / kTileWidth;
    const uint64_t width = TileWidthAt(head.log.size, level, index);
    partial.emplace_back();
    if (width == 0) continue;
    MUSTER_ASSIGN_OR_RETURN(partial.back(), snapshot.ReadTile(level, index, width));
  }
  MUSTER_ASSIGN_OR_RETURN(TileEdge edge, TileEdge::From(head.log.size, std::move(partial)));
  if (edge.Root() != head.log.root) {
    return absl::DataLossError("store: the audit log's tree does not lead to its head");
  }
  return edge;
}

// "r/person_by_upn/x" -> "r/person_by_upn".
class KindOfKey final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "muster.KindOfKey"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    constexpr size_t kFrom = sizeof kRecordPrefix - 1;
    const absl::string_view text(key.data(), key.size());
    const size_t end = text.find('/', std::min(kFrom, text.size()));
    return rocksdb::Slice(key.data(), std::min(end, key.size()));
  }
  bool InDomain(const rocksdb::Slice& key) const override { return true; }
};

rocksdb::Options MakeOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = 8 << 20;
  options.max_open_files = 256;
  options.keep_log_file_num = 4;
  options.info_log_level = rocksdb::WARN_LEVEL;
  // Many records of one kind come in the order of their keys: each goes next to the one before.
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<KindOfKey>();
  // Every acknowledged commit is in the log; a torn tail is the one thing a crash may leave.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> RocksDbStore::Open(const std::string& folder) {
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status s = rocksdb::DB::Open(MakeOptions(), folder, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("opening ", folder)));
  MUSTER_ASSIGN_OR_RETURN(const Head head, ReadHead(db.get(), rocksdb::ReadOptions()));
  const uint64_t audit = head.log.size;
  std::string value;
  const auto has = [&](uint64_t seq) {
    return db->Get(rocksdb::ReadOptions(), kRecordPrefix + AuditKey(seq), &value).ok();
  };
  if (has(audit) || (audit > 0 && !has(audit - 1))) {
    return absl::DataLossError(
        absl::StrCat("store: the audit log of ", folder, " does not end at entry ", audit,
                     "; restore the folder from its backup and keep this copy for the auditors"));
  }
  MUSTER_ASSIGN_OR_RETURN(TileEdge edge, ReadEdge(db.get(), head));
  return std::make_unique<RocksStore>(std::move(db), head.revision, std::move(edge));
}

}  // namespace muster
