#include "controller/adapters/rocksdb/database.h"

#include <rocksdb/env.h>
#include <rocksdb/slice_transform.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdarg>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"

namespace muster {
namespace {

constexpr size_t kWriteBuffer = 8 << 20;
constexpr absl::Duration kWaitForReaders = absl::Milliseconds(100);
constexpr int kWaitsForReaders = 20;

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
  options.write_buffer_size = kWriteBuffer;
  options.max_open_files = 256;
  options.info_log = std::make_shared<NoDiary>();
  // After a failed write it is opened again; RocksDB need not try.
  options.max_bgerror_resume_count = 0;
  // Many records of one kind come in the order of their keys: each goes next to the one before.
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<KindOfKey>();
  // Every acknowledged commit is in the log; a torn tail is the one thing a crash may leave.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(std::string folder) {
  std::unique_ptr<Database> out(new Database(std::move(folder)));
  MutexLock lock(&out->mu_);
  MUSTER_RETURN_IF_ERROR(out->OpenAgain());
  return out;
}

absl::Status Database::OpenAgain() {
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status s = rocksdb::DB::Open(MakeOptions(), folder_, &raw);
  MUSTER_RETURN_IF_ERROR(layout::FromRocks(s, absl::StrCat("opening ", folder_)));
  closing_ = std::make_shared<Closing>();
  db_ = std::shared_ptr<rocksdb::DB>(raw, [closing = closing_](rocksdb::DB* db) {
    delete db;
    MutexLock lock(&closing->mu);
    closing->closed = true;
    closing->changed.NotifyAll();
  });
  return absl::OkStatus();
}

std::shared_ptr<rocksdb::DB> Database::Get() const {
  MutexLock lock(&mu_);
  return db_;
}

absl::Status Database::Reopen() {
  MutexLock lock(&mu_);
  const std::weak_ptr<rocksdb::DB> old = db_;
  db_.reset();
  bool closed = false;
  for (int waits = 0; !closed && waits < kWaitsForReaders; ++waits) {
    MutexLock wait(&closing_->mu);
    if (!closing_->closed) closing_->changed.WaitFor(&closing_->mu, kWaitForReaders);
    closed = closing_->closed;
  }
  if (!closed) {
    db_ = old.lock();
    return absl::UnavailableError(absl::StrCat(
        "store: ", folder_, " is still being read from before it can be opened again"));
  }
  return OpenAgain();
}

bool Database::HasRoom() const {
  struct statvfs fs = {};
  if (statvfs(folder_.c_str(), &fs) != 0) return false;
  return fs.f_bavail * fs.f_bsize >= 2 * kWriteBuffer;
}

}  // namespace muster
