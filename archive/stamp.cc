#include "archive/stamp.h"

#include <unicode/calendar.h>

#include <cstring>
#include <memory>

#include "archive/text_marks.h"

namespace muster::archive {
namespace {

enum class Verdict { kNo, kYes, kUnsure };

// What most phones write, without tables: ASCII digits, one separator, AM and PM.
class PlainParser {
 public:
  explicit PlainParser(absl::string_view line)
      : begin_(line.data()), at_(begin_), end_(begin_ + line.size()) {}

  Verdict Parse(Stamp& stamp) {
    const Verdict date = ParseDate(stamp);
    return date == Verdict::kYes ? ParseRest(stamp) : date;
  }

  // What stands before the date, the date, and what stands before the time.
  Verdict ParseDate(Stamp& stamp) {
    SkipSeen();
    stamp.style = StampStyle::kDash;
    if (Is('[')) {
      stamp.style = StampStyle::kBracket;
      ++at_;
      SkipSeen();
    }
    return Date(stamp);
  }

  // From where ParseDate() has come to, with the style that it has set.
  Verdict ParseRest(Stamp& stamp) {
    const Verdict time = Time(stamp);
    if (time != Verdict::kYes) return time;
    if (stamp.style == StampStyle::kBracket) {
      if (!Is(']') || !Is(' ', 1)) return Verdict::kUnsure;
      at_ += 2;
    } else {
      if (!Is(' ') || !Is('-', 1) || !Is(' ', 2)) return Verdict::kUnsure;
      at_ += 3;
    }
    stamp.bytes = parsed();
    return Verdict::kYes;
  }

  size_t parsed() const { return static_cast<size_t>(at_ - begin_); }
  void Skip(size_t bytes) { at_ = begin_ + bytes; }

 private:
  bool Is(char what, ptrdiff_t ahead = 0) const { return end_ - at_ > ahead && at_[ahead] == what; }

  void SkipSeen() {
    while (end_ - at_ >= 3 && (Is('\xE2') || Is('\xEF'))) {
      const bool mark = at_[0] == '\xEF'
                            ? at_[1] == '\xBB' && at_[2] == '\xBF'
                            : at_[1] == '\x80' && (at_[2] == '\x8E' || at_[2] == '\x8F' ||
                                                   (at_[2] >= '\xAA' && at_[2] <= '\xAE'));
      if (!mark) return;
      at_ += 3;
    }
  }

  int Number(int& digits, int most) {
    int value = 0;
    digits = 0;
    while (digits < most && at_ < end_ && *at_ >= '0' && *at_ <= '9') {
      value = value * 10 + (*at_++ - '0');
      ++digits;
    }
    return value;
  }

  Verdict Date(Stamp& stamp) {
    int value[3], digits[3];
    value[0] = Number(digits[0], 4);
    if (at_ == end_) return Verdict::kNo;
    if (digits[0] == 0) return static_cast<uint8_t>(*at_) < 0x80 ? Verdict::kNo : Verdict::kUnsure;
    stamp.separator = *at_;
    if (stamp.separator != '/' && stamp.separator != '.' && stamp.separator != '-') {
      return Verdict::kUnsure;
    }
    ++at_;
    value[1] = Number(digits[1], 2);
    if (digits[1] == 0 || !Is(stamp.separator)) return Verdict::kUnsure;
    ++at_;
    value[2] = Number(digits[2], 4);
    if (digits[2] == 0) return Verdict::kUnsure;
    if (Is(',')) ++at_;
    if (!Is(' ')) return Verdict::kUnsure;
    ++at_;
    // 13xx and over 2400: another calendar, for those who take their time.
    if (!CompleteDate(value, digits, false, stamp)) return Verdict::kUnsure;
    return Verdict::kYes;
  }

  Verdict Time(Stamp& stamp) {
    int digits = 0;
    const int hour = Number(digits, 2);
    if (digits == 0 || at_ == end_ || (*at_ != ':' && *at_ != '.')) return Verdict::kUnsure;
    const char separator = *at_++;
    const int minute = Number(digits, 2);
    if (digits != 2) return Verdict::kUnsure;
    int second = 0;
    if (Is(separator)) {
      ++at_;
      second = Number(digits, 2);
      if (digits != 2) return Verdict::kUnsure;
    }
    DayHalf half = DayHalf::kNone;
    if (!Half(half)) return Verdict::kUnsure;
    return CompleteTime(hour, minute, second, half, stamp) ? Verdict::kYes : Verdict::kNo;
  }

  bool Half(DayHalf& half) {
    const char* word = at_;
    if (Is(' ')) {
      word += 1;
    } else if (Is('\xE2') && Is('\x80', 1) && Is('\xAF', 2)) {
      word += 3;
    } else if (Is('\xC2') && Is('\xA0', 1)) {
      word += 2;
    }
    if (end_ - word < 2 || (word[1] | 0x20) != 'm') return true;
    const char first = static_cast<char>(word[0] | 0x20);
    if (first != 'a' && first != 'p') return true;
    if (end_ - word > 2 && word[2] != ']' && word[2] != ' ') return false;
    half = first == 'a' ? DayHalf::kMorning : DayHalf::kAfternoon;
    at_ = word + 2;
    return true;
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
};

// 1 Farvardin and so on, by ICU. False: there is no such day.
bool FromPersian(int year, int month, int day, Stamp& stamp) {
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  UErrorCode error = U_ZERO_ERROR;
  std::unique_ptr<icu::Calendar> persian(icu::Calendar::createInstance(
      icu::TimeZone::createTimeZone("UTC"), icu::Locale("fa@calendar=persian"), error));
  std::unique_ptr<icu::Calendar> ours(icu::Calendar::createInstance(
      icu::TimeZone::createTimeZone("UTC"), icu::Locale("en@calendar=gregorian"), error));
  if (U_FAILURE(error)) return false;
  persian->clear();
  persian->setLenient(false);
  persian->set(year, month - 1, day, 12, 0, 0);
  const UDate time = persian->getTime(error);
  ours->setTime(time, error);
  stamp.year = ours->get(UCAL_YEAR, error);
  stamp.a = ours->get(UCAL_MONTH, error) + 1;
  stamp.b = ours->get(UCAL_DATE, error);
  return U_SUCCESS(error) != 0;
}

void SetYear(int year, Stamp& stamp) {
  stamp.year = year;
  stamp.year_kind = StampYear::kCommon;
  if (year >= 2440 && year <= 2740) {
    stamp.year = year - 543;
    stamp.year_kind = StampYear::kBuddhist;
  } else if (year >= 1300 && year < 1500) {
    stamp.year_kind = StampYear::kForeign;
  }
}

}  // namespace

int DaysInMonth(int year, int month) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12) return 0;
  // Of a calendar that is not ours: its months have up to so many days.
  if (year < 1500) return 31;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool IsDay(int year, int month, int day) { return day >= 1 && day <= DaysInMonth(year, month); }

bool CompleteDate(const int (&value)[3], const int (&digits)[3], bool persian_digits,
                  Stamp& stamp) {
  if (digits[1] > 2) return false;
  if (digits[0] == 4) {
    if (digits[2] > 2) return false;
    stamp.year_first = true;
    SetYear(value[0], stamp);
    stamp.a = value[1];
    stamp.b = value[2];
    if (stamp.year_kind == StampYear::kForeign && persian_digits) {
      if (!FromPersian(value[0], value[1], value[2], stamp)) return false;
      stamp.year_kind = StampYear::kPersian;
    }
    return IsDay(stamp.year, stamp.a, stamp.b);
  }
  if (digits[0] > 2) return false;
  stamp.year_first = false;
  stamp.a = value[0];
  stamp.b = value[1];
  if (digits[2] == 4) {
    SetYear(value[2], stamp);
  } else if (digits[2] == 2) {
    stamp.year = 2000 + value[2];
    stamp.year_kind = StampYear::kShort;
  } else {
    return false;
  }
  return IsDay(stamp.year, stamp.b, stamp.a) || IsDay(stamp.year, stamp.a, stamp.b) ||
         (digits[2] == 2 && digits[0] == 2 && IsDay(2000 + value[0], value[1], value[2]));
}

bool CompleteTime(int hour, int minute, int second, DayHalf half, Stamp& stamp) {
  switch (half) {
    case DayHalf::kNone:
      break;
    case DayHalf::kMorning:
      if (hour == 12) hour = 0;
      break;
    case DayHalf::kAfternoon:
      if (hour < 12) hour += 12;
      break;
    case DayHalf::kNoon:
      if (hour < 10) hour += 12;
      break;
  }
  stamp.hour = hour;
  stamp.minute = minute;
  stamp.second = second;
  return hour <= 23 && minute <= 59 && second <= 60;
}

StampResult ParseStamp(absl::string_view line) {
  StampResult out;
  Stamp stamp;
  if (StampReader().Read(line, stamp, out.year_day_month)) out.stamp = stamp;
  return out;
}

bool StampReader::Read(absl::string_view line, Stamp& stamp, bool& year_day_month) {
  line = line.substr(0, kMaxStampBytes);
  PlainParser parser(line);
  Verdict verdict = Verdict::kYes;
  if (BeginsAsBefore(line)) {
    stamp = date_;
    parser.Skip(date_.bytes);
  } else {
    stamp = Stamp();
    verdict = parser.ParseDate(stamp);
    if (verdict == Verdict::kYes) Remember(line.substr(0, parser.parsed()), stamp);
  }
  if (verdict == Verdict::kYes) verdict = parser.ParseRest(stamp);
  year_day_month = false;
  if (verdict != Verdict::kUnsure) return verdict == Verdict::kYes;
  const StampResult general = ParseGeneralStamp(line);
  year_day_month = general.year_day_month;
  if (general.stamp.has_value()) stamp = *general.stamp;
  return general.stamp.has_value();
}

bool StampReader::BeginsAsBefore(absl::string_view line) const {
  if (date_.bytes == 0 || line.size() < sizeof(head_)) return false;
  uint64_t words[2];
  std::memcpy(words, line.data(), sizeof(words));
  return ((words[0] ^ head_[0]) & mask_[0]) == 0 && ((words[1] ^ head_[1]) & mask_[1]) == 0;
}

// `date.bytes` are those before the time from here on.
void StampReader::Remember(absl::string_view head, const Stamp& date) {
  if (head.size() > sizeof(head_)) return;
  head_ = mask_ = {};
  std::memcpy(head_.data(), head.data(), head.size());
  std::memset(mask_.data(), 0xFF, head.size());
  date_ = date;
  date_.bytes = head.size();
}

}  // namespace muster::archive
