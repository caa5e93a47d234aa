#include "archive/utf8_check.h"

#include <cstring>

namespace muster::archive {
namespace {

const char* SkipAscii(const char* at, const char* end) {
  while (end - at >= 32) {
    uint64_t words[4];
    std::memcpy(words, at, sizeof(words));
    if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080ULL) != 0) break;
    at += 32;
  }
  while (at < end && static_cast<uint8_t>(*at) < 0x80) ++at;
  return at;
}

}  // namespace

// One byte of a character of several. Null: it is wrong.
const char* Utf8Check::Step(const char* at, const char* end) {
  const auto byte = static_cast<uint8_t>(*at);
  if (expected_ > 0) {
    if (byte < lowest_ || byte > highest_) return nullptr;
    lowest_ = 0x80;
    highest_ = 0xBF;
    --expected_;
    return at + 1;
  }
  if (byte < 0x80) return SkipAscii(at, end);
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
