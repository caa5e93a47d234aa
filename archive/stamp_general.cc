#include <unicode/uchar.h>

#include <array>
#include <string>

#include "absl/strings/str_replace.h"
#include "archive/stamp.h"
#include "archive/stamp_words.h"
#include "archive/text_marks.h"

namespace muster::archive {
namespace {

constexpr int kMaxWords = 40;  // characters between date and time, and after the time

struct Sign {
  char32_t value;  // every space is ' '
  int digit;
  bool persian;
  size_t end;  // bytes of the line, up to and with it
};

bool IsDash(char32_t value) {
  return value == '-' || (value >= 0x2010 && value <= 0x2015) || value == 0x2212;
}

bool IsAmPm(absl::string_view words) {
  const std::string plain = absl::StrReplaceAll(FoldText(words), {{".", ""}, {" ", ""}});
  return plain.empty() || plain == "am" || plain == "pm";
}

// The line without marks, each digit a number; read no further than it is asked for.
class Signs {
 public:
  explicit Signs(absl::string_view line) : rest_(line) {}

  bool Has(int i) {
    while (size_ <= i && ReadOne()) {
    }
    return i < size_;
  }
  char32_t At(int i) { return Has(i) ? signs_[static_cast<size_t>(i)].value : 0; }
  int Digit(int i) { return Has(i) ? signs_[static_cast<size_t>(i)].digit : -1; }
  bool Persian(int i) { return Has(i) && signs_[static_cast<size_t>(i)].persian; }
  size_t BytesBefore(int i) { return i == 0 || !Has(i - 1) ? bytes_ : End(i - 1); }
  // Commas are spaces.
  std::string Text(int from, int to) {
    std::string out;
    for (int i = from; i < to && Has(i); ++i) {
      const char32_t sign = At(i);
      const bool comma = sign == ',' || sign == U'،' || sign == U'、' || sign == U'，';
      if (sign < 0x80 || comma) {
        out += comma ? ' ' : static_cast<char>(sign);
      } else {
        AppendUtf8(sign, out);
      }
    }
    return out;
  }

 private:
  size_t End(int i) const { return signs_[static_cast<size_t>(i)].end; }

  bool ReadOne() {
    while (!rest_.empty() && size_ < static_cast<int>(kMaxStampBytes)) {
      const CodePoint point = DecodeFirst(rest_);
      rest_.remove_prefix(point.bytes);
      bytes_ += point.bytes;
      if (IsMark(point.value)) continue;
      Sign& sign = signs_[static_cast<size_t>(size_++)];
      sign = {IsSpace(point.value) ? U' ' : point.value, DigitOf(point.value),
              point.value >= 0x6F0 && point.value <= 0x6F9, bytes_};
      return true;
    }
    return false;
  }

  static int DigitOf(char32_t value) {
    if (value < 0x660) return value >= '0' && value <= '9' ? static_cast<int>(value - '0') : -1;
    return u_charDigitValue(static_cast<UChar32>(value));
  }

  absl::string_view rest_;
  size_t bytes_ = 0;
  int size_ = 0;
  std::array<Sign, kMaxStampBytes> signs_;
};

class GeneralParser {
 public:
  explicit GeneralParser(absl::string_view line) : signs_(line) {}

  StampResult Parse() {
    bracket_ = signs_.At(0) == '[';
    const int begin = bracket_ ? 1 : 0;
    StampResult out;
    for (const bool time_first : {false, true}) {
      at_ = begin;
      Stamp stamp;
      if (DateAndTime(time_first, stamp)) {
        if (ydm_) {
          out.year_day_month = true;
        } else {
          out.stamp = stamp;
        }
        return out;
      }
    }
    return out;
  }

 private:
  struct Number {
    int value = 0, digits = 0;
  };

  bool DateAndTime(bool time_first, Stamp& stamp) {
    SkipSpaces();
    if (signs_.Digit(at_) < 0) return false;
    Time time;
    if (time_first) {
      if (!ReadTime(time)) return false;
      if (!Glue(time.half)) return false;
      if (!ReadDate(stamp)) return false;
    } else {
      if (!ReadDate(stamp)) return false;
      DayHalf before = DayHalf::kNone;
      if (!Glue(before) || !ReadTime(time)) return false;
      time.half = before;
    }
    if (!Ends(time.half, stamp)) return false;
    return CompleteTime(time.hour, time.minute, time.second, time.half, stamp);
  }

  struct Time {
    int hour = 0, minute = 0, second = 0;
    DayHalf half = DayHalf::kNone;
  };

  void SkipSpaces() {
    while (signs_.At(at_) == ' ') ++at_;
  }

  Number ReadNumber(int most) {
    Number out;
    while (out.digits < most && signs_.Digit(at_) >= 0) {
      persian_ = persian_ || signs_.Persian(at_);
      out.value = out.value * 10 + signs_.Digit(at_++);
      ++out.digits;
    }
    return out;
  }

  // '/', '.', '-' or a word for year and month, with spaces around it.
  bool DateSeparator(char& separator) {
    SkipSpaces();
    const char32_t sign = signs_.At(at_);
    if (sign == '/' || sign == '.') {
      separator = static_cast<char>(sign);
    } else if (IsDash(sign)) {
      separator = '-';
    } else if (sign == U'年' || sign == U'年' || sign == U'月' || sign == U'년' || sign == U'월') {
      separator = 'k';
    } else {
      return false;
    }
    ++at_;
    SkipSpaces();
    return true;
  }

  bool ReadDate(Stamp& stamp) {
    int value[3], digits[3];
    persian_ = false;
    for (int part = 0; part < 3; ++part) {
      const Number number = ReadNumber(4);
      if (number.digits == 0) return false;
      value[part] = number.value;
      digits[part] = number.digits;
      char separator = 0;
      if (part == 2) break;
      if (!DateSeparator(separator)) return false;
      if (part == 0) stamp.separator = separator;
      if (separator != stamp.separator) return false;
    }
    if (signs_.Digit(at_) >= 0) return false;
    const bool dotted = signs_.At(at_) == '.';
    if (dotted || signs_.At(at_) == U'日' || signs_.At(at_) == U'일') ++at_;
    // Korean "20. 12. 31.": a year of two digits comes first where a word says so.
    const bool word_date = stamp.separator == 'k';
    if (digits[0] == 2 && digits[2] <= 2 && (word_date || (dotted && KoreanFollows()))) {
      value[0] += 2000;
      digits[0] = 4;
    }
    if (CompleteDate(value, digits, persian_, stamp)) return true;
    ydm_ = digits[0] == 4 && digits[2] <= 2 && IsDay(value[0], value[2], value[1]);
    return ydm_;
  }

  bool KoreanFollows() {
    for (int i = at_; i < at_ + 4; ++i) {
      const char32_t sign = signs_.At(i);
      if (sign >= 0xAC00 && sign <= 0xD7A3) return true;
    }
    return false;
  }

  // Between date and time: a comma, spaces, and words that belong there.
  bool Glue(DayHalf& half) {
    const int from = at_;
    while (at_ - from < kMaxWords && signs_.Has(at_) && signs_.Digit(at_) < 0) ++at_;
    if (at_ == from || signs_.Digit(at_) < 0) return false;
    const auto read = ReadTimeWords(signs_.Text(from, at_));
    if (read.has_value()) half = *read;
    return read.has_value();
  }

  // ':', '.', or a letter with spaces around it (15 h 04, 15時04分).
  bool TimeSeparator() {
    const int from = at_;
    SkipSpaces();
    const char32_t sign = signs_.At(at_);
    if ((sign == ':' || sign == '.' || sign == U'：') && at_ == from) {
      ++at_;
      return true;
    }
    if (sign == 'h' || sign == 'H' || sign == U'時' || sign == U'时' || sign == U'点' ||
        sign == U'시' || sign == U'分' || sign == U'분') {
      ++at_;
      SkipSpaces();
      return true;
    }
    if (sign == 'm' && signs_.At(at_ + 1) == 'i' && signs_.At(at_ + 2) == 'n') {
      at_ += 3;
      SkipSpaces();
      return true;
    }
    at_ = from;
    return false;
  }

  bool ReadTime(Time& time) {
    const Number hour = ReadNumber(2);
    if (hour.digits == 0 || !TimeSeparator()) return false;
    const Number minute = ReadNumber(2);
    if (minute.digits != 2) return false;
    time.hour = hour.value;
    time.minute = minute.value;
    const int after_minute = at_;
    if (TimeSeparator()) {
      const Number second = ReadNumber(2);
      if (second.digits == 2) {
        time.second = second.value;
        if (signs_.At(at_) == U'秒' || signs_.At(at_) == U'초') ++at_;
        if (signs_.At(at_) == ' ' && signs_.At(at_ + 1) == 's') at_ += 2;
      } else if (signs_.At(after_minute) == U'分' || signs_.At(after_minute) == U'분') {
        at_ = after_minute + 1;
      } else {
        at_ = after_minute;
      }
    }
    return signs_.Digit(at_) < 0;
  }

  // Ends the whole at `at`: sets style and bytes.
  bool EndsAt(int at, StampStyle style, Stamp& stamp) {
    int after = at;
    switch (style) {
      case StampStyle::kBracket:
        if (signs_.At(after) != ']') return false;
        ++after;
        if (signs_.At(after) == ':') ++after;
        if (signs_.At(after) == ' ' && IsDash(signs_.At(after + 1))) after += 2;
        break;
      case StampStyle::kDash:
        if (signs_.At(after) != ' ' || !IsDash(signs_.At(after + 1))) return false;
        after += 2;
        break;
      case StampStyle::kColon:
        if (signs_.At(after) != ':') return false;
        ++after;
        break;
      case StampStyle::kBare:
        break;
    }
    const bool more = signs_.Has(after);
    if (more ? signs_.At(after) != ' ' : style == StampStyle::kBare) return false;
    stamp.style = style;
    stamp.bytes = signs_.BytesBefore(more ? after + 1 : after);
    return true;
  }

  bool Ends(DayHalf& half, Stamp& stamp) {
    static constexpr StampStyle kOpen[] = {StampStyle::kDash, StampStyle::kColon,
                                           StampStyle::kBare};
    static constexpr StampStyle kClosed[] = {StampStyle::kBracket};
    const StampStyle* styles = bracket_ ? kClosed : kOpen;
    const int count = bracket_ ? 1 : 3;
    for (int i = 0; i < count; ++i) {
      for (int end = at_; end - at_ < kMaxWords; ++end) {
        if (end > at_ && !signs_.Has(end - 1)) break;
        if (!EndsAt(end, styles[i], stamp)) continue;
        const auto read = ReadTimeWords(signs_.Text(at_, end));
        if (!read.has_value()) break;
        // Without a dash or a bracket a short name could pass for a word of the time.
        const bool sure = styles[i] == StampStyle::kBracket || styles[i] == StampStyle::kDash;
        if (!sure && end > at_ && !IsAmPm(signs_.Text(at_, end))) break;
        if (*read != DayHalf::kNone) half = *read;
        return true;
      }
    }
    return false;
  }

  Signs signs_;
  int at_ = 0;
  bool bracket_ = false;
  bool persian_ = false;
  bool ydm_ = false;
};

}  // namespace

StampResult ParseGeneralStamp(absl::string_view line) { return GeneralParser(line).Parse(); }

}  // namespace muster::archive
