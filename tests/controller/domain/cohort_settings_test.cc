// cohorts.yaml: who only monitors, until when.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/agent_limits.h"
#include "common/time_proto.h"
#include "controller/domain/policy_set.h"
#include "tests/support/now.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;

const absl::Time kSoon = kNow + absl::Hours(24);

Located<v1::CohortPolicy> Entry(absl::Time until, const char* reason = "pilot", int line = 3) {
  Located<v1::CohortPolicy> out{{}, "cohorts.yaml", line, 20};
  out.value.set_platform(v1::Platform::LINUX);
  *out.value.mutable_monitor_until() = ToProto(until);
  out.value.set_monitor_reason(reason);
  return out;
}

// One app, so that there is a catalogue; and what monitors.
PolicySet Set(const std::vector<Located<v1::CohortPolicy>>& cohorts) {
  PolicySet out;
  out.apps["a"].set_id("a");
  for (const auto& entry : cohorts) out.cohorts["linux"] = entry.value;
  return out;
}

struct Planned {
  Texts issues, changes;
  bool monitors = false;
};
Planned Plan(const PolicySet& before,
             const std::optional<std::vector<Located<v1::CohortPolicy>>>& given) {
  LoadedPolicies loaded;
  loaded.cohorts = given;
  const PolicyChange change = PlanApply(before, loaded, false, kNow);
  Planned out;
  for (const PolicyIssue& issue : change.issues) {
    out.issues.push_back(absl::StrCat(
        issue.severity == PolicyIssue::Severity::kWarning ? "warning " : "", IssueText(issue)));
  }
  out.changes = change.changes;
  v1::CohortPolicy policy;
  AddMonitoring(change.result, v1::Platform::LINUX, policy);
  out.monitors = policy.has_monitor_until();
  v1::CohortPolicy other;
  AddMonitoring(change.result, v1::Platform::IOS, other);
  EXPECT_FALSE(other.has_monitor_until());
  return out;
}

TEST(PlanCohorts, SaysWhatChangesAndWarns) {
  const PolicySet none = Set({}), some = Set({Entry(kSoon)}), over = Set({Entry(kNow)});
  const std::string warning =
      "warning cohorts.yaml:3:20: cohort linux only monitors until 2027-01-16T08:00:00Z: before "
      "that its devices block nothing but an emergency deny";
  const struct {
    const char* what;
    const PolicySet& before;
    std::optional<std::vector<Located<v1::CohortPolicy>>> given;
    Texts issues, changes;
    bool monitors;
  } kCases[] = {
      {"no file", none, std::nullopt, {}, {}, false},
      {"no file leaves it", some, std::nullopt, {}, {}, true},
      {"begins",
       none,
       {{Entry(kSoon)}},
       {warning},
       {"cohort linux: monitors until 2027-01-16T08:00:00Z"},
       true},
      {"the same again", some, {{Entry(kSoon)}}, {warning}, {}, true},
      {"another end",
       over,
       {{Entry(kSoon)}},
       {warning},
       {"cohort linux: monitors until 2027-01-16T08:00:00Z, not 2027-01-15T08:00:00Z"},
       true},
      {"another reason",
       some,
       {{Entry(kSoon, "second pilot")}},
       {warning},
       {"cohort linux: another reason to monitor"},
       true},
      {"an empty list ends it",
       some,
       std::vector<Located<v1::CohortPolicy>>{},
       {},
       {"cohort linux: monitors no longer"},
       false},
      {"over, as it was applied",
       over,
       {{Entry(kNow)}},
       {"warning cohorts.yaml:3:20: 'monitor_until' 2027-01-15T08:00:00Z is over and cohort linux "
        "enforces; remove this entry"},
       {},
       true},
      {"over from the start",
       some,
       {{Entry(kNow)}},
       {"cohorts.yaml:3:20: 'monitor_until' 2027-01-15T08:00:00Z is over; choose a later time or "
        "remove this entry"},
       {},
       true},
      {"as long as may be",
       some,
       {{Entry(kNow + limits::kMaxCohortMonitor)}},
       {"warning cohorts.yaml:3:20: cohort linux only monitors until 2027-02-14T08:00:00Z: before "
        "that its devices block nothing but an emergency deny"},
       {"cohort linux: monitors until 2027-02-14T08:00:00Z, not 2027-01-16T08:00:00Z"},
       true},
      {"too long",
       none,
       {{Entry(kNow + limits::kMaxCohortMonitor + absl::Seconds(1))}},
       {"cohorts.yaml:3:20: 'monitor_until' 2027-02-14T08:00:01Z is more than 30 days ahead; "
        "choose "
        "an earlier time and renew it if need be"},
       {},
       false},
      {"twice",
       none,
       {{Entry(kSoon), Entry(kSoon, "again", 6)}},
       {warning, "cohorts.yaml:6:20: cohort 'linux' has two entries; keep one"},
       {},
       false},
  };
  for (const auto& c : kCases) {
    const Planned got = Plan(c.before, c.given);
    EXPECT_EQ(got.issues, c.issues) << c.what;
    EXPECT_EQ(got.changes, c.changes) << c.what;
    EXPECT_EQ(got.monitors, c.monitors) << c.what;
  }
}

}  // namespace
}  // namespace muster
