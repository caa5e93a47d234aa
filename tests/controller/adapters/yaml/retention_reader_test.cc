#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "controller/adapters/yaml/policy_loader.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;

Texts IssuesOf(const std::string& text) {
  Texts out;
  for (const PolicyIssue& issue : LoadPolicies({{"retention.yaml", text}}).issues) {
    out.push_back(IssueText(issue));
  }
  return out;
}

constexpr char kSchedule[] =
    "time_zone: UTC\nschedules:\n  - id: A-1\n    title: t\n    status: draft\n"
    "    authority: a\n";

TEST(RetentionFile, TheShippedOneIsReadWhole) {
  std::ifstream file(std::string(MUSTER_SOURCE_DIR) + "/policies/retention.yaml");
  std::stringstream text;
  text << file.rdbuf();
  const LoadResult loaded = LoadPolicies({{"retention.yaml", text.str()}});
  ASSERT_TRUE(loaded.issues.empty()) << IssueText(loaded.issues[0]);
  const v1::RetentionPolicy& policy = *loaded.policies.retention;
  EXPECT_EQ(policy.time_zone(), "America/New_York");
  EXPECT_EQ(FromProto(policy.overdue_grace()), absl::Hours(120));
  EXPECT_EQ(FromProto(policy.silent_after()), absl::Hours(72));
  EXPECT_EQ(FromProto(policy.update_every()), absl::Hours(720));
  EXPECT_EQ(policy.repository(), "");
  ASSERT_EQ(policy.folders_size(), 1);
  EXPECT_EQ(policy.folders(0).platform(), v1::Platform::LINUX);
  EXPECT_EQ(policy.folders(0).folder(), "Chat exports");
  ASSERT_EQ(policy.schedules_size(), 2);
  const v1::RetentionSchedule& draft = policy.schedules(0);
  EXPECT_EQ(draft.id(), "DAA-0568-2022-0005");
  EXPECT_EQ(draft.status(), v1::RetentionSchedule::DRAFT);
  EXPECT_EQ(draft.disposition(), v1::RetentionSchedule::TEMPORARY);
  EXPECT_EQ(draft.keep_years(), 10u);
  EXPECT_EQ(draft.cutoff(), "calendar-year");
  EXPECT_FALSE(draft.capstone());
  EXPECT_EQ(policy.schedules(1).disposition(), v1::RetentionSchedule::PERMANENT);
  EXPECT_TRUE(policy.schedules(1).capstone());
}

TEST(RetentionFile, EachMistakeIsSaidWhereItIs) {
  const std::pair<std::string, Texts> kCases[] = {
      {"overdue_grace: 5d\n",
       {"retention.yaml:1:1: retention.yaml has no 'time_zone'; add time_zone: ..."}},
      {"time_zone: Atlantis/Central\n",
       {"retention.yaml:1:12: unknown time zone 'Atlantis/Central'; write it like "
        "America/New_York"}},
      {"time_zone: /etc/localtime\n",
       {"retention.yaml:1:12: unknown time zone '/etc/localtime'; write it like "
        "America/New_York"}},
      {"time_zone: UTC\nsilent_after: 5m\n",
       {"retention.yaml:2:15: 'silent_after' must be between 1h and 720h, not '5m'"}},
      {"time_zone: UTC\nrepository:\n  id: a/b\n  path: srv\n",
       {"retention.yaml:3:7: 'id' 'a/b' may hold letters, digits, '.', '_' and '-' only",
        "retention.yaml:4:9: 'path' 'srv' must begin with '/': it is where agents find the "
        "repository"}},
      {"time_zone: UTC\nfolders:\n  linux: ../x\n",
       {"retention.yaml:3:10: '../x' is no folder below a home; write it like Chat exports, "
        "without a leading '/' or '..'"}},
      {absl::StrCat(kSchedule, "    disposition: temporary\n"),
       {"retention.yaml:3:5: a temporary schedule has no 'cutoff'; add cutoff: ...",
        "retention.yaml:3:5: a temporary schedule has no 'keep_years'; add keep_years: ..."}},
      {absl::StrCat(kSchedule, "    disposition: permanent\n    keep_years: 3\n"),
       {"retention.yaml:8:17: a permanent schedule has no 'keep_years'"}},
      {absl::StrCat(kSchedule,
                    "    disposition: permanent\n  - id: A-1\n    title: t\n"
                    "    status: draft\n    authority: a\n    disposition: permanent\n"),
       {"retention.yaml:8:5: schedule 'A-1' is given twice for everybody else; keep one"}},
      {"time_zone: UTC\naudit_log:\n  keep_years: 2\n  authority: a\n",
       {"retention.yaml:3:15: 'keep_years' must be a number between 3 and 100"}},
      {"time_zone: UTC\naudit_log:\n  keep_years: 101\n  authority: a\n",
       {"retention.yaml:3:15: 'keep_years' must be a number between 3 and 100"}},
      {"time_zone: UTC\naudit_log:\n  keep_years: \"7\"\n  authority: a\n",
       {"retention.yaml:3:15: 'keep_years' must be a number between 3 and 100"}},
      {"time_zone: UTC\naudit_log:\n  keep_years: 7\n",
       {"retention.yaml:3:3: 'audit_log' has no 'authority'; add authority: ..."}},
      {"time_zone: UTC\naudit_log:\n  authority: a\n",
       {"retention.yaml:3:3: 'audit_log' has no 'keep_years'; add keep_years: ..."}},
  };
  for (const auto& [text, want] : kCases) EXPECT_EQ(IssuesOf(text), want) << text;
}

TEST(RetentionFile, AChangeIsSaidInWordsAndTheSameAgainIsNone) {
  PolicySet before;
  before.apps["x"].set_id("x");
  const auto load = [](const std::string& text) {
    return LoadPolicies({{"retention.yaml", text}}).policies;
  };
  const PolicyChange first =
      PlanApply(before, load(absl::StrCat(kSchedule, "    disposition: permanent\n")), false,
                absl::UnixEpoch());
  EXPECT_EQ(first.changes,
            (Texts{"retention: time zone none -> UTC", "retention: schedule A-1 added, DRAFT"}));
  const PolicyChange again =
      PlanApply(first.result, load(absl::StrCat(kSchedule, "    disposition: permanent\n")), false,
                absl::UnixEpoch());
  EXPECT_EQ(again.changes, Texts{});
  const PolicyChange other =
      PlanApply(first.result, load("time_zone: America/New_York\noverdue_grace: 2d\n"), false,
                absl::UnixEpoch());
  EXPECT_EQ(other.changes, (Texts{"retention: time zone UTC -> America/New_York",
                                  "retention: overdue grace the default -> 48h",
                                  "retention: schedule A-1 removed"}));
}

TEST(RetentionFile, TheAuditLogIsKeptForGoodUnlessItSaysHowLong) {
  PolicySet before;
  before.apps["x"].set_id("x");
  const auto plan = [](const PolicySet& from, const std::string& text) {
    return PlanApply(from, LoadPolicies({{"retention.yaml", text}}).policies, false,
                     absl::UnixEpoch());
  };
  const std::string with =
      "time_zone: UTC\naudit_log:\n  keep_years: 7\n  authority: GRS 3.2, item 031\n";
  const PolicyChange first = plan(before, "time_zone: UTC\n");
  EXPECT_FALSE(first.result.retention->has_audit_log());
  const PolicyChange set = plan(first.result, with);
  EXPECT_EQ(set.result.retention->audit_log().keep_years(), 7u);
  EXPECT_EQ(set.result.retention->audit_log().authority(), "GRS 3.2, item 031");
  EXPECT_EQ(set.changes, (Texts{"retention: texts of the audit log kept for good -> kept for 7 "
                                "years (GRS 3.2, item 031)"}));
  EXPECT_EQ(plan(set.result, with).changes, Texts{});
  EXPECT_EQ(plan(set.result, "time_zone: UTC\n").changes,
            (Texts{"retention: texts of the audit log kept for 7 years (GRS 3.2, item 031) -> "
                   "kept for good"}));
}

}  // namespace
}  // namespace muster
