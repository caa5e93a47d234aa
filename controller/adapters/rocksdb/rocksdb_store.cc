#include "controller/adapters/rocksdb/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/slice_transform.h>

#include <algorithm>
#include <cstdarg>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/adapters/rocksdb/migrate.h"
#include "controller/adapters/rocksdb/rocksdb_snapshot.h"
#include "controller/adapters/rocksdb/sequencer.h"
#include "controller/adapters/rocksdb/tip.h"

namespace muster {
namespace {

class RocksStore final : public Store {
 public:
  RocksStore(std::unique_ptr<rocksdb::DB> db, Tip tip, const std::string& folder)
      : db_(std::move(db)), sequencer_(db_.get(), std::move(tip), folder) {}

  std::unique_ptr<Snapshot> Read() const override {
    return std::make_unique<RocksDbSnapshot>(db_.get());
  }
  absl::StatusOr<uint64_t> Commit(Mutation mutation) override {
    return sequencer_.Commit(std::move(mutation));
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  Sequencer sequencer_;
};

// "r/person_by_upn/x" -> "r/person_by_upn".
class KindOfKey final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "muster.KindOfKey"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    constexpr size_t kFrom = sizeof layout::kRecordPrefix - 1;
    const absl::string_view text = layout::View(key);
    const size_t end = text.find('/', std::min(kFrom, text.size()));
    return rocksdb::Slice(key.data(), std::min(end, key.size()));
  }
  bool InDomain(const rocksdb::Slice& key) const override { return true; }
};

// RocksDB aborts the process when it cannot write its own diary twice, as on a full disk; what
// matters of it comes back as a status.
class NoDiary final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list args) override {}
};

rocksdb::Options MakeOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = 8 << 20;
  options.max_open_files = 256;
  options.info_log = std::make_shared<NoDiary>();
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
  MUSTER_RETURN_IF_ERROR(layout::FromRocks(s, absl::StrCat("opening ", folder)));
  MUSTER_RETURN_IF_ERROR(MigrateLog(db.get()));
  MUSTER_ASSIGN_OR_RETURN(Tip tip, ReadTip(db.get(), folder));
  return std::make_unique<RocksStore>(std::move(db), std::move(tip), folder);
}

}  // namespace muster
