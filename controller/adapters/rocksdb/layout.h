// How keys and values are written in RocksDB; rocksdb_store.h says which there are.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controller/flow/store.h"

namespace muster::layout {

inline constexpr char kRecordPrefix[] = "r/";
inline constexpr char kTilePrefix[] = "t/";
inline constexpr char kTermPrefix[] = "x/";
inline constexpr size_t kTermHashBytes = 8;
inline constexpr char kHeadKey[] = "m/head";
// Stores of before there was a head had these.
inline constexpr char kOldRevisionKey[] = "m/revision";
inline constexpr char kOldCountKey[] = "m/audit_count";

inline constexpr size_t kU64Bytes = 8;
std::string EncodeU64(uint64_t v);
uint64_t DecodeU64(absl::string_view s);  // of the first 8 bytes

std::string RecordKey(absl::string_view key);
std::string TileKey(uint32_t level, uint64_t index);
// A term's keys in the index: this, then the sequence.
std::string TermPrefix(absl::string_view term);

// What every commit moves on: the store's revision, and the log.
struct Head {
  uint64_t revision = 0;
  LogHead log;
};
std::string EncodeHead(const Head& head);
// Of an empty store when there is none. DATA_LOSS, UNAVAILABLE.
absl::StatusOr<Head> ReadHead(rocksdb::DB* db, const rocksdb::ReadOptions& options);

// DATA_LOSS: too short to be a record.
absl::StatusOr<Record> DecodeRecord(absl::string_view key, absl::string_view value);

// DATA_LOSS for what is corrupt, UNAVAILABLE for any other failure while doing `what`.
absl::Status FromRocks(const rocksdb::Status& s, absl::string_view what);

inline absl::string_view View(const rocksdb::Slice& slice) {
  return absl::string_view(slice.data(), slice.size());
}
inline rocksdb::Slice Slice(absl::string_view text) {
  return rocksdb::Slice(text.data(), text.size());
}

}  // namespace muster::layout
