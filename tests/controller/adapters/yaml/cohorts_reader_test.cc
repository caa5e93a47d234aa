// cohorts.yaml as text: what is taken, and where what is wrong stands.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

TEST(Cohorts, ReadsEveryField) {
  const LoadResult got =
      LoadPolicies({{"cohorts.yaml",
                     "cohorts:\n  - platform: linux\n    monitor_until: 2027-02-01T06:00:00+01:00\n"
                     "    reason: pilot of the laptops\n"}});
  EXPECT_EQ(got.issues, std::vector<PolicyIssue>{});
  ASSERT_TRUE(got.policies.cohorts.has_value());
  ASSERT_EQ(got.policies.cohorts->size(), 1u);
  const Located<v1::CohortPolicy>& entry = got.policies.cohorts->front();
  EXPECT_EQ(entry.value.platform(), v1::Platform::LINUX);
  EXPECT_EQ(TimeText(FromProto(entry.value.monitor_until())), "2027-02-01T05:00:00Z");
  EXPECT_EQ(entry.value.monitor_reason(), "pilot of the laptops");
  EXPECT_EQ(entry.line, 3);
  EXPECT_EQ(entry.column, 20);
}

TEST(Cohorts, AnEmptyListIsGivenAndAMissingFileIsNot) {
  const LoadResult empty = LoadPolicies({{"cohorts.yaml", "cohorts: []\n"}});
  EXPECT_EQ(empty.issues, std::vector<PolicyIssue>{});
  ASSERT_TRUE(empty.policies.cohorts.has_value());
  EXPECT_TRUE(empty.policies.cohorts->empty());
  EXPECT_FALSE(LoadPolicies({}).policies.cohorts.has_value());
}

TEST(Cohorts, WhatIsWrongHasItsPlace) {
  const auto entry = [](const char* platform, const char* until, const char* more) {
    return absl::StrCat("cohorts:\n  - platform: ", platform, "\n    monitor_until: ", until, "\n",
                        more);
  };
  const char* const kGood = "2027-02-01T06:00:00Z";
  const char* const kWhy = "    reason: pilot\n";
  const std::pair<std::string, Texts> kCases[] = {
      {entry("linux", kGood, kWhy), {}},
      {entry("android", kGood, kWhy),
       {"cohorts.yaml:2:15: no agent of Muster enforces on android, so that cohort cannot be told "
        "to monitor; expected linux"}},
      {entry("beos", kGood, kWhy), {"cohorts.yaml:2:15: unknown platform 'beos'; expected linux"}},
      {entry("linux", "tomorrow", kWhy),
       {"cohorts.yaml:3:20: 'monitor_until' 'tomorrow' is not a time; write it like "
        "2026-03-01T12:00:00Z"}},
      {entry("linux", "infinite-future-and-beyond", kWhy),
       {"cohorts.yaml:3:20: 'monitor_until' 'infinite-future-and-beyond' is not a time; write it "
        "like 2026-03-01T12:00:00Z"}},
      {entry("linux", "2027-02-30T06:00:00Z", kWhy),
       {"cohorts.yaml:3:20: 'monitor_until' '2027-02-30T06:00:00Z' is not a time; write it like "
        "2026-03-01T12:00:00Z"}},
      {entry("linux", kGood, ""), {"cohorts.yaml:2:5: a cohort has no 'reason'; add reason: ..."}},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(IssuesOf({{"cohorts.yaml", text}}), want);
  EXPECT_FALSE(IssuesOf({{"cohorts.yaml", "- linux\n"}}).empty());
  EXPECT_FALSE(IssuesOf({{"cohorts.yaml", "cohorts: linux\n"}}).empty());
  EXPECT_FALSE(IssuesOf({{"cohorts.yaml", "cohort: []\n"}}).empty());
  EXPECT_FALSE(IssuesOf({{"cohorts.yaml", entry("linux", kGood, "    until: x\n")}}).empty());
  std::string many = "cohorts:\n";
  for (int i = 0; i < 6; ++i) absl::StrAppend(&many, "  - {platform: linux}\n");
  EXPECT_EQ(IssuesOf({{"cohorts.yaml", many}}),
            Texts{"cohorts.yaml:2:3: 'cohorts' has 6 entries; at most one per platform"});
}

}  // namespace
}  // namespace muster
