#include "controller/adapters/rocksdb/commit_batch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log_limits.h"
#include "common/merkle.h"
#include "common/status_macros.h"
#include "controller/adapters/rocksdb/layout.h"
#include "controller/adapters/rocksdb/prune_log.h"
#include "controller/domain/log_terms.h"
#include "controller/flow/records.h"

namespace muster {
namespace {

constexpr size_t kSequenceBytes = 11;  // of the largest, with its tag

}  // namespace

absl::StatusOr<PreparedCommit> Prepare(Mutation mutation) {
  PreparedCommit out;
  for (const v1::AuditEntry& entry : mutation.audit) {
    const size_t size = entry.ByteSizeLong() + kSequenceBytes;
    if (size > limits::kMaxLogEntryBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("store: the audit entry of ", entry.verb(), " is too large, ", size,
                       " bytes of at most ", limits::kMaxLogEntryBytes, "; nothing was changed"));
    }
    out.bytes += size;
    std::vector<std::string>& terms = out.terms.emplace_back(LogTerms(entry));
    for (std::string& term : terms) term = layout::TermPrefix(term);
  }
  for (const Mutation::Put& put : mutation.puts) out.bytes += put.key.size() + put.bytes.size();
  for (const std::string& key : mutation.deletes) out.bytes += key.size();
  out.mutation = std::move(mutation);
  return out;
}

absl::StatusOr<uint64_t> CommitBatch::Add(PreparedCommit commit) {
  Mutation& mutation = commit.mutation;
  MUSTER_RETURN_IF_ERROR(CheckExpectations(mutation));
  MUSTER_ASSIGN_OR_RETURN(PrunedEntries pruned,
                          PruneEntries(*db_, mutation.prune, tip_.edge.size()));
  const uint64_t revision = ++tip_.revision;
  const std::string stamp = layout::EncodeU64(revision);
  for (Mutation::Put& put : mutation.puts) {
    batch_.Put(layout::RecordKey(put.key), stamp + put.bytes);
    revisions_[std::move(put.key)] = revision;
  }
  for (std::string& key : mutation.deletes) {
    batch_.Delete(layout::RecordKey(key));
    revisions_[std::move(key)] = 0;
  }
  for (const std::string& key : pruned.terms) batch_.Delete(key);
  for (Mutation::Put& put : pruned.records) {
    batch_.Put(layout::RecordKey(put.key), stamp + put.bytes);
    revisions_[std::move(put.key)] = revision;
  }
  for (size_t i = 0; i < mutation.audit.size(); ++i) {
    AddEntry(mutation.audit[i], commit.terms[i], stamp);
  }
  return revision;
}

void CommitBatch::AddEntry(v1::AuditEntry& entry, const std::vector<std::string>& terms,
                           const std::string& stamp) {
  const uint64_t sequence = tip_.edge.size();
  entry.set_sequence(sequence);
  v1::AuditRecord record;
  entry.SerializeToString(record.mutable_entry());
  record.set_leaf_hash(LeafHash(record.entry()));
  tip_.edge.Append(record.leaf_hash(), full_);
  std::string value = stamp;
  record.AppendToString(&value);
  std::string key = AuditKey(sequence);
  batch_.Put(layout::RecordKey(key), value);
  const std::string at = layout::EncodeU64(sequence);
  for (const std::string& prefix : terms) batch_.Put(prefix + at, "");
  revisions_[std::move(key)] = tip_.revision;
  has_entries_ = true;
}

rocksdb::WriteBatch& CommitBatch::Finish() {
  if (has_entries_) {
    for (Tile& tile : tip_.edge.PartialTiles()) full_.push_back(std::move(tile));
  }
  for (const Tile& tile : full_) batch_.Put(layout::TileKey(tile.level, tile.index), tile.hashes);
  batch_.Put(layout::kHeadKey,
             layout::EncodeHead({tip_.revision, {tip_.edge.size(), tip_.edge.Root()}}));
  return batch_;
}

absl::Status CommitBatch::CheckExpectations(const Mutation& mutation) const {
  for (const Mutation::Expect& expect : mutation.expects) {
    MUSTER_ASSIGN_OR_RETURN(const uint64_t actual, RevisionOf(expect.key));
    if (actual != expect.revision) {
      return absl::AbortedError(
          absl::StrCat(expect.key, " was changed by someone else meanwhile; try again"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CommitBatch::RevisionOf(const std::string& key) const {
  if (const auto it = revisions_.find(key); it != revisions_.end()) return it->second;
  std::string value;
  const rocksdb::Status s = db_->Get(rocksdb::ReadOptions(), layout::RecordKey(key), &value);
  if (s.IsNotFound()) return 0;
  MUSTER_RETURN_IF_ERROR(layout::FromRocks(s, absl::StrCat("reading ", key)));
  MUSTER_ASSIGN_OR_RETURN(const Record record, layout::DecodeRecord(key, value));
  return record.revision;
}

}  // namespace muster
