#include "common/signed_note.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/log_limits.h"
#include "common/signed_doc.h"
#include "common/status_macros.h"
#include "common/utf8_check.h"

namespace muster {
namespace {

constexpr absl::string_view kDash = "\xe2\x80\x94 ";  // U+2014
constexpr char kEd25519Type = 1;
constexpr size_t kIdBytes = 4, kKeyBytes = 32;
constexpr size_t kMaxNameBytes = 255;
// SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410).
constexpr absl::string_view kSpkiPrefix("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);

uint32_t BigEndian(absl::string_view bytes) {
  uint32_t out = 0;
  for (const char c : bytes.substr(0, kIdBytes)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

std::string BigEndianBytes(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

bool IsUtf8(absl::string_view text) {
  Utf8Check check;
  check.Add(text);
  return !check.invalid_at() && !check.cut();
}

// Of those beyond ASCII.
bool HasUnicodeSpace(absl::string_view text) {
  constexpr absl::string_view kSpaces[] = {
      "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
      "\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
      "\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
      "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  return std::any_of(std::begin(kSpaces), std::end(kSpaces),
                     [&](absl::string_view space) { return absl::StrContains(text, space); });
}

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && IsUtf8(name) && !HasUnicodeSpace(name) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != '+'; });
}

bool IsText(absl::string_view text) {
  return IsUtf8(text) && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 || c == '\n';
         });
}

absl::Status NotANote(absl::string_view why) {
  return VerifyError(VerifyCode::kMalformed, absl::StrCat("not a signed note: ", why));
}

struct NoteSignature {
  absl::string_view name;
  uint32_t id = 0;
  std::string bytes;
};

absl::StatusOr<NoteSignature> ParseSignature(absl::string_view line) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(line.substr(kDash.size()), absl::MaxSplits(' ', 1));
  const std::optional<std::string> decoded = FromBase64(parts.second);
  if (!IsName(parts.first) || !decoded.has_value() || decoded->size() <= kIdBytes) {
    return NotANote("a signature line cannot be read");
  }
  return NoteSignature{parts.first, BigEndian(*decoded), decoded->substr(kIdBytes)};
}

}  // namespace

std::optional<std::string> FromBase64(absl::string_view text) {
  std::string out;
  if (!absl::Base64Unescape(text, &out) || absl::Base64Escape(out) != text) return std::nullopt;
  return out;
}

absl::StatusOr<NoteVerifier> NoteVerifier::New(absl::string_view name, absl::string_view spki) {
  if (!IsName(name)) {
    return absl::InvalidArgumentError("the name of a log key has no spaces and no plus");
  }
  MUSTER_ASSIGN_OR_RETURN(PublicKey key, PublicKey::FromSpki(spki, kEd25519));
  const std::string hashed = absl::StrCat(name, "\n", absl::string_view(&kEd25519Type, 1),
                                          spki.substr(kSpkiPrefix.size()));
  return NoteVerifier(std::string(name), BigEndian(Sha256(hashed)), std::move(key));
}

absl::StatusOr<NoteVerifier> NoteVerifier::FromText(absl::string_view text) {
  const auto bad = [](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a log key of the form NAME+HASH+KEY: ", why));
  };
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), absl::MaxSplits('+', 2));
  if (parts.size() != 3) return bad("it has no three parts");
  const std::optional<std::string> key = FromBase64(parts[2]);
  if (!key.has_value() || key->size() != 1 + kKeyBytes || key->front() != kEd25519Type) {
    return bad("its last part is not an Ed25519 key in base64");
  }
  MUSTER_ASSIGN_OR_RETURN(NoteVerifier out,
                          New(parts[0], absl::StrCat(kSpkiPrefix, key->substr(1))));
  if (parts[1] != absl::StrFormat("%08x", out.id())) return bad("its hash is not that of its key");
  return out;
}

std::string NoteVerifier::ToText() const {
  return absl::StrCat(
      name_, absl::StrFormat("+%08x+", id_),
      absl::Base64Escape(absl::StrCat(absl::string_view(&kEd25519Type, 1),
                                      absl::string_view(key_.spki()).substr(kSpkiPrefix.size()))));
}

absl::StatusOr<std::string> SignNote(absl::string_view text, absl::string_view name,
                                     const PrivateKey& key) {
  if (!IsText(text) || !absl::EndsWith(text, "\n")) {
    return absl::InvalidArgumentError("the text of a note is lines of UTF-8");
  }
  MUSTER_ASSIGN_OR_RETURN(const NoteVerifier verifier, NoteVerifier::New(name, key.spki()));
  MUSTER_ASSIGN_OR_RETURN(const std::string signature, key.Sign(text));
  std::string note =
      absl::StrCat(text, "\n", kDash, name, " ",
                   absl::Base64Escape(BigEndianBytes(verifier.id()) + signature), "\n");
  if (note.size() > limits::kMaxNoteBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a note of ", note.size(), " bytes is too long"));
  }
  return note;
}

absl::StatusOr<std::string> OpenNote(absl::string_view note,
                                     const std::vector<NoteVerifier>& keys) {
  if (note.size() > limits::kMaxNoteBytes) {
    return VerifyError(VerifyCode::kOversize, absl::StrCat("a note of ", note.size(), " bytes"));
  }
  if (!IsText(note)) return NotANote("it is not text");
  const size_t gap = note.rfind("\n\n");
  if (gap == absl::string_view::npos || !absl::EndsWith(note, "\n")) {
    return NotANote("there are no signatures under a blank line");
  }
  const absl::string_view text = note.substr(0, gap + 1);
  absl::string_view lines = note.substr(gap + 2);
  if (lines.empty()) return NotANote("nobody signed");
  lines.remove_suffix(1);
  bool signed_by_known = false;
  size_t count = 0;
  for (const absl::string_view line : absl::StrSplit(lines, '\n')) {
    if (++count > limits::kMaxNoteSignatures) {
      return VerifyError(VerifyCode::kOversize, "a note with too many signatures");
    }
    if (!absl::StartsWith(line, kDash)) return NotANote("a line is not a signature");
    MUSTER_ASSIGN_OR_RETURN(const NoteSignature signature, ParseSignature(line));
    for (const NoteVerifier& key : keys) {
      if (key.name() != signature.name || key.id() != signature.id) continue;
      if (!key.key().Verify(text, signature.bytes)) {
        return VerifyError(VerifyCode::kBadSignature,
                           absl::StrCat("the signature of ", key.name(), " does not fit the text"));
      }
      signed_by_known = true;
    }
  }
  if (!signed_by_known) {
    return VerifyError(VerifyCode::kUnknownKey, "no key that is trusted here signed the note");
  }
  return std::string(text);
}

}  // namespace muster
