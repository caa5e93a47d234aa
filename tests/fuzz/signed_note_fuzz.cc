// Any bytes as a note, a checkpoint and the text of a key: what passes is in its one form, and what
// opens was signed over that very text.
#include <cstdint>
#include <cstdlib>

#include "common/checkpoint.h"
#include "tests/support/log_folder.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<muster::NoteVerifier>& Keys() {
  static const auto* const keys = new std::vector<muster::NoteVerifier>{
      *muster::NoteVerifier::New("agency/audit", muster::LogTestKey().spki()),
      *muster::NoteVerifier::New("agency/audit", muster::OtherLogTestKey().spki())};
  return *keys;
}

template <typename T>
bool Read(const absl::StatusOr<T>& result) {
  Require(result.ok() || muster::VerifyCodeOf(result.status()).has_value());
  return result.ok();
}

void CheckNote(absl::string_view bytes) {
  const absl::StatusOr<std::string> text = muster::OpenNote(bytes, Keys());
  const absl::StatusOr<muster::Checkpoint> head = muster::OpenCheckpoint(bytes, Keys(), "");
  if (!Read(text)) {
    Require(!Read(head));
    return;
  }
  Require(bytes.substr(0, text->size()) == *text && text->back() == '\n');
  const muster::PrivateKey key = muster::LogTestKey(), other = muster::OtherLogTestKey();
  const auto ends = [&](const muster::PrivateKey& by) {
    const std::string note = *muster::SignNote(*text, "agency/audit", by);
    return bytes.find(note.substr(text->size() + 1)) != absl::string_view::npos;
  };
  Require(ends(key) || ends(other));  // Ed25519 has one signature of one key over one text.
  if (Read(head)) Require(head->origin == "agency/audit" && head->root.size() == 32);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckNote(bytes);
  const auto head = muster::ParseCheckpoint(bytes);
  if (Read(head)) {
    const std::string text = muster::CheckpointText(*head);
    Require(bytes.substr(0, text.size()) == text);
    const auto note = muster::SignNote(bytes, "agency/audit", muster::LogTestKey());
    if (note.ok()) {
      Require(*muster::OpenNote(*note, Keys()) == bytes);
      Require(Read(muster::OpenCheckpoint(*note, Keys(), head->origin)) ==
              (head->origin == "agency/audit"));
    }
  }
  const auto key = muster::NoteVerifier::FromText(bytes);
  if (key.ok()) Require(bytes.substr(0, key->ToText().size()) == key->ToText());
  return 0;
}
