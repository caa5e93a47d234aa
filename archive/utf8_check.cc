#include "archive/utf8_check.h"

#include <cstring>

#include "archive/byte_scan.h"

namespace muster::archive {
namespace {

bool Follows(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

// Bytes of the character at `at`, which is not ASCII; 0: it is wrong, or `end` cuts it.
ptrdiff_t WholeCharacter(const char* at, const char* end) {
  const auto lead = static_cast<uint8_t>(at[0]);
  const ptrdiff_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (lead < 0xC2 || lead > 0xF4 || end - at < bytes || !Follows(at[1])) return 0;
  if (bytes == 2) return 2;
  if (!Follows(at[2])) return 0;
  // No longer forms than needed, no surrogates, nothing over U+10FFFF.
  const auto second = static_cast<uint8_t>(at[1]);
  if (bytes == 3) {
    return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ? 0 : 3;
  }
  const bool outside = (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return outside || !Follows(at[3]) ? 0 : 4;
}

}  // namespace

// One byte of a character of several, where a piece cuts it or it is wrong. Null: it is.
const char* Utf8Check::Step(const char* at, const char* end) {
  const auto byte = static_cast<uint8_t>(*at);
  if (expected_ > 0) {
    if (byte < lowest_ || byte > highest_) return nullptr;
    lowest_ = 0x80;
    highest_ = 0xBF;
    --expected_;
    return at + 1;
  }
  if (byte < 0xC2 || byte > 0xF4) return nullptr;
  expected_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
  // No longer forms than needed, no surrogates, nothing over U+10FFFF.
  if (byte == 0xE0) lowest_ = 0xA0;
  if (byte == 0xED) highest_ = 0x9F;
  if (byte == 0xF0) lowest_ = 0x90;
  if (byte == 0xF4) highest_ = 0x8F;
  return at + 1;
}

void Utf8Check::Add(absl::string_view bytes) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  if (!nul_at_.has_value() && !bytes.empty()) {
    if (const void* nul = std::memchr(begin, 0, bytes.size())) {
      nul_at_ = seen_ + static_cast<uint64_t>(static_cast<const char*>(nul) - begin);
    }
  }
  for (const char* at = begin; at < end && !invalid_at_.has_value();) {
    if (expected_ == 0) {
      at = SkipAscii(at, end);
      if (at == end) break;
      if (const ptrdiff_t whole = WholeCharacter(at, end); whole > 0) {
        at += whole;
        continue;
      }
    }
    const char* next = Step(at, end);
    if (next == nullptr) {
      invalid_at_ = seen_ + static_cast<uint64_t>(at - begin);
      break;
    }
    at = next;
  }
  seen_ += bytes.size();
}

}  // namespace muster::archive
