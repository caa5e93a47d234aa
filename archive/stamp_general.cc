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
  char32_t value = 0;  // every space is ' '
  int digit = -1;
  bool persian = false;
  size_t end = 0;  // bytes of the line, up to and with it
};

bool IsDash(char32_t value) {
  return value == '-' || (value >= 0x2010 && value <= 0x2015) || value == 0x2212;
}

bool IsAmPm(absl::string_view words) {
  const std::string plain = absl::StrReplaceAll(FoldText(words), {{".", ""}, {" ", ""}});
  return plain.empty() || plain == "am" || plain == "pm";
}

// The line without marks, each digit a number. Ends at the end of the line or of the view.
class Signs {
 public:
  explicit Signs(absl::string_view line) {
    size_t at = 0;
    while (at < line.size() && size_ < static_cast<int>(signs_.size())) {
      const CodePoint point = DecodeFirst(line.substr(at));
      at += point.bytes;
      if (IsMark(point.value)) continue;
      Sign& sign = signs_[static_cast<size_t>(size_++)];
      sign.value = IsSpace(point.value) ? U' ' : point.value;
      sign.digit = u_charDigitValue(static_cast<UChar32>(point.value));
      sign.persian = point.value >= 0x6F0 && point.value <= 0x6F9;
      sign.end = at;
    }
  }

  int size() const { return size_; }
  char32_t At(int i) const { return i < size_ ? signs_[static_cast<size_t>(i)].value : 0; }
  int Digit(int i) const { return i < size_ ? signs_[static_cast<size_t>(i)].digit : -1; }
  bool Persian(int i) const { return i < size_ && signs_[static_cast<size_t>(i)].persian; }
  size_t BytesBefore(int i) const {
    return i == 0 || size_ == 0 ? 0 : signs_[static_cast<size_t>((i < size_ ? i : size_) - 1)].end;
  }
  std::string Text(int from, int to) const {
    std::string out;
    for (int i = from; i < to && i < size_; ++i) AppendUtf8(At(i), out);
    return out;
  }

 private:
  std::array<Sign, kMaxStampBytes> signs_;
  int size_ = 0;
};

class GeneralParser {
 public:
  explicit GeneralParser(absl::string_view line) : signs_(line) {}

  GeneralStamp Parse() {
    bracket_ = signs_.At(0) == '[';
    const int begin = bracket_ ? 1 : 0;
    GeneralStamp out;
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

  bool KoreanFollows() const {
    for (int i = at_; i < at_ + 4; ++i) {
      const char32_t sign = signs_.At(i);
      if (sign >= 0xAC00 && sign <= 0xD7A3) return true;
    }
    return false;
  }

  // Between date and time: a comma, spaces, and words that belong there.
  bool Glue(DayHalf& half) {
    const int from = at_;
    while (at_ < signs_.size() && at_ - from < kMaxWords && signs_.Digit(at_) < 0) ++at_;
    if (at_ == from || signs_.Digit(at_) < 0) return false;
    const std::string words = absl::StrReplaceAll(
        signs_.Text(from, at_), {{",", " "}, {"،", " "}, {"、", " "}, {"，", " "}});
    const auto read = ReadTimeWords(words);
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
  bool EndsAt(int at, StampStyle style, Stamp& stamp) const {
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
    if (after < signs_.size() && signs_.At(after) != ' ') return false;
    if (after >= signs_.size() && style == StampStyle::kBare) return false;
    stamp.style = style;
    stamp.bytes = signs_.BytesBefore(after < signs_.size() ? after + 1 : after);
    return true;
  }

  bool Ends(DayHalf& half, Stamp& stamp) {
    static constexpr StampStyle kOpen[] = {StampStyle::kDash, StampStyle::kColon,
                                           StampStyle::kBare};
    static constexpr StampStyle kClosed[] = {StampStyle::kBracket};
    const StampStyle* styles = bracket_ ? kClosed : kOpen;
    const int count = bracket_ ? 1 : 3;
    for (int i = 0; i < count; ++i) {
      for (int end = at_; end <= signs_.size() && end - at_ < kMaxWords; ++end) {
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

GeneralStamp ParseGeneralStamp(absl::string_view line) { return GeneralParser(line).Parse(); }

}  // namespace muster::archive
