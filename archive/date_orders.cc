#include "archive/date_orders.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::archive {
namespace {

constexpr int64_t kDay = 24 * 60 * 60;
constexpr int64_t kFar = 2 * kDay;
constexpr int64_t kYear = 365 * kDay, kMonth = 31 * kDay;
constexpr int kFirstYear = 2009;      // the app's own
constexpr int kLateShortYear = 2052;  // 2552 of Buddhists was 2009

// Days of the civil calendar (a common closed form), so that no library is asked for each line.
int64_t DayNumber(int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct Day {
  int year, month, day;
};

int64_t Midnight(const Day& day) { return DayNumber(day.year, day.month, day.day) * kDay; }

bool SameDate(const Stamp& a, const Stamp& b) {
  return a.a == b.a && a.b == b.b && a.year == b.year && a.year_first == b.year_first &&
         a.year_kind == b.year_kind;
}

absl::CivilSecond Civil(int64_t seconds) { return absl::CivilSecond(1970, 1, 1) + seconds; }

// The other order stands in where one gives no day.
Day ReadDay(const Stamp& stamp, bool month_first) {
  if (stamp.year_first) return {stamp.year, stamp.a, stamp.b};
  const bool swapped = IsDay(stamp.year, stamp.a, stamp.b);
  const bool straight = IsDay(stamp.year, stamp.b, stamp.a);
  if (month_first ? swapped : !straight && swapped) return {stamp.year, stamp.a, stamp.b};
  if (straight) return {stamp.year, stamp.b, stamp.a};
  return {2000 + stamp.a, stamp.b, stamp.year - 2000};  // CompleteDate() said that it is one
}

bool ShortYearFirst(const Stamp& stamp, Day& day) {
  if (stamp.year_kind != StampYear::kShort || stamp.year_first) return false;
  day = {2000 + stamp.a, stamp.b, stamp.year - 2000};
  return day.year >= kFirstYear && IsDay(day.year, day.month, day.day);
}

std::string Duration(int64_t seconds) {
  if (seconds >= kFar) return absl::StrCat(seconds / kDay, " days");
  if (seconds >= 7200) return absl::StrCat(seconds / 3600, " hours");
  if (seconds >= 120) return absl::StrCat(seconds / 60, " minutes");
  return absl::StrCat(seconds, " seconds");
}

}  // namespace

void DateOrders::Reading::Add(int64_t time, uint64_t offset) {
  // Most are no earlier than the one before.
  if (dated > 0 && time >= previous) {
    ++dated;
    last = std::max(last, time);
    previous = time;
    return;
  }
  if (dated++ == 0) {
    first = last = previous = time;
    return;
  }
  const int64_t by = previous - time;
  if (backwards++ == 0) first_backwards_at = offset;
  if (by >= kFar) ++far_backwards;
  if (by <= 3600) ++hour_back;
  furthest = std::max(furthest, by);
  first = std::min(first, time);
  previous = time;
}

DateOrders::Way DateOrders::WayOf(DateOrder order) {
  return order == DateOrder::kMonthDayYear ? kMonthFirst : kDayFirst;
}

DateOrders::Dated DateOrders::DatedOf(const Stamp& stamp) {
  Dated out;
  out.date = stamp;
  out.days[kDayFirst] = Midnight(ReadDay(stamp, false));
  out.days[kMonthFirst] = Midnight(ReadDay(stamp, true));
  out.straight = IsDay(stamp.year, stamp.b, stamp.a);
  out.swapped = IsDay(stamp.year, stamp.a, stamp.b);
  Day day;
  out.short_first = ShortYearFirst(stamp, day);
  if (out.short_first) out.days[kShortYearFirst] = Midnight(day);
  return out;
}

bool DateOrders::Observe(const Stamp& stamp, uint64_t offset) {
  if (!dated_.has_value() || !SameDate(dated_->date, stamp)) dated_ = DatedOf(stamp);
  const Way way = LikeliestWay();
  const int64_t before = readings_[way].previous;
  const bool dated = readings_[way].dated > 0;
  const int64_t time = stamp.hour * 3600 + stamp.minute * 60 + stamp.second;
  readings_[kDayFirst].Add(dated_->days[kDayFirst] + time, offset);
  readings_[kMonthFirst].Add(dated_->days[kMonthFirst] + time, offset);
  if (stamp.year_kind == StampYear::kBuddhist) ++buddhist_;
  if (stamp.year_kind == StampYear::kForeign && foreign_++ == 0) foreign_at_ = offset;
  if (stamp.year_first) {
    ++year_first_;
  } else {
    Count(stamp, time, offset);
  }
  return dated && readings_[way].previous < before;
}

// Which orders a date with its year behind fits.
void DateOrders::Count(const Stamp& stamp, int64_t time, uint64_t offset) {
  const bool straight = dated_->straight, swapped = dated_->swapped;
  if (straight && !swapped && day_only_++ == 0) only_at_[0] = offset;
  if (swapped && !straight && month_only_++ == 0) only_at_[1] = offset;
  if (straight && swapped && stamp.a != stamp.b) ++either_;
  if (!straight && !swapped) ++short_first_only_;
  if (stamp.year_kind == StampYear::kShort) {
    ++short_years_;
    if (stamp.year >= kLateShortYear) ++late_short_years_;
  }
  short_first_fits_ = short_first_fits_ && dated_->short_first;
  if (short_first_fits_) {
    readings_[kShortYearFirst].Add(dated_->days[kShortYearFirst] + time, offset);
  }
}

absl::CivilSecond DateOrders::TimeOf(const Stamp& stamp) const {
  Day day = ReadDay(stamp, LikeliestWay() == kMonthFirst);
  if (given_ == DateOrder::kYearMonthDay) ShortYearFirst(stamp, day);
  return absl::CivilSecond(day.year, day.month, day.day, stamp.hour, stamp.minute, stamp.second);
}

DateOrders::Way DateOrders::LikeliestWay() const {
  if (given_.has_value()) {
    return *given_ == DateOrder::kYearMonthDay && short_first_fits_ && short_years_ > 0
               ? kShortYearFirst
               : WayOf(*given_);
  }
  if (day_only_ != month_only_) return day_only_ > month_only_ ? kDayFirst : kMonthFirst;
  const Reading &days = readings_[kDayFirst], &months = readings_[kMonthFirst];
  return months.far_backwards < days.far_backwards ? kMonthFirst : kDayFirst;
}

DateOrders::Verdict DateOrders::DecideByRun() const {
  const Reading &days = readings_[kDayFirst], &months = readings_[kMonthFirst];
  const Reading& years = readings_[kShortYearFirst];
  const uint64_t less = std::min(days.far_backwards, months.far_backwards);
  const uint64_t more = std::max(days.far_backwards, months.far_backwards);
  Verdict out;
  if (less > 0 && short_first_fits_ && years.dated == days.dated && years.far_backwards == 0) {
    return {.order = DateOrder::kYearMonthDay, .way = kShortYearFirst};
  }
  if (more > 0 && less * 4 < more) {
    out.way = days.far_backwards < months.far_backwards ? kDayFirst : kMonthFirst;
    out.thin = more == 1;
  } else {
    out.ambiguous = true;
  }
  out.order = out.way == kDayFirst ? DateOrder::kDayMonthYear : DateOrder::kMonthDayYear;
  return out;
}

// "24-05-13", "24-05-14": the same day of two years, or two days of one month. Nothing in the text
// says which.
bool DateOrders::YearsRunAsDays() const {
  const Reading &days = readings_[kDayFirst], &years = readings_[kShortYearFirst];
  return short_first_fits_ && years.dated == days.dated && day_only_ == days.dated &&
         days.last - days.first >= kYear && years.last - years.first < kMonth;
}

DateOrders::Verdict DateOrders::Decide() const {
  if (given_.has_value()) {
    return {
        .order = *given_, .way = LikeliestWay(), .two_orders = day_only_ > 0 && month_only_ > 0};
  }
  const Reading& years = readings_[kShortYearFirst];
  const uint64_t year_last = day_only_ + month_only_ + either_;
  if (year_first_ > 0 && year_first_ >= year_last) {
    return {.order = DateOrder::kYearMonthDay, .way = LikeliestWay(), .two_orders = year_last > 0};
  }
  // A short year in front shows where days and months in front run to and fro.
  if (short_first_fits_ && years.dated > 0 && years.dated == readings_[kDayFirst].dated &&
      years.far_backwards == 0 &&
      (short_first_only_ > 0 || (day_only_ > 0 && readings_[kDayFirst].far_backwards > 0 &&
                                 readings_[kMonthFirst].far_backwards > 0))) {
    return {.order = DateOrder::kYearMonthDay, .way = kShortYearFirst};
  }
  const bool two = (day_only_ > 0 && month_only_ > 0) || year_first_ > 0;
  if (day_only_ > 0 || month_only_ > 0) {
    const bool days = day_only_ >= month_only_;
    return {.order = days ? DateOrder::kDayMonthYear : DateOrder::kMonthDayYear,
            .way = days ? kDayFirst : kMonthFirst,
            .ambiguous = YearsRunAsDays(),
            .two_orders = two,
            .short_year = YearsRunAsDays()};
  }
  Verdict out;
  if (either_ > 0) out = DecideByRun();
  out.two_orders = two;
  return out;
}

void DateOrders::Conclude(ExportSummary& summary) const {
  if (readings_[kDayFirst].dated == 0) return;
  const Verdict verdict = Decide();
  const Reading& reading = readings_[verdict.way];
  std::vector<std::string>& problems = summary.problems;
  summary.dated = true;
  summary.range = {verdict.order, Civil(reading.first), Civil(reading.last)};
  summary.ambiguous = verdict.ambiguous;
  if (verdict.short_year) {
    const Reading& years = readings_[kShortYearFirst];
    summary.alternatives = {summary.range,
                            {DateOrder::kYearMonthDay, Civil(years.first), Civil(years.last)}};
    problems.push_back("The text does not show whether the day or the year comes first.");
  } else if (verdict.ambiguous) {
    for (const DateOrder order : {DateOrder::kDayMonthYear, DateOrder::kMonthDayYear}) {
      const Reading& way = readings_[WayOf(order)];
      summary.alternatives.push_back({order, Civil(way.first), Civil(way.last)});
    }
    problems.push_back("The text does not show whether the day or the month comes first.");
  }
  if (verdict.two_orders) {
    problems.push_back(absl::StrCat("Dates of two orders: ", day_only_, " with the day first, ",
                                    month_only_, " with the month first, ", year_first_,
                                    " with the year first; the times follow ",
                                    std::string(DateOrderName(verdict.order)), "."));
  }
  if (verdict.thin) {
    problems.push_back(
        "The order of day and month follows from one place in the text alone: check it.");
  }
  summary.backwards = reading.backwards > 0;
  if (reading.backwards > 0) {
    problems.push_back(absl::StrCat(
        "Times run backwards ", reading.backwards, reading.backwards == 1 ? " time" : " times",
        ", first at byte ", reading.first_backwards_at, ", by up to ", Duration(reading.furthest),
        ": lines may have been pasted or moved."));
  }
  if (reading.hour_back > 0) {
    problems.push_back("The clock went back by an hour or less: may be daylight saving.");
  }
  if (foreign_ > 0) {
    problems.push_back(
        absl::StrCat("Years of a calendar that is not told by its digits, first at "
                     "byte ",
                     foreign_at_, ": they are left as they are written."));
  }
  if (late_short_years_ > 0) {
    problems.push_back(
        "Years of two digits that lie far ahead: they may be Buddhist years, and are not changed.");
  }
}

}  // namespace muster::archive
