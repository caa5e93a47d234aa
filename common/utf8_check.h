// Is it text? Checked as it comes, in pieces cut anywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace muster {

// Value type; thread-compatible.
class Utf8Check {
 public:
  void Add(absl::string_view bytes);

  // Offsets of the first byte that is wrong; NUL is none of a text's either.
  std::optional<uint64_t> invalid_at() const { return invalid_at_; }
  std::optional<uint64_t> nul_at() const { return nul_at_; }
  // The bytes so far end in the middle of a character.
  bool cut() const { return expected_ > 0 && !invalid_at_.has_value(); }

 private:
  const char* Step(const char* at, const char* end);

  uint64_t seen_ = 0;
  unsigned expected_ = 0;                   // bytes that the character still needs
  uint8_t lowest_ = 0x80, highest_ = 0xBF;  // of the next one
  std::optional<uint64_t> invalid_at_, nul_at_;
};

// At most `max_bytes`, never half of a character: a text of protobuf that ends in one is written
// and never read again.
std::string Shortened(absl::string_view text, size_t max_bytes);

}  // namespace muster
