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
#include "controller/flow/records.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kRecords[] = "r/", kTiles[] = "t/", kTerms[] = "x/", kOwn[] = "m/";
constexpr char kHead[] = "m/head";
constexpr size_t kTermBytes = 8, kNumberBytes = 8;

std::string BigEndian(uint64_t v) {
  std::string out(kNumberBytes, '\0');
  for (size_t i = kNumberBytes; i-- > 0; v >>= 8) out[i] = static_cast<char>(v & 0xff);
  return out;
}

uint64_t FromBigEndian(absl::string_view s) {
  uint64_t v = 0;
  for (const char c : s.substr(0, kNumberBytes)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

absl::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

absl::Status ReadError(const rocksdb::Status& s, absl::string_view what) {
  if (s.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("store: ", what, ": ", s.ToString());
  if (s.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

absl::StatusOr<Record> RecordOf(absl::string_view key, absl::string_view value) {
  // A record too short for its revision is shown with none, so that the check can tell of it.
  if (value.size() < kNumberBytes) return Record{std::string(key), std::string(value), 0};
  return Record{std::string(key), std::string(value.substr(kNumberBytes)), FromBigEndian(value)};
}

// A database that stands still needs no snapshot of RocksDB's own, and this kind has none.
class ReaderSnapshot final : public Snapshot {
 public:
  ReaderSnapshot(rocksdb::DB* db, uint64_t revision, LogHead head)
      : db_(db), revision_(revision), head_(std::move(head)) {}

  absl::StatusOr<std::optional<Record>> Get(const std::string& key) const override {
    std::string value;
    const rocksdb::Status s = db_->Get({}, kRecords + key, &value);
    if (s.IsNotFound()) return std::nullopt;
    MUSTER_RETURN_IF_ERROR(ReadError(s, absl::StrCat("reading ", key)));
    MUSTER_ASSIGN_OR_RETURN(Record record, RecordOf(key, value));
    return record;
  }

  absl::StatusOr<std::vector<Record>> Scan(const std::string& prefix, const std::string& after,
                                           size_t limit) const override {
    std::vector<Record> out;
    const std::string full = kRecords + prefix;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    it->Seek(after > prefix ? kRecords + after : full);
    for (; it->Valid() && out.size() < limit && it->key().starts_with(full); it->Next()) {
      const absl::string_view key = ViewOf(it->key()).substr(sizeof kRecords - 1);
      if (!after.empty() && key <= absl::string_view(after)) continue;
      MUSTER_ASSIGN_OR_RETURN(Record record, RecordOf(key, ViewOf(it->value())));
      out.push_back(std::move(record));
    }
    MUSTER_RETURN_IF_ERROR(ReadError(it->status(), absl::StrCat("scanning ", prefix)));
    return out;
  }

  uint64_t revision() const override { return revision_; }
  LogHead log_head() const override { return head_; }

  absl::StatusOr<std::vector<uint64_t>> FindInLog(const std::string& term, uint64_t from,
                                                  size_t limit) const override {
    std::vector<uint64_t> out;
    const std::string prefix = kTerms + Sha256(term).substr(0, kTermBytes);
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->Seek(prefix + BigEndian(from));
         it->Valid() && out.size() < limit && it->key().starts_with(prefix); it->Next()) {
      out.push_back(FromBigEndian(ViewOf(it->key()).substr(prefix.size())));
    }
    MUSTER_RETURN_IF_ERROR(ReadError(it->status(), "searching the audit log"));
    return out;
  }

  absl::StatusOr<std::string> ReadTile(uint32_t level, uint64_t index,
                                       uint64_t width) const override {
    const uint64_t widest = TileWidthAt(head_.size, level, index);
    if (width > widest) return absl::NotFoundError("the log has no such tile");
    if (level == 0 && widest < kTileWidth) return LeafHashesOf(index * kTileWidth, width);
    std::string value;
    const rocksdb::Status s = db_->Get(
        {}, absl::StrCat(kTiles, std::string(1, static_cast<char>(level)), BigEndian(index)),
        &value);
    if (!s.IsNotFound()) MUSTER_RETURN_IF_ERROR(ReadError(s, "reading a tile"));
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
    return Sha256(term).substr(0, kTermBytes);
  }

  absl::Status ForEachTerm(const OnTerm& each) const override {
    return Walk(kTerms, [&](absl::string_view key, absl::string_view) {
      if (key.size() != kTermBytes + kNumberBytes) return absl::OkStatus();  // foreign
      return each(key.substr(0, kTermBytes), FromBigEndian(key.substr(kTermBytes)));
    });
  }

  absl::Status ForEachTile(const OnTile& each) const override {
    return Walk(kTiles, [&](absl::string_view key, absl::string_view value) {
      if (key.size() != 1 + kNumberBytes) return absl::OkStatus();  // foreign
      return each(static_cast<uint8_t>(key.front()), FromBigEndian(key.substr(1)), value.size());
    });
  }

  absl::StatusOr<std::vector<std::string>> ForeignKeys(size_t limit) const override {
    std::vector<std::string> out;
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    it->SeekToFirst();
    while (it->Valid() && out.size() < limit) {
      const absl::string_view key = ViewOf(it->key());
      if (absl::StartsWith(key, kRecords)) {  // all of those are looked at one by one
        it->Seek("r0");
        continue;
      }
      const bool known =
          absl::StartsWith(key, kOwn) ||
          (absl::StartsWith(key, kTiles) && key.size() == 2 + 1 + kNumberBytes) ||
          (absl::StartsWith(key, kTerms) && key.size() == 2 + kTermBytes + kNumberBytes);
      if (!known) out.emplace_back(key);
      it->Next();
    }
    MUSTER_RETURN_IF_ERROR(ReadError(it->status(), "reading all keys"));
    return out;
  }

 private:
  template <typename F>
  absl::Status Walk(const char* prefix, F&& each) const {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      MUSTER_RETURN_IF_ERROR(each(ViewOf(it->key()).substr(2), ViewOf(it->value())));
    }
    return ReadError(it->status(), "reading the audit log's tree and index");
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
      MUSTER_RETURN_IF_ERROR(each(ViewOf(it->key()), ViewOf(it->value())));
    }
    return ReadError(it->status(), "reading all of the store");
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
    MUSTER_RETURN_IF_ERROR(ReadError(s, absl::StrCat("opening ", folder)));
    std::string head;
    const rocksdb::Status got = db->Get({}, kHead, &head);
    if (got.IsNotFound()) {
      const std::unique_ptr<rocksdb::Iterator> any(db->NewIterator({}));
      any->SeekToFirst();
      if (any->Valid()) {
        return absl::FailedPreconditionError(
            absl::StrCat("the store in ", folder,
                         " has no head of its audit log: an older musterd wrote it, and the "
                         "present one brings it up to date when it runs, or it is damaged"));
      }
      head = BigEndian(0) + BigEndian(0) + Sha256("");
    }
    if (!got.IsNotFound()) MUSTER_RETURN_IF_ERROR(ReadError(got, "reading the head"));
    if (head.size() != 2 * kNumberBytes + kHashBytes) {
      return absl::DataLossError("store: the head is damaged; restore the newest backup");
    }
    return std::make_unique<SecondaryReader>(
        std::move(scratch), std::move(db), FromBigEndian(head),
        LogHead{FromBigEndian(head.substr(kNumberBytes)), head.substr(2 * kNumberBytes)});
  }
  return last;
}

}  // namespace muster
