#include "common/log_proof.h"

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log_limits.h"
#include "common/log_tiles.h"
#include "common/merkle.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr absl::string_view kFirstLine = "c2sp.org/tlog-proof@v1";

absl::Status NotAProof(absl::string_view why) {
  return VerifyError(VerifyCode::kMalformed, absl::StrCat("not a proof: ", why));
}

// Takes one line, without its newline, off the front. False: there is none.
bool TakeLine(absl::string_view& text, absl::string_view& line) {
  const size_t end = text.find('\n');
  if (end == absl::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string FormatLogProof(const LogProof& proof) {
  std::string out = absl::StrCat(kFirstLine, "\n");
  if (!proof.entry.empty()) absl::StrAppend(&out, "extra ", absl::Base64Escape(proof.entry), "\n");
  absl::StrAppend(&out, "index ", proof.index, "\n");
  for (const std::string& hash : proof.path) absl::StrAppend(&out, absl::Base64Escape(hash), "\n");
  return absl::StrCat(out, "\n", proof.checkpoint);
}

absl::StatusOr<LogProof> ParseLogProof(absl::string_view text) {
  if (text.size() > limits::kMaxProofFileBytes) {
    return VerifyError(VerifyCode::kOversize, absl::StrCat("a proof of ", text.size(), " bytes"));
  }
  absl::string_view line;
  if (!TakeLine(text, line) || line != kFirstLine) {
    return NotAProof(absl::StrCat("the first line is not ", kFirstLine));
  }
  LogProof out;
  if (!TakeLine(text, line)) return NotAProof("it is cut off");
  if (absl::ConsumePrefix(&line, "extra ")) {
    std::optional<std::string> entry = FromBase64(line);
    if (!entry.has_value() || entry->empty()) return NotAProof("the extra line is not base64");
    if (entry->size() > limits::kMaxLogEntryBytes) {
      return VerifyError(VerifyCode::kOversize,
                         absl::StrCat("an entry of ", entry->size(), " bytes"));
    }
    out.entry = *std::move(entry);
    if (!TakeLine(text, line)) return NotAProof("it is cut off");
  }
  if (!absl::ConsumePrefix(&line, "index ") || !absl::SimpleAtoi(line, &out.index) ||
      absl::StrCat(out.index) != line) {
    return NotAProof("there is no index");
  }
  while (true) {
    if (!TakeLine(text, line)) return NotAProof("it is cut off");
    if (line.empty()) break;
    std::optional<std::string> hash = FromBase64(line);
    if (!hash.has_value() || hash->size() != kHashBytes) {
      return NotAProof("a line is not a hash in base64");
    }
    if (out.path.size() == limits::kMaxProofHashes) return NotAProof("it has too many hashes");
    out.path.push_back(*std::move(hash));
  }
  out.checkpoint = std::string(text);
  return out;
}

absl::StatusOr<Checkpoint> VerifyLogProof(const LogProof& proof,
                                          const std::vector<NoteVerifier>& keys) {
  MUSTER_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(proof.checkpoint, keys, ""));
  if (!LeadsToRoot(LeafHash(proof.entry), proof.index, checkpoint.size, proof.path,
                   checkpoint.root)) {
    return VerifyError(VerifyCode::kNotNamed,
                       absl::StrCat("entry ", proof.index,
                                    " is not what the log's signed head covers at that place"));
  }
  return checkpoint;
}

}  // namespace muster
