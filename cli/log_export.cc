#include "cli/log_export.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/log_folder.h"
#include "cli/log_readme.h"
#include "cli/log_verify.h"
#include "common/limits.h"
#include "common/log_limits.h"
#include "common/log_proof.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "muster/v1/audit_calls.pb.h"

namespace muster::cli {
namespace {

absl::Status Inconsistent(absl::string_view why) {
  return VerifyError(VerifyCode::kInconsistent, why);
}

// One export into one folder. Thread-compatible.
class Export {
 public:
  Export(const ExportFolder& folder, const LogExportInputs& in) : folder_(folder), in_(in) {}

  absl::StatusOr<LogExportOutcome> Run() {
    // Before the head: a device that tells of a later one would make this export look old.
    MUSTER_RETURN_IF_ERROR(FetchWitnesses());
    MUSTER_ASSIGN_OR_RETURN(head_, FetchHead(in_.call, in_.keys));
    MUSTER_RETURN_IF_ERROR(ReadOlder());
    MUSTER_RETURN_IF_ERROR(FetchWhatToProve());
    MUSTER_RETURN_IF_ERROR(folder_.Write(kUnfinishedFile, head_.note));
    const absl::Status done = FetchEntries();
    if (!done.ok()) {
      MUSTER_RETURN_IF_ERROR(folder_.RemoveAllBut(older_.size));
      MUSTER_RETURN_IF_ERROR(folder_.Remove(kUnfinishedFile));
      return done;
    }
    for (const uint64_t sequence : to_prove_) MUSTER_RETURN_IF_ERROR(WriteProof(sequence));
    MUSTER_RETURN_IF_ERROR(WriteWitnesses());
    MUSTER_RETURN_IF_ERROR(Seal());
    outcome_.head = head_.head;
    outcome_.key = head_.key;
    outcome_.continued_at = older_.size;
    outcome_.pruned_below = head_.pruned_below;
    return outcome_;
  }

 private:
  absl::Status FetchWitnesses() {
    v1::ListAuditWitnessesRequest request;
    request.set_page_size(limits::kMaxPage);
    do {
      v1::ListAuditWitnessesResponse page;
      if (witnesses_.size() >= limits::kMaxWitnessFiles) {
        return absl::ResourceExhaustedError(
            absl::StrCat("over ", limits::kMaxWitnessFiles, " devices are witnesses of this log"));
      }
      MUSTER_RETURN_IF_ERROR(in_.call("ListAuditWitnesses", request, &page));
      for (v1::AuditWitness& witness : *page.mutable_items()) {
        witnesses_.push_back(std::move(witness));
      }
      if (page.items().empty() && !page.next_cursor().empty()) {
        return Inconsistent("the controller's list of witnesses does not end");
      }
      request.set_cursor(page.next_cursor());
    } while (!request.cursor().empty());
    return absl::OkStatus();
  }

  // Of the entries that this export has.
  absl::Status FetchWhatToProve() {
    if (in_.proofs_about.empty()) return absl::OkStatus();
    v1::ListAuditRequest request;
    request.set_about(in_.proofs_about);
    request.set_page_size(limits::kMaxPage);
    size_t pages = 0;
    do {
      v1::ListAuditResponse page;
      MUSTER_RETURN_IF_ERROR(in_.call("ListAudit", request, &page));
      for (const v1::AuditEntry& entry : page.items()) {
        if (entry.sequence() < head_.head.size) to_prove_.push_back(entry.sequence());
      }
      request.set_cursor(page.next_cursor());
      // Nothing is left out in silence, and pages that never end are refused.
      if (++pages > limits::kMaxWitnessFiles || to_prove_.size() > limits::kMaxWitnessFiles) {
        return absl::ResourceExhaustedError(
            absl::StrCat("there are over ", limits::kMaxWitnessFiles,
                         " entries about it: prove them one by one with `audit prove`"));
      }
    } while (!request.cursor().empty());
    return absl::OkStatus();
  }

  // What the folder has already: nothing, the rest of an export that was cut off, or an older one.
  absl::Status ReadOlder() {
    const absl::Status read = folder_.Read(kCheckpointFile, limits::kMaxNoteBytes, older_note_);
    if (absl::IsNotFound(read)) return CheckIsOurs();
    MUSTER_RETURN_IF_ERROR(read);
    MUSTER_ASSIGN_OR_RETURN(older_, OpenCheckpoint(older_note_, head_.keys, head_.head.origin));
    if (older_.size > head_.head.size) {
      return Inconsistent(absl::StrCat(
          folder_.path(), " has ", older_.size, " entries of this log, but the controller has ",
          head_.head.size, " by now: keep the folder, it shows what is gone"));
    }
    MUSTER_RETURN_IF_ERROR(folder_.RemoveAllBut(older_.size));  // of a run that was cut off
    const ExportTiles tiles(folder_, older_.size);
    std::vector<std::string> partial;
    for (uint32_t level = 0; HashesAtLevel(older_.size, level) > 0; ++level) {
      const uint64_t index = HashesAtLevel(older_.size, level) / kTileWidth;
      const uint64_t width = TileWidthAt(older_.size, level, index);
      partial.emplace_back();
      if (width == 0) continue;
      const absl::StatusOr<std::string> tile = tiles.ReadTile(level, index, width);
      if (!tile.ok()) return Damaged(tile.status().message());
      partial.back() = *tile;
    }
    if (!partial.empty()) leaves_ = partial[0];
    const absl::StatusOr<TileEdge> edge = TileEdge::From(older_.size, std::move(partial));
    if (!edge.ok() || edge->Root() != older_.root) {
      return Damaged("its tiles do not lead to its checkpoint");
    }
    edge_ = *edge;
    return ReadPartialBundle();
  }

  absl::Status Damaged(absl::string_view why) const {
    return absl::FailedPreconditionError(absl::StrCat(
        "the export in ", folder_.path(), " is damaged (", why,
        "): it stays as it is; look with `musterctl audit verify`, and export to a new folder"));
  }

  absl::Status CheckIsOurs() {
    bool any = false, unfinished = false;
    MUSTER_RETURN_IF_ERROR(folder_.ForEach([&](const std::string& file, bool) {
      any = true;
      unfinished = unfinished || file == kUnfinishedFile;
      return absl::OkStatus();
    }));
    if (any && !unfinished) {
      return absl::InvalidArgumentError(
          absl::StrCat(folder_.path(), " has files but no export: name a new folder"));
    }
    return folder_.RemoveAllBut(0);
  }

  absl::Status ReadPartialBundle() {
    const uint64_t width = older_.size % kTileWidth;
    if (width == 0) return absl::OkStatus();
    const absl::Status read =
        folder_.Read(BundlePath(older_.size / kTileWidth, width), kMaxBundleBytes, bundle_);
    if (!read.ok()) return Damaged(read.message());
    const absl::StatusOr<std::vector<absl::string_view>> entries = ParseBundle(bundle_);
    if (!entries.ok() || entries->size() != width) return Damaged("its last bundle is cut off");
    for (uint64_t i = 0; i < width; ++i) {
      const absl::string_view hash = absl::string_view(leaves_).substr(i * kHashBytes, kHashBytes);
      if (!(*entries)[i].empty() && LeafHash((*entries)[i]) != hash) {
        return Damaged(absl::StrCat("entry ", older_.size - width + i, " was changed"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status FetchEntries() {
    const uint64_t size = head_.head.size;
    v1::ReadAuditLogRequest request;
    request.set_until(size);
    while (edge_.size() < size) {
      request.set_from(edge_.size());
      v1::ReadAuditLogResponse some;
      MUSTER_RETURN_IF_ERROR(in_.call("ReadAuditLog", request, &some));
      if (some.records().empty() || edge_.size() + some.records_size() > size) {
        return Inconsistent(absl::StrCat("the controller gave ", some.records_size(),
                                         " entries from ", edge_.size(), " on, of ", size));
      }
      for (const v1::AuditRecord& record : some.records()) {
        MUSTER_RETURN_IF_ERROR(Take(record));
      }
    }
    MUSTER_RETURN_IF_ERROR(WritePartial());
    if (edge_.Root() == head_.head.root) return absl::OkStatus();
    return Inconsistent(
        older_.size > 0
            ? absl::StrCat("the log that the controller has now does not continue the export in ",
                           folder_.path(), " (", older_.size,
                           " entries): it was rewritten. Keep the folder, it is the proof")
            : "the entries do not lead to the head that the controller signed");
  }

  absl::Status Take(const v1::AuditRecord& record) {
    const uint64_t sequence = edge_.size();
    std::string leaf = record.leaf_hash();
    if (!record.entry().empty()) {
      leaf = LeafHash(record.entry());
      ++outcome_.entries;
    } else if (sequence >= head_.pruned_below) {
      return Inconsistent(absl::StrCat(
          "the controller has no text of entry ", sequence,
          ", though its retention has not ended: run it again. If it stays so, texts were "
          "taken out of the log"));
    }
    if (leaf.size() != kHashBytes || record.entry().size() > limits::kMaxLogEntryBytes) {
      return Inconsistent(absl::StrCat("what the controller gave as entry ", sequence, " is none"));
    }
    AppendToBundle(record.entry(), bundle_);
    leaves_ += leaf;
    edge_.Append(leaf, full_);
    if (edge_.size() % kTileWidth == 0) MUSTER_RETURN_IF_ERROR(WriteBundle(kTileWidth));
    for (const Tile& tile : full_) MUSTER_RETURN_IF_ERROR(WriteTile(tile));
    full_.clear();
    return absl::OkStatus();
  }

  absl::Status WriteTile(const Tile& tile) {
    return folder_.Write(TilePath(tile.level, tile.index, tile.hashes.size() / kHashBytes),
                         tile.hashes);
  }

  // The last entries' bundle. One of which every entry's retention has ended is left out: the tile
  // stands for it.
  absl::Status WriteBundle(uint64_t width) {
    const uint64_t first = (edge_.size() - 1) / kTileWidth * kTileWidth;
    if (bundle_.size() > 2 * width || first + width > head_.pruned_below) {
      MUSTER_RETURN_IF_ERROR(folder_.Write(BundlePath(first / kTileWidth, width), bundle_));
    }
    bundle_.clear();
    leaves_.clear();
    return absl::OkStatus();
  }

  absl::Status WritePartial() {
    const uint64_t width = edge_.size() % kTileWidth;
    if (width > 0) {
      const Tile lowest = {0, edge_.size() / kTileWidth, leaves_};
      MUSTER_RETURN_IF_ERROR(WriteTile(lowest));
      MUSTER_RETURN_IF_ERROR(WriteBundle(width));
    }
    for (const Tile& tile : edge_.PartialTiles()) MUSTER_RETURN_IF_ERROR(WriteTile(tile));
    return absl::OkStatus();
  }

  absl::Status WriteWitnesses() {
    for (const v1::AuditWitness& witness : witnesses_) {
      if (!IsPlainName(witness.device_id())) {
        return absl::InvalidArgumentError("the controller named a witness that is no device");
      }
      MUSTER_RETURN_IF_ERROR(WriteNote(witness.device_id(), kCheckpointEnd, witness.checkpoint()));
      // What it says under this code is the log of before: given up by the holders of the root, in
      // public, and in this log as an alarm.
      if (witness.refused_code() == "EPOCH") continue;
      MUSTER_RETURN_IF_ERROR(
          WriteNote(witness.device_id(), kRefusedEnd, witness.refused_checkpoint()));
    }
    if (older_note_.empty() || older_.size == head_.head.size) return absl::OkStatus();
    return WriteNote(absl::StrCat("export-", older_.size), kCheckpointEnd, older_note_);
  }

  // One that is there already and tells of more stays: a controller that went back in time has
  // forgotten it.
  absl::Status WriteNote(const std::string& who, absl::string_view end, const std::string& note) {
    if (note.empty()) return absl::OkStatus();
    const std::string file = WitnessPath(who, end);
    std::string there;
    if (folder_.Read(file, limits::kMaxNoteBytes, there).ok()) {
      if (end == kRefusedEnd) {
        if (there == note) return absl::OkStatus();
        return WriteNote(absl::StrCat(who, "-", Sha256Hex(note).substr(0, 8)), end, note);
      }
      const auto old_head = OpenCheckpoint(there, head_.keys, "");
      const auto new_head = OpenCheckpoint(note, head_.keys, "");
      if (there != note && old_head.ok() && !IsOfThisLog(*old_head)) {  // evidence: it stays
        return WriteNote(absl::StrCat(who, "-", Sha256Hex(note).substr(0, 8)), end, note);
      }
      if (old_head.ok() && (!new_head.ok() || new_head->size < old_head->size)) {
        return absl::OkStatus();
      }
    }
    ++outcome_.witnesses;
    return folder_.Write(file, note);
  }

  // All tiles are written.
  bool IsOfThisLog(const Checkpoint& seen) const {
    if (seen.size > head_.head.size) return true;  // that one is kept for its size
    const auto root = RootAt(ExportTiles(folder_, head_.head.size), seen.size);
    return root.ok() && *root == seen.root;
  }

  absl::Status WriteProof(uint64_t sequence) {
    const uint64_t size = head_.head.size, bundle = sequence / kTileWidth;
    std::string bytes;
    MUSTER_RETURN_IF_ERROR(
        folder_.Read(BundlePath(bundle, TileWidthAt(size, 0, bundle)), kMaxBundleBytes, bytes));
    MUSTER_ASSIGN_OR_RETURN(const std::vector<absl::string_view> entries, ParseBundle(bytes));
    const uint64_t at = sequence % kTileWidth;
    if (at >= entries.size()) {  // of an older export: only its end was looked at
      return Damaged(absl::StrCat("the bundle of entry ", sequence, " is cut off"));
    }
    LogProof proof = {std::string(entries[at]), sequence, {}, head_.note};
    MUSTER_ASSIGN_OR_RETURN(proof.path, InclusionPath(ExportTiles(folder_, size), sequence, size));
    const std::string text = FormatLogProof(proof);
    const auto proven = VerifyProofText(text, head_.keys);
    if (!proven.ok()) return Damaged(proven.status().message());
    ++outcome_.proofs;
    return folder_.Write(ProofPath(sequence), text);
  }

  // The head last: a folder without it is visibly not finished.
  absl::Status Seal() {
    MUSTER_RETURN_IF_ERROR(folder_.Write(kReadmeFile, ExportReadme(head_.head.origin)));
    MUSTER_RETURN_IF_ERROR(folder_.Sync());
    MUSTER_RETURN_IF_ERROR(folder_.Replace(kCheckpointFile, head_.note));
    MUSTER_RETURN_IF_ERROR(folder_.RemoveAllBut(head_.head.size));
    MUSTER_RETURN_IF_ERROR(folder_.Remove(kUnfinishedFile));
    return folder_.Sync();
  }

  const ExportFolder& folder_;
  const LogExportInputs& in_;
  LogExportOutcome outcome_;
  std::vector<v1::AuditWitness> witnesses_;
  std::vector<uint64_t> to_prove_;
  FetchedHead head_;
  Checkpoint older_;
  std::string older_note_;
  TileEdge edge_;
  std::vector<Tile> full_;
  std::string bundle_, leaves_;  // of the bundle that is not full
};

}  // namespace

absl::StatusOr<FetchedHead> FetchHead(const AdminCall& call, std::vector<NoteVerifier> keys) {
  v1::AuditCheckpoint answer;
  MUSTER_RETURN_IF_ERROR(call("GetAuditCheckpoint", v1::GetAuditCheckpointRequest(), &answer));
  FetchedHead out;
  out.note = answer.checkpoint();
  out.key = answer.key();
  out.pruned_below = answer.pruned_below();
  out.keys = std::move(keys);
  if (out.keys.empty()) {
    MUSTER_ASSIGN_OR_RETURN(NoteVerifier key, NoteVerifier::FromText(answer.key()));
    out.keys.push_back(std::move(key));
  }
  MUSTER_ASSIGN_OR_RETURN(out.head, OpenCheckpoint(out.note, out.keys, out.keys[0].name()));
  return out;
}

absl::StatusOr<LogExportOutcome> ExportLog(const LogExportInputs& in) {
  std::error_code ignored;
  const bool is_new = !std::filesystem::exists(in.dir, ignored);
  MUSTER_ASSIGN_OR_RETURN(const ExportFolder folder, ExportFolder::OpenToWrite(in.dir));
  absl::StatusOr<LogExportOutcome> outcome = Export(folder, in).Run();
  if (!outcome.ok() && is_new) std::filesystem::remove(in.dir, ignored);  // when it is empty
  return outcome;
}

absl::StatusOr<LogProofFile> FetchProof(const AdminCall& call, uint64_t sequence,
                                        const std::vector<NoteVerifier>& keys) {
  v1::ProveAuditRequest request;
  request.set_sequence(sequence);
  v1::ProveAuditResponse answer;
  MUSTER_RETURN_IF_ERROR(call("ProveAudit", request, &answer));
  if (answer.entry().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the retention of entry ", sequence,
                     " has ended: only its hash is left, which proves "
                     "nothing to a reader; look for it in an older export"));
  }
  const LogProof proof = {
      answer.entry(), sequence, {answer.path().begin(), answer.path().end()}, answer.checkpoint()};
  LogProofFile out;
  out.text = FormatLogProof(proof);
  MUSTER_ASSIGN_OR_RETURN(ProvenEntry proven, VerifyProofText(out.text, keys));
  out.head = std::move(proven.head);
  return out;
}

}  // namespace muster::cli
