#include "common/checkpoint.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace muster {
namespace {

constexpr size_t kRootBytes = 32;

bool SignedByNamesake(absl::string_view note, const std::vector<NoteVerifier>& keys,
                      const std::string& origin) {
  std::vector<NoteVerifier> own;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(own),
               [&](const NoteVerifier& key) { return key.name() == origin; });
  // All of them: the note is open, so one of them signed.
  return own.size() == keys.size() || (!own.empty() && OpenNote(note, own).ok());
}

}  // namespace

std::string LogOrigin(absl::string_view tenant) { return absl::StrCat(tenant, "/audit"); }

std::vector<NoteVerifier> LogKeysOf(const Trust& trust) {
  std::vector<NoteVerifier> out;
  const Trust::Role* role = trust.FindRole(kLogRole);
  if (role == nullptr) return out;
  for (const std::string& id : role->key_ids) {
    const PublicKey* key = trust.FindKey(id);
    if (key == nullptr) continue;
    absl::StatusOr<NoteVerifier> verifier =
        NoteVerifier::New(LogOrigin(trust.tenant()), key->spki());
    if (verifier.ok()) out.push_back(*std::move(verifier));
  }
  return out;
}

std::string CheckpointText(const Checkpoint& checkpoint) {
  return absl::StrCat(checkpoint.origin, "\n", checkpoint.size, "\n",
                      absl::Base64Escape(checkpoint.root), "\n");
}

absl::StatusOr<Checkpoint> ParseCheckpoint(absl::string_view text) {
  const auto bad = [](absl::string_view why) {
    return VerifyError(VerifyCode::kMalformed, absl::StrCat("not a checkpoint: ", why));
  };
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (lines.size() < 4 || !lines.back().empty()) return bad("it has fewer than three lines");
  lines.pop_back();
  for (const absl::string_view line : lines) {
    if (line.empty()) return bad("a line is empty");
  }
  Checkpoint out;
  out.origin = std::string(lines[0]);
  if (!absl::SimpleAtoi(lines[1], &out.size) || absl::StrCat(out.size) != lines[1]) {
    return bad("its size is not a number");
  }
  std::optional<std::string> root = FromBase64(lines[2]);
  if (!root.has_value() || root->size() != kRootBytes) {
    return bad("its root is not a SHA-256 hash in base64");
  }
  out.root = *std::move(root);
  return out;
}

absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, const PrivateKey& key) {
  return SignNote(CheckpointText(checkpoint), checkpoint.origin, key);
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note,
                                          const std::vector<NoteVerifier>& keys,
                                          absl::string_view origin) {
  MUSTER_ASSIGN_OR_RETURN(const std::string text, OpenNote(note, keys));
  MUSTER_ASSIGN_OR_RETURN(Checkpoint out, ParseCheckpoint(text));
  if (!origin.empty() && out.origin != origin) {
    return VerifyError(VerifyCode::kWrongTenant,
                       absl::StrCat("a checkpoint of the log ", out.origin, ", not of ", origin));
  }
  if (!SignedByNamesake(note, keys, out.origin)) {
    return VerifyError(
        VerifyCode::kWrongTenant,
        absl::StrCat("a checkpoint of the log ", out.origin, ", signed by the key of another log"));
  }
  return out;
}

}  // namespace muster
