// C2SP signed notes: a text that people can read, with Ed25519 signatures under it
// (c2sp.org/signed-note). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/crypto.h"

namespace muster {

// The bytes of a base64 text (RFC 4648, section 4). Empty unless it is their one encoding: padded,
// no space in it, no bits left over.
std::optional<std::string> FromBase64(absl::string_view text);

// Who may have signed a note: a name and an Ed25519 key. Immutable.
class NoteVerifier {
 public:
  // "<name>+<8 hex digits>+<base64>", one line, as it is handed to an auditor. INVALID_ARGUMENT.
  static absl::StatusOr<NoteVerifier> FromText(absl::string_view text);
  // INVALID_ARGUMENT: not Ed25519, or a name that is empty or has spaces or a plus.
  static absl::StatusOr<NoteVerifier> New(absl::string_view name, absl::string_view spki);

  std::string ToText() const;
  const std::string& name() const { return name_; }
  // SHA-256(name || LF || 1 || key), its first four bytes.
  uint32_t id() const { return id_; }
  const PublicKey& key() const { return key_; }

 private:
  NoteVerifier(std::string name, uint32_t id, PublicKey key)
      : name_(std::move(name)), id_(id), key_(std::move(key)) {}
  std::string name_;
  uint32_t id_;
  PublicKey key_;
};

// `text` ends in a newline. INVALID_ARGUMENT: it does not, is not UTF-8 or has control characters,
// or is too long to be opened; or the key is not Ed25519.
absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     const PrivateKey& key);

// The text of a note that one of `keys` signed. Signatures of others are ignored; a wrong one of a
// known key spoils the note. Errors as VerifyError(): MALFORMED, OVERSIZE, UNKNOWN_KEY (nobody
// known signed), BAD_SIGNATURE.
absl::StatusOr<std::string> OpenNote(absl::string_view note, const std::vector<NoteVerifier>& keys);

}  // namespace muster
