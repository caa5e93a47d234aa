#include "cli/log_verify.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/log_folder.h"
#include "cli/log_tree_check.h"
#include "cli/profile.h"
#include "common/log_limits.h"
#include "common/log_proof.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;

std::string CodeOf(const absl::Status& status) {
  const std::optional<VerifyCode> code = VerifyCodeOf(status);
  if (code) return std::string(VerifyCodeName(*code));
  return absl::IsNotFound(status) ? "MISSING_FILE" : "UNREADABLE_FILE";
}

absl::StatusOr<std::string> OriginOf(const std::vector<NoteVerifier>& keys) {
  if (keys.empty()) return absl::InvalidArgumentError("no key of the log was named");
  for (const NoteVerifier& key : keys) {
    if (key.name() == keys[0].name()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the keys are of different logs: ", keys[0].name(), " and ", key.name()));
  }
  return keys[0].name();
}

// One verification of a folder. Thread-compatible.
class Verification {
 public:
  Verification(const ExportFolder& folder, const LogVerifyInputs& in, std::string origin)
      : folder_(folder), in_(in), origin_(std::move(origin)) {}

  absl::StatusOr<LogReport> Run() {
    if (!ReadHead()) return std::move(report_);
    MUSTER_RETURN_IF_ERROR(ListFiles());
    for (const std::string& file : notes_) ReadNote(file);
    for (const std::string& file : proofs_) ReadProof(file);
    for (const std::string& path : in_.witnesses) MUSTER_RETURN_IF_ERROR(ReadWitness(path));
    LogTreeCheck(folder_, seen_, report_).Run();
    return std::move(report_);
  }

 private:
  bool ReadHead() {
    std::string note;
    const absl::Status read = folder_.Read(kCheckpointFile, limits::kMaxNoteBytes, note);
    if (absl::IsNotFound(read)) {
      AddFinding(report_, "MISSING_FILE", kCheckpointFile,
                 "it is not there: the export was not finished, or the signed head was taken away");
      return false;
    }
    absl::StatusOr<Checkpoint> head =
        read.ok() ? OpenCheckpoint(note, in_.keys, origin_) : absl::StatusOr<Checkpoint>(read);
    if (!head.ok()) {
      AddFinding(report_, CodeOf(head.status()), kCheckpointFile,
                 std::string(head.status().message()));
      return false;
    }
    report_.head = *std::move(head);
    return true;
  }

  absl::Status ListFiles() {
    std::vector<std::string> unexpected;
    uint64_t count = 0;
    MUSTER_RETURN_IF_ERROR(folder_.ForEach([&](const std::string& file, bool regular) {
      if (!regular || !Expected(file)) {
        ++count;
        if (unexpected.size() < limits::kMaxLogFindings) unexpected.push_back(file);
      }
      return absl::OkStatus();
    }));
    std::sort(unexpected.begin(), unexpected.end());
    for (const std::string& file : unexpected) {
      AddFinding(report_, "UNEXPECTED_FILE", file,
                 file == kUnfinishedFile ? "an export into this folder was cut off: run it again"
                                         : "an export of this size does not have it");
    }
    report_.more_findings += count - unexpected.size();
    std::sort(notes_.begin(), notes_.end());
    std::sort(proofs_.begin(), proofs_.end());
    if (notes_.size() + proofs_.size() <= limits::kMaxWitnessFiles) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(folder_.path(), " has over ", limits::kMaxWitnessFiles, " notes and proofs"));
  }

  bool Expected(const std::string& file) {
    const ExportFile parsed = ParseExportPath(file);
    switch (parsed.kind) {
      case ExportFile::Kind::kOther:
        return false;
      case ExportFile::Kind::kCheckpoint:
      case ExportFile::Kind::kReadme:
        return true;
      case ExportFile::Kind::kTile:
      case ExportFile::Kind::kBundle:
        return TreeHas(report_.head.size, parsed);
      case ExportFile::Kind::kWitness:
      case ExportFile::Kind::kRefused:
        notes_.push_back(file);
        return true;
      case ExportFile::Kind::kProof:
        proofs_.push_back(file);
        return true;
    }
    return false;
  }

  void AddSeen(const absl::StatusOr<Checkpoint>& head, bool refused, const std::string& place) {
    if (!head.ok()) {
      AddFinding(report_, CodeOf(head.status()), place, std::string(head.status().message()));
      return;
    }
    const auto [it, is_new] =
        seen_.try_emplace({head->size, head->root, refused}, SeenBy{place, 0});
    if (!is_new) ++it->second.others;
  }

  // Most devices hold the same few notes: each is verified once.
  absl::StatusOr<Checkpoint> OpenOnce(const std::string& note) {
    if (note == last_note_) return last_head_;
    last_note_ = note;
    last_head_ = OpenCheckpoint(note, in_.keys, origin_);
    return last_head_;
  }

  void ReadNote(const std::string& file) {
    std::string note;
    const absl::Status read = folder_.Read(file, limits::kMaxNoteBytes, note);
    ++report_.witnesses;
    const bool refused = absl::EndsWith(file, kRefusedEnd);
    AddSeen(read.ok() ? OpenOnce(note) : absl::StatusOr<Checkpoint>(read), refused, file);
  }

  void ReadProof(const std::string& file) {
    std::string text;
    const absl::Status read = folder_.Read(file, limits::kMaxProofFileBytes, text);
    ++report_.proofs;
    const absl::StatusOr<ProvenEntry> proven =
        read.ok() ? VerifyProofText(text, in_.keys) : absl::StatusOr<ProvenEntry>(read);
    if (!proven.ok()) return AddSeen(proven.status(), false, file);
    if (ProofPath(proven->entry.sequence()) != file) {
      return AddFinding(report_, "SEQUENCE", file,
                        absl::StrCat("it proves entry ", proven->entry.sequence()));
    }
    AddSeen(proven->head, false, file);
  }

  // A note's file, or a folder: of notes, or another export.
  absl::Status ReadWitness(const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return ReadOutsideNote(path);
    MUSTER_ASSIGN_OR_RETURN(const ExportFolder folder, ExportFolder::Open(path));
    std::vector<std::string> files;
    MUSTER_RETURN_IF_ERROR(folder.ForEach([&](const std::string& file, bool regular) {
      const bool note = (file == kCheckpointFile || absl::EndsWith(file, kRefusedEnd) ||
                         absl::EndsWith(file, kCheckpointEnd));
      if (!note && ParseExportPath(file).kind == ExportFile::Kind::kOther) {
        AddWarning(report_, "IGNORED", absl::StrCat(path, "/", file),
                   "its name is not that of a note, so it was not looked at");
      }
      if (note && !regular) {  // left out in silence, it would look as if it agreed
        AddFinding(report_, "UNREADABLE_FILE", absl::StrCat(path, "/", file),
                   "a note that is no regular file");
        return absl::OkStatus();
      }
      if (note && files.size() <= limits::kMaxWitnessFiles) files.push_back(file);
      return absl::OkStatus();
    }));
    if (files.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, " has no notes: they are named 'checkpoint', '*.checkpoint' or '*.refused'"));
    }
    if (files.size() > limits::kMaxWitnessFiles) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has over ", limits::kMaxWitnessFiles, " notes"));
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) {
      MUSTER_RETURN_IF_ERROR(ReadOutsideNote(absl::StrCat(path, "/", file)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadOutsideNote(const std::string& path) {
    MUSTER_ASSIGN_OR_RETURN(const std::string note,
                            ReadSmallFile(path, "witness note", limits::kMaxNoteBytes));
    ++report_.witnesses;
    AddSeen(OpenOnce(note), absl::EndsWith(path, kRefusedEnd), path);
    return absl::OkStatus();
  }

  const ExportFolder& folder_;
  const LogVerifyInputs& in_;
  const std::string origin_;
  LogReport report_;
  std::vector<std::string> notes_, proofs_;
  SeenHeads seen_;
  std::string last_note_;
  absl::StatusOr<Checkpoint> last_head_ = absl::NotFoundError("");
};

}  // namespace

absl::StatusOr<LogReport> VerifyLogExport(const LogVerifyInputs& in) {
  MUSTER_ASSIGN_OR_RETURN(const std::string origin, OriginOf(in.keys));
  MUSTER_ASSIGN_OR_RETURN(const ExportFolder folder, ExportFolder::Open(in.dir));
  return Verification(folder, in, origin).Run();
}

absl::StatusOr<ProvenEntry> VerifyProofText(absl::string_view text,
                                            const std::vector<NoteVerifier>& keys) {
  MUSTER_ASSIGN_OR_RETURN(const std::string origin, OriginOf(keys));
  MUSTER_ASSIGN_OR_RETURN(const LogProof proof, ParseLogProof(text));
  ProvenEntry out;
  MUSTER_ASSIGN_OR_RETURN(out.head, OpenCheckpoint(proof.checkpoint, keys, origin));
  MUSTER_RETURN_IF_ERROR(VerifyLogProof(proof, keys).status());
  if (proof.entry.empty() || !out.entry.ParseFromString(proof.entry)) {
    return VerifyError(VerifyCode::kMalformed, "the proof has no entry that can be read");
  }
  if (out.entry.sequence() != proof.index) {
    return VerifyError(VerifyCode::kMalformed,
                       absl::StrCat("the proof is of entry ", proof.index,
                                    ", but it says that it is ", out.entry.sequence()));
  }
  return out;
}

}  // namespace muster::cli
