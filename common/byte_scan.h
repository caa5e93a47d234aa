// Searches in bytes, inline: a line of a chat is too short for a call to pay.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "absl/strings/string_view.h"

namespace muster {

#ifdef __SSE2__
// Bits of the 16 bytes at `at` that are `a` or `b`.
inline unsigned MatchesAt(const char* at, __m128i a, __m128i b) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b));
  return static_cast<unsigned>(_mm_movemask_epi8(found));
}
#endif

// The first of the two bytes from `at` on; `end`: neither is there.
inline const char* FindEither(const char* at, const char* end, char a, char b) {
#ifdef __SSE2__
  const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b);
  const char* const begin = at;
  for (; end - at >= 16; at += 16) {
    if (const unsigned found = MatchesAt(at, as, bs)) return at + __builtin_ctz(found);
  }
  // The last ones once more with some before them, of which none is sought.
  if (at < end && end - begin >= 16) {
    const unsigned found = MatchesAt(end - 16, as, bs);
    return found == 0 ? end : end - 16 + __builtin_ctz(found);
  }
#endif
  while (at < end && *at != a && *at != b) ++at;
  return at;
}

inline bool HasByte(absl::string_view text, char byte) {
  const char* const end = text.data() + text.size();
  return FindEither(text.data(), end, byte, byte) != end;
}

// The first byte from `at` on that is not ASCII; `end`: all are.
inline const char* SkipAscii(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto high = static_cast<unsigned>(_mm_movemask_epi8(bytes));
    if (high != 0) return at + __builtin_ctz(high);
  }
#endif
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  while (at < end && static_cast<uint8_t>(*at) < 0x80) ++at;
  return at;
}

// Writes the place of each CR and LF in the text, plus `base`, to `out`, which holds kSpareBreaks
// more than the text has bytes. Returns their number. One pass over all, without a branch for each
// line, is cheaper than a search from break to break.
inline constexpr size_t kSpareBreaks = 4;
inline size_t FindBreaks(absl::string_view text, uint32_t base, uint32_t* out) {
  uint32_t* const begin = out;
  size_t at = 0;
#ifdef __SSE2__
  const __m128i feeds = _mm_set1_epi8('\n'), returns = _mm_set1_epi8('\r');
  for (; text.size() - at >= 64; at += 64) {
    uint64_t breaks = 0;
    for (unsigned i = 0; i < 64; i += 16) {
      breaks |= uint64_t{MatchesAt(text.data() + at + i, feeds, returns)} << i;
    }
    const auto from = base + static_cast<uint32_t>(at);
    // So many are written whether they are there or not.
    for (size_t i = 0; i < kSpareBreaks; ++i) {
      *out = from + static_cast<uint32_t>(std::countr_zero(breaks));
      out += breaks != 0 ? 1 : 0;
      breaks &= breaks - 1;
    }
    for (; breaks != 0; breaks &= breaks - 1) {
      *out++ = from + static_cast<uint32_t>(std::countr_zero(breaks));
    }
  }
#endif
  for (; at < text.size(); ++at) {
    if (text[at] == '\n' || text[at] == '\r') *out++ = base + static_cast<uint32_t>(at);
  }
  return static_cast<size_t>(out - begin);
}

}  // namespace muster
