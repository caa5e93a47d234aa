#include "controller/adapters/rocksdb/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/merkle.h"
#include "common/mutex.h"
#include "common/status_macros.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr char kRecordPrefix[] = "r/";
constexpr char kRevisionKey[] = "m/revision";
constexpr char kAuditCountKey[] = "m/audit_count";

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

class RocksSnapshot final : public Snapshot {
 public:
  RocksSnapshot(rocksdb::DB* db, uint64_t revision)
      : db_(db), snapshot_(db->GetSnapshot()), revision_(revision) {
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

  uint64_t revision() const override { return revision_; }

 private:
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
  const uint64_t revision_;
  rocksdb::ReadOptions options_;
};

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, uint64_t revision, uint64_t audit_count)
      : db_(std::move(db)), revision_(revision), audit_count_(audit_count) {}

  std::unique_ptr<Snapshot> Read() const override {
    MutexLock lock(&mu_);
    return std::make_unique<RocksSnapshot>(db_.get(), revision_);
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
    uint64_t sequence = audit_count_;
    for (v1::AuditEntry& entry : mutation.audit) {
      entry.set_sequence(sequence);
      v1::AuditRecord record;
      record.set_entry(entry.SerializeAsString());
      record.set_leaf_hash(LeafHash(record.entry()));
      batch.Put(kRecordPrefix + AuditKey(sequence), stamp + record.SerializeAsString());
      ++sequence;
    }
    batch.Put(kRevisionKey, stamp);
    batch.Put(kAuditCountKey, EncodeU64(sequence));
    rocksdb::WriteOptions options;
    options.sync = true;
    MUSTER_RETURN_IF_ERROR(FromRocks(db_->Write(options, &batch), "writing a commit"));
    revision_ = revision;
    audit_count_ = sequence;
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
  uint64_t audit_count_ ABSL_GUARDED_BY(mu_);
};

absl::StatusOr<uint64_t> ReadCounter(rocksdb::DB* db, const char* key) {
  std::string value;
  const rocksdb::Status s = db->Get(rocksdb::ReadOptions(), key, &value);
  if (s.IsNotFound()) return 0;
  MUSTER_RETURN_IF_ERROR(FromRocks(s, key));
  if (value.size() != 8) return absl::DataLossError(absl::StrCat("store: ", key, " is damaged"));
  return DecodeU64(value);
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
  MUSTER_ASSIGN_OR_RETURN(const uint64_t revision, ReadCounter(db.get(), kRevisionKey));
  MUSTER_ASSIGN_OR_RETURN(const uint64_t audit, ReadCounter(db.get(), kAuditCountKey));
  std::string value;
  const auto has = [&](uint64_t seq) {
    return db->Get(rocksdb::ReadOptions(), kRecordPrefix + AuditKey(seq), &value).ok();
  };
  if (has(audit) || (audit > 0 && !has(audit - 1))) {
    return absl::DataLossError(
        absl::StrCat("store: the audit log of ", folder, " does not end at entry ", audit,
                     "; restore the folder from its backup and keep this copy for the auditors"));
  }
  return std::make_unique<RocksStore>(std::move(db), revision, audit);
}

}  // namespace muster
