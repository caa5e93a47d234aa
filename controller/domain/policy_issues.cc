// Issues of policy files: their words and their order.
#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "controller/domain/policy_set.h"

namespace muster {
namespace {

auto IssueOrder(const PolicyIssue& i) { return std::tie(i.file, i.line, i.column, i.message); }

bool IssueBefore(const PolicyIssue& a, const PolicyIssue& b) {
  return IssueOrder(a) < IssueOrder(b);
}

}  // namespace

std::string IssueText(const PolicyIssue& issue) {
  if (issue.file.empty()) return issue.message;
  if (issue.line == 0) return absl::StrCat(issue.file, ": ", issue.message);
  return absl::StrCat(issue.file, ":", issue.line, ":", issue.column, ": ", issue.message);
}

bool HasErrors(const std::vector<PolicyIssue>& issues) {
  return std::any_of(issues.begin(), issues.end(), [](const PolicyIssue& i) {
    return i.severity == PolicyIssue::Severity::kError;
  });
}

void SortAndCapIssues(std::vector<PolicyIssue>* issues) {
  std::sort(issues->begin(), issues->end(), IssueBefore);
  issues->erase(std::unique(issues->begin(), issues->end()), issues->end());
  if (issues->size() <= limits::kMaxIssues) return;
  const size_t kept = limits::kMaxIssues - 1;
  const size_t left_out = issues->size() - kept;
  const auto severity =
      HasErrors(*issues) ? PolicyIssue::Severity::kError : PolicyIssue::Severity::kWarning;
  std::stable_partition(issues->begin(), issues->end(), [](const PolicyIssue& i) {
    return i.severity == PolicyIssue::Severity::kError;
  });
  issues->resize(kept);
  std::sort(issues->begin(), issues->end(), IssueBefore);
  issues->push_back({severity, "", 0, 0,
                     absl::StrCat(left_out, " more issues are not shown; correct these first")});
}

}  // namespace muster
