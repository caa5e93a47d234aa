#include "controller/adapters/rocksdb/store_reader.h"

#include <rocksdb/db.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/crypto.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

using layout::DecodeU64;
using layout::EncodeU64;
using layout::FromRocks;
using layout::View;

absl::StatusOr<Record> RecordOf(absl::string_view key, absl::string_view value) {
  // A record too short for its revision is shown with none, so that the check can tell of it.
  if (value.size() < layout::kU64Bytes) return Record{std::string(key), std::string(value), 0};
  return Record{std::string(key), std::string(value.substr(layout::kU64Bytes)), DecodeU64(value)};
}

// A database that stands still needs no snapshot of RocksDB's own, and this kind has none.
class ReaderSnapshot final : public Snapshot {
 public:
  ReaderSnapshot(rocksdb::DB* db, uint64_t revision, LogHead head)
      : db_(db), revision_(revision), head_(std::move(head)) {}

  absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override {
    std::string value;
    const rocksdb::Status s = db_->Get({}, layout::RecordKey(key), &value);
    if (s.IsNotFound()) return std::nullopt;
    MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("reading ", key)));
    MUSTER_ASSIGN_OR_RETURN(Record record, RecordOf(key, value));
    return record;
  }

  absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                           size_t limit) const override {
    std::vector<Record> out;
    const std::string full = layout::RecordKey(prefix);
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    it->Seek(after > prefix ? layout::RecordKey(after) : full);
    for (; it->Valid() && out.size() < limit && it->key().starts_with(full); it->Next()) {
      const absl::string_view key = View(it->key()).substr(sizeof layout::kRecordPrefix - 1);
      if (!after.empty() && key <= absl::string_view(after)) continue;
      MUSTER_ASSIGN_OR_RETURN(Record record, RecordOf(key, View(it->value())));
      out.push_back(std::move(record));
    }
    MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), absl::StrCat("scanning ", prefix)));
    return out;
  }

  uint64_t revision() const override { return revision_; }
  LogHead log_head() const override { return head_; }

  absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                  size_t limit) const override {
    std::vector<uint64_t> out;
    const std::string prefix = layout::TermPrefix(term);
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->Seek(prefix + EncodeU64(from));
         it->Valid() && out.size() < limit && it->key().starts_with(prefix); it->Next()) {
      out.push_back(DecodeU64(View(it->key()).substr(prefix.size())));
    }
    MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), "searching the audit log"));
    return out;
  }

  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override {
    const uint64_t widest = TileWidthAt(head_.size, level, index);
    if (width > widest) return absl::NotFoundError("the log has no such tile");
    if (level == 0 && widest < kTileWidth) return LeafHashesOf(index * kTileWidth, width);
    std::string value;
    const rocksdb::Status s = db_->Get({}, layout::TileKey(level, index), &value);
    if (!s.IsNotFound()) MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading a tile"));
    if (value.size() < width * kHashBytes) {
      return absl::DataLossError(absl::StrCat("store: tile ", level, "/", index, " is damaged"));
    }
    value.resize(width * kHashBytes);
    return value;
  }

 private:
  absl::StatusOr<std::string> LeafHashesOf(uint64_t from, uint64_t count) const {
    std::string out;
    for (uint64_t i = from; i < from + count; ++i) {
      MUSTER_ASSIGN_OR_RETURN(const auto record, Find<v1::AuditRecord>(*this, AuditKey(i)));
      if (!record) return absl::DataLossError("store: an entry of the audit log is missing");
      out += record->value.leaf_hash();
    }
    return out;
  }

  rocksdb::DB* const db_;
  const uint64_t revision_;
  const LogHead head_;
};

class ReaderInternals final : public StoreInternals {
 public:
  explicit ReaderInternals(rocksdb::DB* db) : db_(db) {}

  std::string TermHash(absl::string_view term) const override {
    return layout::TermPrefix(term).substr(sizeof layout::kTermPrefix - 1);
  }

  absl::Status ForEachTerm(const OnTerm& each) const override {
    return Walk(layout::kTermPrefix, [&](absl::string_view key, absl::string_view) {
      constexpr size_t kHash = layout::kTermHashBytes;
      if (key.size() != kHash + layout::kU64Bytes) return absl::OkStatus();  // foreign
      return each(key.substr(0, kHash), DecodeU64(key.substr(kHash)));
    });
  }

  absl::Status ForEachTile(const OnTile& each) const override {
    return Walk(layout::kTilePrefix, [&](absl::string_view key, absl::string_view value) {
      if (key.size() != 1 + layout::kU64Bytes) return absl::OkStatus();  // foreign
      return each(static_cast<uint8_t>(key.front()), DecodeU64(key.substr(1)), value.size());
    });
  }

  absl::StatusOr<std::vector<std::string>> ForeignKeys(size_t limit) const override {
    std::vector<std::string> out;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    it->SeekToFirst();
    while (it->Valid() && out.size() < limit) {
      const absl::string_view key = View(it->key());
      if (absl::StartsWith(key, layout::kRecordPrefix)) {  // all of those are looked at one by one
        it->Seek("r0");
        continue;
      }
      const bool known =
          key == layout::kHeadKey ||
          (absl::StartsWith(key, layout::kTilePrefix) && key.size() == 2 + 1 + layout::kU64Bytes) ||
          (absl::StartsWith(key, layout::kTermPrefix) &&
           key.size() == 2 + layout::kTermHashBytes + layout::kU64Bytes);
      if (!known) out.emplace_back(key);
      it->Next();
    }
    MUSTER_RETURN_IF_ERROR(FromRocks(it->status(), "reading all keys"));
    return out;
  }

 private:
  template <typename F>
  absl::Status Walk(const char* prefix, F&& each) const {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      MUSTER_RETURN_IF_ERROR(each(View(it->key()).substr(2), View(it->value())));
    }
    return FromRocks(it->status(), "reading the audit log's tree and index");
  }

  rocksdb::DB* const db_;
};

// A folder that is gone with its owner.
class ScratchFolder {
 public:
  static absl::StatusOr<std::unique_ptr<ScratchFolder>> New() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "muster-read-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("no folder for temporary files could be made (", path, ")"));
    }
    return std::make_unique<ScratchFolder>(path);
  }
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

// Which list of files is in force, and how far it is written. Every flush and every file that is
// dropped first makes it longer.
std::string FilesMark(const std::string& folder) {
  std::error_code error;
  std::string name(64, '\0');
  FILE* current = std::fopen((folder + "/CURRENT").c_str(), "rb");
  if (current == nullptr) return "";
  name.resize(std::fread(name.data(), 1, name.size(), current));
  std::fclose(current);
  const absl::string_view manifest = absl::StripTrailingAsciiWhitespace(absl::string_view(name));
  const uintmax_t size = fs::file_size(absl::StrCat(folder, "/", manifest).c_str(), error);
  return error ? "" : absl::StrCat(manifest, " ", size);
}

class SecondaryReader final : public StoreReader {
 public:
  SecondaryReader(std::unique_ptr<ScratchFolder> scratch, std::unique_ptr<rocksdb::DB> db,
                  uint64_t revision, LogHead head)
      : scratch_(std::move(scratch)),
        db_(std::move(db)),
        internals_(db_.get()),
        revision_(revision),
        head_(std::move(head)) {}

  std::unique_ptr<Snapshot> Read() const override {
    return std::make_unique<ReaderSnapshot>(db_.get(), revision_, head_);
  }
  const StoreInternals& internals() const override { return internals_; }

  absl::Status ForEachRaw(const OnRaw& each) const override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      MUSTER_RETURN_IF_ERROR(each(View(it->key()), View(it->value())));
    }
    return FromRocks(it->status(), "reading all of the store");
  }

 private:
  const std::unique_ptr<ScratchFolder> scratch_;  // outlives the database
  const std::unique_ptr<rocksdb::DB> db_;
  const ReaderInternals internals_;
  const uint64_t revision_;
  const LogHead head_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreReader>> StoreReader::Open(const std::string& folder) {
  std::error_code error;
  if (!fs::exists(folder + "/CURRENT", error)) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", folder));
  }
  rocksdb::Options options;
  options.max_open_files = -1;  // what is open stays readable, whatever the writer drops
  options.info_log_level = rocksdb::FATAL_LEVEL;
  absl::Status last = absl::UnavailableError(absl::StrCat(
      "the store in ", folder, " is being written to too fast; try again at a quieter time"));
  for (int i = 0; i < limits::kMaxReaderOpens; ++i) {
    MUSTER_ASSIGN_OR_RETURN(auto scratch, ScratchFolder::New());
    const std::string before = FilesMark(folder);
    rocksdb::DB* raw = nullptr;
    const rocksdb::Status s = rocksdb::DB::OpenAsSecondary(options, folder, scratch->path(), &raw);
    std::unique_ptr<rocksdb::DB> db(raw);
    // The files that were listed are all there, and with them every log that they do not cover, if
    // the list stayed the same from before until after they were opened.
    if (before.empty() || before != FilesMark(folder)) continue;
    MUSTER_RETURN_IF_ERROR(FromRocks(s, absl::StrCat("opening ", folder)));
    std::string head;
    const rocksdb::Status got = db->Get({}, layout::kHeadKey, &head);
    if (got.IsNotFound()) {
      const std::unique_ptr<rocksdb::Iterator> any(db->NewIterator({}));
      any->SeekToFirst();
      if (any->Valid()) {
        return absl::FailedPreconditionError(
            absl::StrCat("the store in ", folder,
                         " has no head of its audit log: an older musterd wrote it, and the "
                         "present one brings it up to date when it runs, or it is damaged"));
      }
      head = layout::EncodeHead({0, {0, Sha256("")}});
    }
    if (!got.IsNotFound()) MUSTER_RETURN_IF_ERROR(FromRocks(got, "reading the head"));
    if (head.size() != 2 * layout::kU64Bytes + kHashBytes) {
      return absl::DataLossError("store: the head is damaged; restore the newest backup");
    }
    return std::make_unique<SecondaryReader>(
        std::move(scratch), std::move(db), DecodeU64(head),
        LogHead{DecodeU64(head.substr(layout::kU64Bytes)), head.substr(2 * layout::kU64Bytes)});
  }
  return last;
}

}  // namespace muster
