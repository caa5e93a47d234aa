#include "controller/adapters/rocksdb/prune_log.h"

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

absl::Status CheckRange(const Mutation::Prune& prune, uint64_t size) {
  if (prune.from <= prune.until && prune.until <= size && prune.from % kTileWidth == 0 &&
      prune.until % kTileWidth == 0 && prune.until - prune.from <= limits::kMaxPrunedEntries) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("store: entries ", prune.from, " to ", prune.until,
                                                 " of ", size, " cannot be pruned at once"));
}

absl::Status PruneEntry(rocksdb::DB& db, uint64_t sequence, PrunedEntries& out) {
  const std::string key = AuditKey(sequence);
  std::string value;
  MUSTER_RETURN_IF_ERROR(
      layout::FromRocks(db.Get(rocksdb::ReadOptions(), layout::RecordKey(key), &value),
                        absl::StrCat("reading ", key)));
  MUSTER_ASSIGN_OR_RETURN(const Record record, layout::DecodeRecord(key, value));
  MUSTER_ASSIGN_OR_RETURN(auto stored, Parse<v1::AuditRecord>(record));
  v1::AuditEntry entry;
  if (!entry.ParseFromString(stored.value.entry())) {
    return absl::DataLossError(absl::StrCat("store: record ", key, " is damaged"));
  }
  for (const std::string& term : LogTerms(entry)) {
    out.terms.push_back(layout::TermPrefix(term) + layout::EncodeU64(sequence));
  }
  stored.value.clear_entry();
  out.records.push_back({key, stored.value.SerializeAsString()});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PrunedEntries> PruneEntries(rocksdb::DB& db, const Mutation::Prune& prune,
                                           uint64_t size) {
  PrunedEntries out;
  MUSTER_RETURN_IF_ERROR(CheckRange(prune, size));
  for (uint64_t sequence = prune.from; sequence < prune.until; ++sequence) {
    MUSTER_RETURN_IF_ERROR(PruneEntry(db, sequence, out));
  }
  return out;
}

}  // namespace muster
