#include "common/utf8_check.h"

#include <bit>
#include <cstring>

#include "common/byte_scan.h"

namespace muster {
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

#ifdef __SSE2__
constexpr ptrdiff_t kBlock = 64;

// Bits of a block's bytes. As signed numbers, as SSE2 compares them, bytes over ASCII are negative
// and in their usual order.
struct Bits {
  uint64_t follow = 0;                      // 80 to BF
  uint64_t lead = 0, lead3 = 0, lead4 = 0;  // of characters of two, three, four bytes and more
  uint64_t strict = 0;                      // leads whose second byte may not be any

  void Add(const char* at, unsigned shift) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto mask = [shift](__m128i found) {
      return uint64_t{static_cast<unsigned>(_mm_movemask_epi8(found))} << shift;
    };
    const auto over = [&](char below) { return _mm_cmpgt_epi8(bytes, _mm_set1_epi8(below)); };
    const auto is = [&](char byte) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)); };
    follow |= mask(_mm_cmplt_epi8(bytes, _mm_set1_epi8('\xC0')));
    lead |= mask(over('\xC1'));
    lead3 |= mask(over('\xDF'));
    lead4 |= mask(over('\xEF'));
    strict |= mask(
        _mm_or_si128(_mm_or_si128(is('\xE0'), is('\xED')), _mm_or_si128(over('\xF3'), is('\xF0'))));
  }
};

uint64_t HighBits(const char* at) {
  uint64_t out = 0;
  for (unsigned i = 0; i < kBlock; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
    out |= uint64_t{static_cast<unsigned>(_mm_movemask_epi8(bytes))} << i;
  }
  return out;
}

// Of the block at `at`, where a character begins: how many bytes are whole characters; 0: some
// byte is wrong, or a character there needs a closer look.
ptrdiff_t WholeCharacters(const char* at) {
  const uint64_t high = HighBits(at);
  if (high == 0) return kBlock;
  // One character alone: the space before "AM" in every line of an English export.
  const ptrdiff_t first = std::countr_zero(high);
  const ptrdiff_t one = first + 4 <= kBlock ? WholeCharacter(at + first, at + kBlock) : 0;
  if (one > 0 && high >> first == (uint64_t{1} << one) - 1) return kBlock;
  Bits bits;
  for (unsigned i = 0; i < kBlock; i += 16) bits.Add(at + i, i);
  // ASCII is over all of these as well.
  const uint64_t lead = bits.lead & high, lead3 = bits.lead3 & high;
  const uint64_t lead4 = bits.lead4 & high;
  if ((high & ~bits.follow) != lead) return 0;
  if (bits.follow != (lead << 1 | lead3 << 2 | lead4 << 3)) return 0;
  for (uint64_t left = bits.strict & high; left != 0; left &= left - 1) {
    const ptrdiff_t place = std::countr_zero(left);
    if (place + 4 <= kBlock && WholeCharacter(at + place, at + kBlock) == 0) return 0;
  }
  // The last character may go on behind the block.
  const bool cut = (lead >> 63 | lead3 >> 62 | lead4 >> 61) != 0 || (bits.strict & high) >> 61;
  return cut ? 63 - std::countl_zero(lead) : kBlock;
}
#endif

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
#ifdef __SSE2__
      while (end - at >= kBlock) {
        const ptrdiff_t whole = WholeCharacters(at);
        if (whole == 0) break;
        at += whole;
      }
#endif
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

std::string Shortened(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace muster
