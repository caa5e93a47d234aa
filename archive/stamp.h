// The date and time at the beginning of an entry, in every form that the two apps write.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace muster::archive {

// No date and time is longer; more of a line is not looked at.
inline constexpr size_t kMaxStampBytes = 160;

// What stands around it. One text is written in one form.
enum class StampStyle : uint8_t {
  kBracket,  // [date, time] name: text
  kDash,     // date, time - name: text
  kColon,    // date, time: name: text
  kBare,     // date time name: text
};

enum class StampYear : uint8_t {
  kCommon,    // of our calendar
  kShort,     // two digits, of some calendar
  kBuddhist,  // was one, is ours now
  kPersian,   // was one; the whole date is ours now
  kForeign,   // 13xx or 14xx: of a calendar that the digits do not tell
};

struct Stamp {
  StampStyle style = StampStyle::kBare;
  char separator = '/';     // between the parts of the date; 'k' for words
  bool year_first = false;  // then `a` is the month and `b` the day
  StampYear year_kind = StampYear::kCommon;
  int year = 0;
  int a = 0, b = 0;  // day and month in the order that they are written in
  int hour = 0, minute = 0, second = 0;
  size_t bytes = 0;  // up to what follows: the name or the text
};

struct StampResult {
  // Empty: the line does not begin with one, or with one that cannot be (99/99/2020, 25:61).
  std::optional<Stamp> stamp;
  bool year_day_month = false;  // it does, in an order that neither app writes; no stamp then
};
// Only the first kMaxStampBytes of a line are read. Thread-safe.
StampResult ParseStamp(absl::string_view line);
// The same for any digits, words, marks and spaces, slowly.
StampResult ParseGeneralStamp(absl::string_view line);

// ParseStamp() of one line after another of a text: a date that comes again as it was written
// before is not parsed again. Thread-compatible.
class StampReader {
 public:
  // As StampResult has it; without a stamp what is in `stamp` means nothing.
  bool Read(absl::string_view line, Stamp& stamp, bool& year_day_month);

 private:
  bool BeginsAsBefore(absl::string_view line) const;
  void Remember(absl::string_view head, const Stamp& date);

  // What stood before the last plain time, and ones where it has bytes.
  std::array<uint64_t, 2> head_ = {}, mask_ = {};
  Stamp date_;  // of it; its `bytes` are the head's, 0: none yet
};

int DaysInMonth(int year, int month);  // 0: there is no such month
bool IsDay(int year, int month, int day);
// The numbers as read become a date: years of other calendars are turned into ours. False: no date.
bool CompleteDate(const int (&value)[3], const int (&digits)[3], bool persian_digits, Stamp& stamp);

enum class DayHalf : uint8_t { kNone, kMorning, kAfternoon, kNoon };
// False: there is no such time.
bool CompleteTime(int hour, int minute, int second, DayHalf half, Stamp& stamp);

}  // namespace muster::archive
