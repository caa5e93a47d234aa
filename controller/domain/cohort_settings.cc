// What an agency tells one platform's cohort: for now, to report only, for a set time.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"
#include "controller/domain/policy_set.h"

namespace muster {
namespace {

using Severity = PolicyIssue::Severity;

const v1::CohortPolicy* FindCohort(const PolicySet& set, const std::string& platform) {
  const auto it = set.cohorts.find(platform);
  return it == set.cohorts.end() ? nullptr : &it->second;
}

absl::Time EndOf(const v1::CohortPolicy* cohort) {
  return cohort == nullptr ? absl::InfinitePast() : FromProto(cohort->monitor_until());
}

// The issue of one entry, if any. What has ended and was in force is no error: the file of last
// month must still be good to apply.
std::pair<Severity, std::string> Judge(const std::string& name, const v1::CohortPolicy* before,
                                       const v1::CohortPolicy& cohort, absl::Time now) {
  const absl::Time until = FromProto(cohort.monitor_until());
  const std::string text = TimeText(until);
  if (until > now + limits::kMaxCohortMonitor) {
    return {Severity::kError,
            absl::StrCat("'monitor_until' ", text, " is more than ",
                         limits::kMaxCohortMonitor / absl::Hours(24),
                         " days ahead; choose an earlier time and renew it if need be")};
  }
  if (until > now) {
    return {Severity::kWarning, absl::StrCat("cohort ", name, " only monitors until ", text,
                                             ": before that its devices block nothing but an "
                                             "emergency deny")};
  }
  if (EndOf(before) == until) {
    return {Severity::kWarning, absl::StrCat("'monitor_until' ", text, " is over and cohort ", name,
                                             " enforces; remove this entry")};
  }
  return {Severity::kError, absl::StrCat("'monitor_until' ", text,
                                         " is over; choose a later time "
                                         "or remove this entry")};
}

}  // namespace

void PlanCohorts(const PolicySet& current, const LoadedPolicies& loaded, absl::Time now,
                 PolicyChange& change) {
  if (!loaded.cohorts) return;
  change.result.cohorts.clear();
  for (const Located<v1::CohortPolicy>& entry : *loaded.cohorts) {
    const std::string name(PlatformName(entry.value.platform()));
    const auto issue = [&](Severity severity, std::string text) {
      change.issues.push_back({severity, entry.file, entry.line, entry.column, std::move(text)});
    };
    if (!change.result.cohorts.emplace(name, entry.value).second) {
      issue(Severity::kError, absl::StrCat("cohort '", name, "' has two entries; keep one"));
      continue;
    }
    auto [severity, text] = Judge(name, FindCohort(current, name), entry.value, now);
    issue(severity, std::move(text));
  }
}

void DescribeCohorts(const PolicySet& before, const PolicySet& after,
                     std::vector<std::string>& changes) {
  for (const v1::Platform::Id platform : kPlatforms) {
    const std::string name(PlatformName(platform));
    const v1::CohortPolicy* was = FindCohort(before, name);
    const v1::CohortPolicy* is = FindCohort(after, name);
    if (is == nullptr) {
      if (was != nullptr) changes.push_back(absl::StrCat("cohort ", name, ": monitors no longer"));
    } else if (EndOf(was) != EndOf(is)) {
      changes.push_back(absl::StrCat("cohort ", name, ": monitors until ", TimeText(EndOf(is)),
                                     was ? absl::StrCat(", not ", TimeText(EndOf(was))) : ""));
    } else if (was->monitor_reason() != is->monitor_reason()) {
      changes.push_back(absl::StrCat("cohort ", name, ": another reason to monitor"));
    }
  }
}

void AddMonitoring(const PolicySet& set, v1::Platform::Id platform, v1::CohortPolicy& policy) {
  const v1::CohortPolicy* cohort = FindCohort(set, std::string(PlatformName(platform)));
  if (cohort == nullptr) return;
  *policy.mutable_monitor_until() = cohort->monitor_until();
  policy.set_monitor_reason(cohort->monitor_reason());
}

}  // namespace muster
