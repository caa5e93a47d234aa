// Which order of day and month a text proves, found in one pass: each way of reading its dates is
// followed beside the other.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "archive/export_reader.h"
#include "archive/stamp.h"

namespace muster::archive {

// Value type; thread-compatible.
class DateOrders {
 public:
  explicit DateOrders(std::optional<DateOrder> given) : given_(given) {}

  // The next entry's time, its place in the text for what is said about it. True: it is earlier
  // than the entry before it, by the order in force.
  bool Observe(const Stamp& stamp, uint64_t offset);
  // By the order in force now.
  absl::CivilSecond TimeOf(const Stamp& stamp) const;

  // Sets what a summary says of times, and adds to its problems.
  void Conclude(ExportSummary& summary) const;

 private:
  // Days before months, months before days, a short year first.
  enum Way : size_t { kDayFirst, kMonthFirst, kShortYearFirst, kWays };

  struct Reading {
    int64_t first = 0, last = 0, previous = 0;  // seconds of the civil calendar
    uint64_t dated = 0;
    uint64_t backwards = 0, far_backwards = 0;  // far: two days and more
    uint64_t hour_back = 0;                     // at most an hour
    int64_t furthest = 0;                       // seconds
    uint64_t first_backwards_at = 0;            // offset
    void Add(int64_t time, uint64_t offset);
  };

  // What a date says, whatever the time: most entries have that of the one before.
  struct Dated {
    Stamp date;
    std::array<int64_t, kWays> days = {};    // seconds of the civil calendar at their beginning
    bool straight = false, swapped = false;  // fits days first, months first
    bool short_first = false;                // fits a short year first
  };

  struct Verdict {
    DateOrder order = DateOrder::kDayMonthYear;
    Way way = kDayFirst;
    bool ambiguous = false;
    bool two_orders = false;
    bool thin = false;        // one place alone decides
    bool short_year = false;  // ambiguous: a short year may come first
  };

  static Dated DatedOf(const Stamp& stamp);
  void Count(const Stamp& stamp, int64_t time, uint64_t offset);
  Way LikeliestWay() const;
  Verdict Decide() const;
  Verdict DecideByRun() const;
  bool YearsRunAsDays() const;
  static Way WayOf(DateOrder order);

  std::optional<DateOrder> given_;
  std::array<Reading, kWays> readings_;
  std::optional<Dated> dated_;              // of the last entry
  uint64_t year_first_ = 0;                 // dates with the year in front
  uint64_t day_only_ = 0, month_only_ = 0;  // dates that fit one order alone
  uint64_t either_ = 0;                     // dates that fit both, and differ
  uint64_t short_first_only_ = 0;           // dates that fit a short year in front alone
  uint64_t short_years_ = 0, late_short_years_ = 0;
  uint64_t buddhist_ = 0, foreign_ = 0, foreign_at_ = 0;
  bool short_first_fits_ = true;
  std::array<uint64_t, 2> only_at_ = {0, 0};  // offset of the first of each
};

}  // namespace muster::archive
