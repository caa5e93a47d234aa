#include "controller/adapters/rocksdb/layout.h"

#include "absl/strings/str_cat.h"
#include "common/crypto.h"
#include "common/status_macros.h"

namespace muster::layout {

std::string EncodeU64(uint64_t v) {
  std::string out(kU64Bytes, '\0');
  for (size_t i = kU64Bytes; i-- > 0; v >>= 8) out[i] = static_cast<char>(v & 0xff);
  return out;
}

uint64_t DecodeU64(absl::string_view s) {
  uint64_t v = 0;
  for (const char c : s.substr(0, kU64Bytes)) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

std::string RecordKey(absl::string_view key) { return absl::StrCat(kRecordPrefix, key); }

std::string TileKey(uint32_t level, uint64_t index) {
  return absl::StrCat(kTilePrefix, std::string(1, static_cast<char>(level)), EncodeU64(index));
}

std::string TermPrefix(absl::string_view term) {
  return kTermPrefix + Sha256(term).substr(0, kTermHashBytes);
}

std::string EncodeHead(const Head& head) {
  return EncodeU64(head.revision) + EncodeU64(head.log.size) + head.log.root;
}

absl::StatusOr<Head> ReadHead(rocksdb::DB* db, const rocksdb::ReadOptions& options) {
  std::string value;
  const rocksdb::Status s = db->Get(options, kHeadKey, &value);
  if (s.IsNotFound()) return Head{0, {0, Sha256("")}};
  MUSTER_RETURN_IF_ERROR(FromRocks(s, "reading the head"));
  if (value.size() != 2 * kU64Bytes + kHashBytes) {
    return absl::DataLossError("store: the head is damaged");
  }
  return Head{DecodeU64(value), {DecodeU64(value.substr(kU64Bytes)), value.substr(2 * kU64Bytes)}};
}

absl::StatusOr<Record> DecodeRecord(absl::string_view key, absl::string_view value) {
  if (value.size() < kU64Bytes) {
    return absl::DataLossError(absl::StrCat("store: record ", key, " is too short"));
  }
  return Record{std::string(key), std::string(value.substr(kU64Bytes)), DecodeU64(value)};
}

absl::Status FromRocks(const rocksdb::Status& s, absl::string_view what) {
  if (s.ok()) return absl::OkStatus();
  const std::string text = absl::StrCat("store: ", what, ": ", s.ToString());
  if (s.IsCorruption()) return absl::DataLossError(text);
  return absl::UnavailableError(text);
}

}  // namespace muster::layout
