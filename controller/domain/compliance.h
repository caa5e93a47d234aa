// Figures over obligations: how many chats are kept as the law wants, and how sure that is. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "muster/v1/archive.pb.h"
#include "muster/v1/archive_calls.pb.h"

namespace muster {

enum class ComplianceGroup { kOffice, kPerson };

// The clock of this obligation is past its last day, whatever else is wrong with it.
bool CountsAsOverdue(const v1::Obligation& obligation, absl::Time now);
// Compliant, and in no state in which nobody may say so: a silent agent, a gap, a mismatch.
bool IsCompliant(const v1::Obligation& obligation, absl::Time now);
// Belongs on the list of unauthorised dispositions: confirmed at some time, or not yet decided.
bool IsUnauthorisedDisposition(const v1::Incident& incident);

// Folds obligations and incidents into figures by group. An obligation that ended with everything
// receipted is owed no more: of it only the messages count. At most limits::kMaxFigureGroups
// groups; further ones are counted together as kOtherGroups. Value type; thread-compatible.
class ComplianceTable {
 public:
  ComplianceTable(ComplianceGroup by, absl::Time now) : by_(by), now_(now) {}

  void Add(const v1::Obligation& obligation);
  void Add(const v1::Incident& incident);

  // By group, in order of its name; persons counted once in each.
  std::vector<v1::ComplianceFigures> Items() const;
  v1::ComplianceFigures Total() const;

 private:
  struct Group {
    v1::ComplianceFigures figures;
    std::set<std::string> persons;
  };
  Group& GroupOf(const std::string& office, const std::string& person_upn);

  ComplianceGroup by_;
  absl::Time now_;
  std::map<std::string, Group> groups_;
  Group total_;
};

inline constexpr char kNoOffice[] = "(no office)";
inline constexpr char kOtherGroups[] = "(others)";

// `more` counted into `sum`; persons are added up, so the two must not share any.
void AddFigures(const v1::ComplianceFigures& more, v1::ComplianceFigures& sum);

// One row of the list of who is overdue; nullopt when it is not. Manager and grant are the
// caller's to fill in.
std::optional<v1::ReportOverdueResponse::Item> OverdueItem(const v1::Obligation& obligation,
                                                           absl::TimeZone zone, absl::Time now);

// A quarter of the fiscal year of the United States (31 U.S.C. 1102), which begins on October 1 of
// the year before: FY2027 Q1 is October to December 2026.
struct FiscalQuarter {
  int year = 0;
  int quarter = 0;  // 1 to 4

  friend bool operator==(const FiscalQuarter&, const FiscalQuarter&) = default;
};
FiscalQuarter FiscalQuarterOf(absl::Time at, absl::TimeZone zone);
// INVALID_ARGUMENT: not 1 to 4, or no year from 2000 to 9999.
absl::Status CheckQuarter(FiscalQuarter quarter);
// First moment, and the first moment after it.
std::pair<absl::Time, absl::Time> BoundsOf(FiscalQuarter quarter, absl::TimeZone zone);
std::string QuarterName(FiscalQuarter quarter);  // "FY2027 Q1"
// The calendar months of a quarter, "2026-10" and so on.
std::vector<std::string> MonthsOf(FiscalQuarter quarter);

}  // namespace muster
