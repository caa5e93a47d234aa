#include "controller/adapters/yaml/policy_loader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/limits.h"
#include "common/time_proto.h"
#include "tests/controller/adapters/yaml/policy_issues.h"

namespace muster {
namespace {

constexpr char kHash[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(LoadPolicies, ReadsEveryField) {
  const LoadResult got = LoadPolicies({
      {"catalogue/tox.yaml", absl::StrCat("id: tox\n"
                                          "name: Tox\n"
                                          "publisher: \"Tox, e.V.\"\n"
                                          "note: |\n  Two\n  lines\n"
                                          "identities:\n"
                                          "  - platform: linux\n"
                                          "    dpkg: toxic\n"
                                          "    paths: [/usr/bin/toxic, /usr/games/toxic]\n"
                                          "    sha256: ",
                                          kHash,
                                          "\n"
                                          "    verified: dpkg -c\n"
                                          "  - platform: macos\n"
                                          "    bundle: chat.tox.qtox\n"
                                          "    signer: ABCDE12345\n"
                                          "    client: qTox\n"
                                          "    verified: unverified\n"
                                          "  - {platform: linux, paths: [/opt/tox], "
                                          "verified: unverified}\n")},
      {"trm.yaml",
       "trm:\n  - app: tox\n    status: RESTRICTED\n    decision: TRM-2026-007\n"
       "    decided_at: 2026-02-28\n    author: TRM Office\n    reason: Because.\n"},
      {"blocklist.yaml", "apps:\n  - tox\n"},
  });
  EXPECT_EQ(got.issues, std::vector<PolicyIssue>{});

  v1::App app;
  app.set_id("tox");
  app.set_name("Tox");
  app.set_publisher("Tox, e.V.");
  app.set_note("Two\nlines\n");
  v1::AppIdentity* dpkg = app.add_identities();
  dpkg->set_platform(v1::Platform::LINUX);
  dpkg->set_origin(v1::Origin::DPKG);
  dpkg->set_package_id("toxic");
  dpkg->add_paths("/usr/bin/toxic");
  dpkg->add_paths("/usr/games/toxic");
  dpkg->set_file_hash(kHash);
  dpkg->set_verified("dpkg -c");
  v1::AppIdentity* bundle = app.add_identities();
  bundle->set_platform(v1::Platform::MACOS);
  bundle->set_origin(v1::Origin::BUNDLE);
  bundle->set_package_id("chat.tox.qtox");
  bundle->set_signer("ABCDE12345");
  bundle->set_client("qTox");
  bundle->set_verified("unverified");
  v1::AppIdentity* path = app.add_identities();
  path->set_platform(v1::Platform::LINUX);
  path->add_paths("/opt/tox");
  path->set_verified("unverified");
  ASSERT_EQ(got.policies.apps.size(), 1u);
  EXPECT_EQ(got.policies.apps[0].value.DebugString(), app.DebugString());
  EXPECT_EQ(got.policies.apps[0].file, "catalogue/tox.yaml");
  EXPECT_EQ(got.policies.apps[0].line, 1);
  EXPECT_EQ(got.policies.apps[0].column, 5);

  v1::Trm trm;
  trm.set_app_id("tox");
  trm.set_status(v1::Trm::RESTRICTED);
  trm.set_decision_id("TRM-2026-007");
  *trm.mutable_decided_at() =
      ToProto(absl::FromCivil(absl::CivilDay(2026, 2, 28), absl::UTCTimeZone()));
  trm.set_author("TRM Office");
  trm.set_reason("Because.");
  ASSERT_TRUE(got.policies.trm.has_value());
  ASSERT_EQ(got.policies.trm->size(), 1u);
  EXPECT_EQ(got.policies.trm->at(0).value.DebugString(), trm.DebugString());
  EXPECT_EQ(got.policies.trm->at(0).line, 2);
  EXPECT_EQ(got.policies.trm->at(0).column, 10);

  ASSERT_TRUE(got.policies.blocklist.has_value());
  ASSERT_EQ(got.policies.blocklist->size(), 1u);
  EXPECT_EQ(got.policies.blocklist->at(0).value, "tox");
  EXPECT_EQ(got.policies.blocklist->at(0).line, 2);
  EXPECT_EQ(got.policies.blocklist->at(0).column, 5);
}

TEST(LoadPolicies, TrmIssues) {
  const std::string good =
      "    decision: T-1\n    decided_at: 2026-01-15\n    author: A\n    reason: R\n";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"trm: []\n", {"trm.yaml:1:6: 'trm' is empty; give at least one entry"}},
      {"apps: []\n",
       {"trm.yaml:1:1: trm.yaml has no 'trm'; add trm: ...",
        "trm.yaml:1:1: unknown key 'apps'; expected trm"}},
      {"trm:\n  - x\n",
       {"trm.yaml:2:5: a TRM entry must be a map (key: value lines), but is a single value"}},
      {"trm:\n  - app: x\n    status: PERMITED\n" + good,
       {"trm.yaml:3:13: unknown status 'PERMITED'; did you mean 'PERMITTED'? expected one of "
        "PERMITTED, RESTRICTED, PROHIBITED, UNLISTED"}},
      {"trm:\n  - app: x\n    status: prohibited\n" + good,
       {"trm.yaml:3:13: unknown status 'prohibited'; did you mean 'PROHIBITED'? expected one of "
        "PERMITTED, RESTRICTED, PROHIBITED, UNLISTED"}},
      {"trm:\n  - {app: x}\n",
       {"trm.yaml:2:5: a TRM entry has no 'author'; add author: ...",
        "trm.yaml:2:5: a TRM entry has no 'decided_at'; add decided_at: ...",
        "trm.yaml:2:5: a TRM entry has no 'decision'; add decision: ...",
        "trm.yaml:2:5: a TRM entry has no 'reason'; add reason: ...",
        "trm.yaml:2:5: a TRM entry has no 'status'; add status: ..."}},
      {"trm:\n  - app: x\n    status: PERMITTED\n" + good + "  - app: x\n    status: PROHIBITED\n" +
           good,
       {"trm.yaml:8:10: app 'x' is already listed in line 2; keep one of them"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    decision: T\n    decided_at: 2026-02-30\n"
       "    author: A\n    reason: R\n",
       {"trm.yaml:5:17: 'decided_at' '2026-02-30' is not a date; write YYYY-MM-DD"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    decision: T\n    decided_at: 15.01.2026\n"
       "    author: A\n    reason: R\n",
       {"trm.yaml:5:17: 'decided_at' '15.01.2026' is not a date; write YYYY-MM-DD"}},
      {"trm:\n  - app: x\n    status: PERMITTED\n    until: never\n" + good,
       {"trm.yaml:4:5: unknown key 'until'; expected one of app, status, decision, decided_at, "
        "author, reason"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IssuesOf({{"trm.yaml", c.text}}), c.want) << c.text;
}

TEST(LoadPolicies, BlocklistIssues) {
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"apps: []\n", {"blocklist.yaml:1:7: 'apps' is empty; give at least one entry"}},
      {"apps:\n",
       {"blocklist.yaml:1:1: 'apps' must be a list (lines that start with '- '), but is empty"}},
      {"", {"blocklist.yaml: the file is empty; write its keys or leave the file out"}},
      {"- x\n",
       {"blocklist.yaml:1:1: blocklist.yaml must be a map (key: value lines), but is a list"}},
      {"apps:\n  - x\nother: 1\n", {"blocklist.yaml:3:1: unknown key 'other'; expected apps"}},
      {"apps:\n  - x\n  - y\n  - x\n",
       {"blocklist.yaml:4:5: app 'x' is already listed in line 2; keep one of them"}},
      {"apps:\n  - id: x\n",
       {"blocklist.yaml:2:5: an entry of 'apps' must be an app id, but is a map"}},
      {"apps:\n  - Bad Id\n",
       {"blocklist.yaml:2:5: an entry of 'apps' 'Bad Id' is not an app id; use 1 to 64 of a-z, 0-9 "
        "and -, with no - at either end"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(IssuesOf({{"blocklist.yaml", c.text}}), c.want) << c.text;
}

TEST(LoadPolicies, FileIssues) {
  const std::string unknown =
      ": unknown policy file; expected catalogue/<app id>.yaml, trm.yaml, "
      "blocklist.yaml, cohorts.yaml, retention.yaml or guidance/{training,archive,messages}.yaml";
  for (const std::string path :
       {"notes.txt", "catalogue/x.yml", "catalogue/X.yaml", "catalogue/.yaml", "x.yaml",
        "catalogue/a/x.yaml", "../trm.yaml", "/trm.yaml", "catalogue/../trm.yaml"}) {
    EXPECT_EQ(IssuesOf({{path, ""}}), Texts{path + unknown});
  }
  EXPECT_EQ(IssuesOf({{"a\nb", ""}}), Texts{"'a?b'" + unknown});
  EXPECT_EQ(IssuesOf({{"catalogue/x.yaml", GoodApp("x")}, {"catalogue/x.yaml", GoodApp("x")}}),
            Texts{"catalogue/x.yaml: this file was given twice; give it once"});
  const std::string big(limits::kMaxPolicyFileBytes + 1, '#');
  EXPECT_EQ(IssuesOf({{"trm.yaml", big}}),
            Texts{"trm.yaml: the file has 262145 bytes; at most 262144 are allowed"});
  const std::vector<PolicyFileText> many(limits::kMaxPolicyFiles + 1);
  EXPECT_EQ(IssuesOf(many), Texts{"2001 policy files were given; at most 2000 are allowed"});
}

TEST(LoadPolicies, IssuesOfAllFilesAreSortedByPosition) {
  const std::string id =
      "catalogue/y.yaml:1:5: 'id' is 'z', but the file is named for 'y'; make them equal";
  EXPECT_EQ(IssuesOf({{"trm.yaml", "trm: []\n"},
                      {"catalogue/y.yaml", "id: z\nname: ''\nidentities: []\n"},
                      {"blocklist.yaml", "apps: []\n"}}),
            (Texts{"blocklist.yaml:1:7: 'apps' is empty; give at least one entry", id,
                   "catalogue/y.yaml:2:7: 'name' must not be empty",
                   "catalogue/y.yaml:3:13: 'identities' is empty; give at least one entry",
                   "trm.yaml:1:6: 'trm' is empty; give at least one entry"}));
}

TEST(LoadPolicies, IssuesAreCapped) {
  std::string text = "apps:\n";
  for (int i = 0; i < 1'000; ++i) absl::StrAppend(&text, "  - BAD\n");
  const LoadResult one = LoadPolicies({{"blocklist.yaml", text}});
  ASSERT_EQ(one.issues.size(), limits::kMaxIssues);
  EXPECT_EQ(IssueText(one.issues[0]),
            "blocklist.yaml: 801 more issues in this file are not shown; correct the others first");
  const LoadResult two = LoadPolicies(
      {{"blocklist.yaml", text}, {"trm.yaml", absl::StrReplaceAll(text, {{"apps", "trm"}})}});
  ASSERT_EQ(two.issues.size(), limits::kMaxIssues);
  EXPECT_EQ(IssueText(two.issues.back()), "201 more issues are not shown; correct these first");
}

TEST(LoadPolicies, OneFactInTwoAppsNamesBoth) {
  const auto app = [](const std::string& id, const std::string& identity) {
    return PolicyFileText{
        absl::StrCat("catalogue/", id, ".yaml"),
        absl::StrCat("id: ", id, "\nname: N\nidentities:\n  - {", identity, ", verified: seen}\n")};
  };
  const struct {
    std::string one, two;
    Texts want;
  } kCases[] = {
      {"platform: linux, dpkg: chat",
       "platform: linux, dpkg: chat",
       {"catalogue/b.yaml:4:29: 'linux dpkg chat' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:29) and app 'b'; keep it in one of them"}},
      {"platform: linux, dpkg: aa, paths: [/x, /y]",
       "platform: linux, paths: [/y]",
       {"catalogue/b.yaml:4:31: 'linux path /y' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:45) and app 'b'; keep it in one of them"}},
      {"platform: ios, signer: ABCDE12345",
       "platform: ios, signer: ABCDE12345",
       {"catalogue/b.yaml:4:29: 'ios signer ABCDE12345' is an identity of both app 'a' "
        "(catalogue/a.yaml:4:29) and app 'b'; keep it in one of them"}},
      {"platform: linux, dpkg: chat", "platform: linux, snap: chat", {}},
      {"platform: android, package: im.chat", "platform: ios, bundle: im.chat", {}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(IssuesOf({app("b", c.two), app("a", c.one)}), c.want) << c.one << " / " << c.two;
  }
}

TEST(LoadPolicies, AppIssues) {
  const std::string tail = "identities: [{platform: linux, dpkg: xx, verified: unverified}]\n";
  const std::string id_rule =
      " is not an app id; use 1 to 64 of a-z, 0-9 and -, with no - at either end";
  const struct {
    std::string text;
    Texts want;
  } kCases[] = {
      {"name: X\n" + tail, {"1:1: an app file has no 'id'; add id: ..."}},
      {"id: x\n" + tail, {"1:1: an app file has no 'name'; add name: ..."}},
      {"id: x\nname: X\n", {"1:1: an app file has no 'identities'; add identities: ..."}},
      {"id: y\nname: X\n" + tail,
       {"1:5: 'id' is 'y', but the file is named for 'x'; make them equal"}},
      {"id: X\nname: X\n" + tail, {"1:5: 'id' 'X'" + id_rule}},
      {"id: x-\nname: X\n" + tail, {"1:5: 'id' 'x-'" + id_rule}},
      {"id: [x]\nname: X\n" + tail, {"1:5: 'id' must be an app id, but is a list"}},
      {"id: x\nname:\n" + tail, {"2:1: 'name' must be text, but is empty"}},
      {"id: x\nname: ''\n" + tail, {"2:7: 'name' must not be empty"}},
      {"id: x\nname: [X]\n" + tail, {"2:7: 'name' must be text, but is a list"}},
      {"id: x\nname: {a: b}\n" + tail, {"2:7: 'name' must be text, but is a map"}},
      {"id: x\nname: 360\n" + tail,
       {"2:7: 'name' must be text, but '360' is a number; put it in quotes"}},
      {"id: x\nname: true\n" + tail,
       {"2:7: 'name' must be text, but 'true' is a boolean; put it in quotes"}},
      {"id: x\nname: \"a\\nb\"\n" + tail,
       {"2:7: 'name' must be one line of printable text; remove control and invisible characters"}},
      {"id: x\nname: " + std::string(129, 'n') + "\n" + tail,
       {"2:7: 'name' has 129 bytes; at most 128 are allowed"}},
      {"id: x\nname: X\nnote: \"\\x07\"\n" + tail,
       {"3:7: 'note' must be printable text; remove control and invisible characters"}},
      {"id: x\nname: X\nNotes: n\n" + tail,
       {"3:1: unknown key 'Notes'; did you mean 'note'? expected one of id, name, publisher, note, "
        "identities, web"}},
      {"id: x\nname: X\nzz: n\n" + tail,
       {"3:1: unknown key 'zz'; expected one of id, name, publisher, note, identities, web"}},
      {"id: x\nname: X\nidentities: []\n",
       {"3:13: 'identities' is empty; give at least one entry"}},
      {"id: x\nname: X\nidentities: linux\n",
       {"3:13: 'identities' must be a list (lines that start with '- '), but is a single value"}},
      {"id: x\nname: X\nidentities:\n  - toxic\n",
       {"4:5: an identity must be a map (key: value lines), but is a single value"}},
      {"id: x\nname: X\nidentities:\n"
       "  - {platform: linux, dpkg: xx, verified: unverified}\n"
       "  - {platform: linux, dpkg: xx, client: Y, verified: elsewhere}\n",
       {"5:5: this identity is already given in line 4; keep one of them"}},
  };
  for (const auto& c : kCases) EXPECT_EQ(AppIssues(c.text), c.want) << c.text;
}

}  // namespace
}  // namespace muster
