#include "controller/flow/audit_log.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "common/checkpoint.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

// Entries are small as a rule, but each may have kMaxLogEntryBytes.
constexpr uint64_t kReadAtOnce = 64;

absl::StatusOr<std::vector<v1::AuditRecord>> ReadSome(const Snapshot& snapshot, uint64_t from,
                                                      uint64_t count) {
  const std::string after = from == 0 ? "" : AuditKey(from - 1);
  MUSTER_ASSIGN_OR_RETURN(const std::vector<Record> records,
                          snapshot.Scan("audit/", after, static_cast<size_t>(count)));
  std::vector<v1::AuditRecord> out;
  for (const Record& record : records) {
    MUSTER_ASSIGN_OR_RETURN(Versioned<v1::AuditRecord> stored, Parse<v1::AuditRecord>(record));
    if (record.key != AuditKey(from + out.size())) break;
    out.push_back(std::move(stored.value));
  }
  if (out.size() < count) {
    return absl::DataLossError(absl::StrCat("entry ", from + out.size(),
                                            " of the audit log is missing; run musterd fsck"));
  }
  return out;
}

absl::Status ReadLastTime(const Snapshot& snapshot, uint64_t size, v1::AuditCheckpoint& out) {
  if (size == 0) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::vector<v1::AuditRecord> last, ReadSome(snapshot, size - 1, 1));
  v1::AuditEntry entry;
  if (!entry.ParseFromString(last[0].entry())) {
    return absl::DataLossError(
        absl::StrCat("entry ", size - 1, " of the audit log is damaged; run musterd fsck"));
  }
  if (entry.has_at()) *out.mutable_newest_at() = entry.at();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::AuditCheckpoint> SignedHead(const Snapshot& snapshot, const Signer& signer,
                                               const Settings& settings) {
  const LogHead head = snapshot.log_head();
  const std::string origin = LogOrigin(settings.tenant);
  v1::AuditCheckpoint out;
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_checkpoint(),
                          signer.SignLogHead({origin, head.size, head.root}));
  MUSTER_ASSIGN_OR_RETURN(*out.mutable_key(), signer.LogKey(origin));
  out.set_size(head.size);
  MUSTER_ASSIGN_OR_RETURN(const std::optional<Record> pruned, snapshot.Get(kPrunedBelowKey));
  uint64_t below = 0;
  if (pruned && !absl::SimpleAtoi(pruned->bytes, &below)) {
    return absl::DataLossError("store: where the audit log was pruned cannot be read");
  }
  out.set_pruned_below(below);
  MUSTER_RETURN_IF_ERROR(ReadLastTime(snapshot, head.size, out));
  return out;
}

absl::StatusOr<v1::ReadAuditLogResponse> ReadLog(const Snapshot& snapshot,
                                                 const v1::ReadAuditLogRequest& in) {
  const uint64_t size = snapshot.log_head().size;
  const uint64_t until = in.until() == 0 ? size : in.until();
  if (until > size || in.from() >= until) {
    return absl::InvalidArgumentError(absl::StrCat("the audit log has ", size,
                                                   " entries, from 0 on; there are none from ",
                                                   in.from(), " to before ", until));
  }
  const uint64_t end = std::min<uint64_t>(until, in.from() + limits::kMaxLogReadEntries);
  v1::ReadAuditLogResponse out;
  size_t bytes = 0;
  for (uint64_t at = in.from(); at < end;) {
    MUSTER_ASSIGN_OR_RETURN(std::vector<v1::AuditRecord> some,
                            ReadSome(snapshot, at, std::min(kReadAtOnce, end - at)));
    for (v1::AuditRecord& record : some) {
      bytes += record.ByteSizeLong();
      if (bytes > limits::kMaxLogReadBytes && out.records_size() > 0) return out;
      *out.add_records() = std::move(record);
    }
    at += some.size();
  }
  return out;
}

absl::StatusOr<v1::ProveAuditResponse> ProveEntry(const Snapshot& snapshot, const Signer& signer,
                                                  const Settings& settings, uint64_t sequence) {
  const uint64_t size = snapshot.log_head().size;
  if (sequence >= size) {
    return absl::NotFoundError(
        absl::StrCat("the audit log has no entry ", sequence, "; it has ", size, ", from 0 on"));
  }
  v1::ProveAuditResponse out;
  MUSTER_ASSIGN_OR_RETURN(std::vector<v1::AuditRecord> record, ReadSome(snapshot, sequence, 1));
  *out.mutable_entry() = std::move(*record[0].mutable_entry());
  *out.mutable_leaf_hash() = std::move(*record[0].mutable_leaf_hash());
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> path,
                          InclusionPath(snapshot, sequence, size));
  out.mutable_path()->Assign(path.begin(), path.end());
  MUSTER_ASSIGN_OR_RETURN(v1::AuditCheckpoint head, SignedHead(snapshot, signer, settings));
  *out.mutable_checkpoint() = std::move(*head.mutable_checkpoint());
  return out;
}

}  // namespace muster
