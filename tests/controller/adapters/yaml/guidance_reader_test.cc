#include "controller/adapters/yaml/guidance_reader.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "controller/domain/messages.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

using Map = std::map<std::string, std::string>;

TEST(ReadArchiveGuidance, WithAndWithoutAVersion) {
  const LoadResult with = LoadPolicies(
      {{"guidance/archive.yaml", "version: \"2026-1\"\nios: |\n  Export.\nlinux: Save.\n"}});
  EXPECT_EQ(with.issues, std::vector<PolicyIssue>{});
  EXPECT_EQ(with.policies.archive->version, "2026-1");
  EXPECT_EQ(with.policies.archive->texts, (Map{{"ios", "Export.\n"}, {"linux", "Save."}}));
  const LoadResult without = LoadPolicies({{"guidance/archive.yaml", "ios: Export.\n"}});
  EXPECT_EQ(without.issues, std::vector<PolicyIssue>{});
  EXPECT_EQ(without.policies.archive->version, "");
  EXPECT_EQ(without.policies.archive->texts, (Map{{"ios", "Export."}}));
}

TEST(ReadArchiveGuidance, MistakesHaveTheirPlace) {
  const std::pair<std::string, Texts> kCases[] = {
      {"version: a\n",
       {"1:1: guidance/archive.yaml has a version but no text; add one for a platform"}},
      {"version: \"\"\nios: x\n", {"1:10: 'version' must not be empty"}},
      {"version: [a]\nios: x\n", {"1:10: 'version' must be text, but is a list"}},
  };
  for (const auto& [text, want] : kCases) {
    Texts got = IssuesOf({{"guidance/archive.yaml", text}});
    for (std::string& t : got) t = absl::StrReplaceAll(t, {{"guidance/archive.yaml:", ""}});
    EXPECT_EQ(got, want) << text;
  }
}

TEST(ReadMessages, EachReaderOnce) {
  const auto message = [](const std::string& to) {
    return absl::StrCat("  - {topic: archive.overdue, to: ", to, ", subject: s, text: t}\n");
  };
  std::string all = "messages:\n";
  for (const char* to : {"requester", "person", "manager", "records"}) all += message(to);
  const LoadResult got = LoadPolicies({{"guidance/messages.yaml", all}});
  EXPECT_EQ(got.issues, std::vector<PolicyIssue>{});
  ASSERT_EQ(got.policies.messages->size(), 4u);
  EXPECT_EQ(got.policies.messages->at(2).reader(), v1::MessageTemplate::MANAGER);
  EXPECT_EQ(got.policies.messages->at(3).reader(), v1::MessageTemplate::RECORDS);
  EXPECT_EQ(IssuesOf({{"guidance/messages.yaml", "messages:\n" + message("boss")}}),
            Texts{"guidance/messages.yaml:2:34: 'to' 'boss' is none of requester, person, manager, "
                  "records"});
}

}  // namespace
}  // namespace muster
