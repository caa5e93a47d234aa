#include "cli/duration.h"

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster::cli {
namespace {

struct Unit {
  char letter;
  int64_t seconds;
};
constexpr std::array<Unit, 4> kUnits = {{{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
constexpr int64_t kMaxSeconds = int64_t{3'650} * 86'400;

absl::Status BadDuration(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is not a duration; write it like 180d, 12h, 30m or 1h30m"));
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  int64_t total = 0;
  size_t next_unit = 0;
  size_t i = 0;
  while (i < text.size()) {
    int64_t number = 0;
    const size_t start = i;
    while (i < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[i])) != 0) {
      number = number * 10 + (text[i++] - '0');
      if (number > kMaxSeconds) return BadDuration(text);
    }
    if (i == start || i == text.size()) return BadDuration(text);
    while (next_unit < kUnits.size() && kUnits[next_unit].letter != text[i]) ++next_unit;
    if (next_unit == kUnits.size()) return BadDuration(text);
    total += number * kUnits[next_unit++].seconds;
    if (total > kMaxSeconds) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' is longer than 3650d"));
    }
    ++i;
  }
  if (total == 0) return BadDuration(text);
  return absl::Seconds(total);
}

std::string DurationText(absl::Duration d) {
  if (d < absl::ZeroDuration()) return absl::StrCat("-", DurationText(-d));
  std::string out;
  int64_t seconds = absl::ToInt64Seconds(d);
  const int64_t millis = absl::ToInt64Milliseconds(d - absl::Seconds(seconds));
  for (const Unit& unit : kUnits) {
    if (seconds < unit.seconds) continue;
    absl::StrAppend(&out, seconds / unit.seconds, std::string(1, unit.letter));
    seconds %= unit.seconds;
  }
  if (millis > 0) absl::StrAppend(&out, millis, "ms");
  return out.empty() ? "0s" : out;
}

}  // namespace muster::cli
