// Any bytes as the proof of one entry: read as it would be written, or refused with a code; and no
// proof passes but that of the entry at its place.
#include <cstdint>
#include <cstdlib>

#include "common/log_limits.h"
#include "tests/support/log_folder.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

const muster::LogFolder& Log() {
  static const auto* const log = [] {
    auto* out = new muster::LogFolder();
    out->AddSome(5);
    return out;
  }();
  return *log;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<muster::LogProof> proof = muster::ParseLogProof(bytes);
  if (!proof.ok()) {
    Require(muster::VerifyCodeOf(proof.status()).has_value());
    return 0;
  }
  Require(muster::FormatLogProof(*proof) == bytes);
  Require(proof->path.size() <= muster::limits::kMaxProofHashes);
  muster::LogProof signed_too = *proof;
  signed_too.checkpoint = Log().Note(5);
  for (const muster::LogProof& one : {*proof, signed_too}) {
    const auto head = muster::VerifyLogProof(one, {Log().Key()});
    if (head.ok()) {
      Require(one.index < head->size && head->size <= Log().size());
      Require(one.entry == Log().entry(one.index));
    } else {
      Require(muster::VerifyCodeOf(head.status()).has_value());
    }
  }
  return 0;
}
