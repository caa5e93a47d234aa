#include "controller/domain/policy_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;
using Severity = PolicyIssue::Severity;

v1::AppIdentity Dpkg(const std::string& package) {
  v1::AppIdentity identity;
  identity.set_platform(v1::Platform::LINUX);
  identity.set_origin(v1::Origin::DPKG);
  identity.set_package_id(package);
  return identity;
}

v1::App MakeApp(const std::string& id, const std::vector<v1::AppIdentity>& identities = {}) {
  v1::App app;
  app.set_id(id);
  app.set_name(absl::StrCat("Name of ", id));
  for (const auto& identity : identities) *app.add_identities() = identity;
  if (identities.empty()) *app.add_identities() = Dpkg(absl::StrCat(id, "-pkg"));
  return app;
}

v1::Trm MakeTrm(const std::string& id, v1::Trm::Status status,
                const std::string& decision = "T-1") {
  v1::Trm trm;
  trm.set_app_id(id);
  trm.set_status(status);
  trm.set_decision_id(decision);
  trm.set_reason("because");
  return trm;
}

// What the files say: apps are at line 1, TRM entries and blocklist ids at lines 2, 3, ...
LoadedPolicies Files(const std::vector<v1::App>& apps,
                     const std::optional<std::vector<v1::Trm>>& trm = std::nullopt,
                     const std::optional<std::vector<std::string>>& blocklist = std::nullopt) {
  LoadedPolicies files;
  for (const v1::App& app : apps) {
    files.apps.push_back({app, absl::StrCat("catalogue/", app.id(), ".yaml"), 1, 5});
  }
  if (trm.has_value()) {
    files.trm.emplace();
    int line = 2;
    for (const v1::Trm& entry : *trm) files.trm->push_back({entry, "trm.yaml", line++, 10});
  }
  if (blocklist.has_value()) {
    files.blocklist.emplace();
    int line = 2;
    for (const auto& id : *blocklist) files.blocklist->push_back({id, "blocklist.yaml", line++, 5});
  }
  return files;
}

// Apps a, b, c; a RESTRICTED, b PROHIBITED; a and b blocklisted.
PolicySet Current() {
  PolicySet set;
  for (const std::string id : {"a", "b", "c"}) set.apps[id] = MakeApp(id);
  set.trm["a"] = MakeTrm("a", v1::Trm::RESTRICTED);
  set.trm["b"] = MakeTrm("b", v1::Trm::PROHIBITED);
  set.blocklist = {"a", "b"};
  return set;
}

Texts TextsOf(const std::vector<PolicyIssue>& issues) {
  Texts texts;
  for (const PolicyIssue& issue : issues) {
    texts.push_back(
        absl::StrCat(issue.severity == Severity::kWarning ? "warning " : "", IssueText(issue)));
  }
  return texts;
}

std::string Dump(const PolicySet& set) {
  std::string out;
  for (const auto& [id, app] : set.apps)
    absl::StrAppend(&out, id, "=", app.ShortDebugString(), "\n");
  for (const auto& [id, trm] : set.trm)
    absl::StrAppend(&out, id, "=", trm.ShortDebugString(), "\n");
  for (const auto& id : set.blocklist) absl::StrAppend(&out, id, "\n");
  return out;
}

TEST(IssueText, HasThePositionThatIsKnown) {
  EXPECT_EQ(IssueText({Severity::kError, "trm.yaml", 3, 7, "wrong"}), "trm.yaml:3:7: wrong");
  EXPECT_EQ(IssueText({Severity::kWarning, "trm.yaml", 0, 0, "wrong"}), "trm.yaml: wrong");
  EXPECT_EQ(IssueText({Severity::kError, "", 0, 0, "wrong"}), "wrong");
}

TEST(SortAndCapIssues, SortsByPositionAndDropsRepetitions) {
  std::vector<PolicyIssue> issues = {
      {Severity::kError, "b", 1, 1, "m"},   {Severity::kError, "a", 10, 1, "m"},
      {Severity::kWarning, "a", 9, 2, "m"}, {Severity::kError, "a", 9, 1, "n"},
      {Severity::kError, "a", 9, 1, "m"},   {Severity::kError, "b", 1, 1, "m"}};
  SortAndCapIssues(&issues);
  EXPECT_EQ(TextsOf(issues),
            (Texts{"a:9:1: m", "a:9:1: n", "warning a:9:2: m", "a:10:1: m", "b:1:1: m"}));
}

TEST(SortAndCapIssues, ErrorsSurviveTheCap) {
  std::vector<PolicyIssue> issues;
  for (int i = 1; i <= 300; ++i) issues.push_back({Severity::kWarning, "a", i, 1, "w"});
  SortAndCapIssues(&issues);
  EXPECT_EQ(issues.size(), limits::kMaxIssues);
  EXPECT_FALSE(HasErrors(issues));
  EXPECT_EQ(IssueText(issues.back()), "101 more issues are not shown; correct these first");

  issues.clear();
  for (int i = 1; i <= 300; ++i) issues.push_back({Severity::kWarning, "a", i, 1, "w"});
  issues.push_back({Severity::kError, "z", 1, 1, "e"});
  SortAndCapIssues(&issues);
  EXPECT_EQ(issues.size(), limits::kMaxIssues);
  EXPECT_EQ(IssueText(issues[limits::kMaxIssues - 2]), "z:1:1: e");
  EXPECT_TRUE(HasErrors(issues));
}

TEST(PlanApply, Changes) {
  v1::App renamed = MakeApp("a");
  renamed.set_name("New");
  renamed.set_publisher("P");
  renamed.set_note("N");
  const struct {
    LoadedPolicies files;
    bool prune;
    Texts want;
    std::set<std::string> touched;
  } kCases[] = {
      {Files({}), false, {}, {}},
      {Files({}), true, {}, {}},  // Without a catalogue file nothing is pruned.
      {Files({MakeApp("a")}), false, {}, {}},
      {Files({MakeApp("d")}), false, {"app d added"}, {"d"}},
      {Files({renamed}), false, {"app a changed: name, publisher, note"}, {"a"}},
      {Files({MakeApp("a", {Dpkg("a-pkg"), Dpkg("x")})}),
       false,
       {"app a changed: 1 identity added"},
       {"a"}},
      {Files({MakeApp("a", {Dpkg("x"), Dpkg("y")})}),
       false,
       {"app a changed: 2 identities added, 1 identity removed"},
       {"a"}},
      {Files({MakeApp("a"), MakeApp("b")}), true, {"app c removed"}, {"c"}},
      {Files({}, {{MakeTrm("a", v1::Trm::PROHIBITED)}}),
       false,
       {"trm a: RESTRICTED -> PROHIBITED"},
       {"a"}},
      {Files({}, {{MakeTrm("c", v1::Trm::PERMITTED)}}),
       false,
       {"trm c: UNLISTED -> PERMITTED"},
       {"c"}},
      {Files({}, {{MakeTrm("a", v1::Trm::RESTRICTED)}}),
       true,
       {"trm b: PROHIBITED -> UNLISTED"},
       {"b"}},
      {Files({}, {{MakeTrm("a", v1::Trm::RESTRICTED, "T-9")}}),
       false,
       {"trm a changed: decision T-1 -> T-9"},
       {"a"}},
      {Files({}, std::nullopt, {{"b", "c"}}),
       false,
       {"blocklist: + c", "blocklist: - a"},
       {"a", "c"}},
      {Files({MakeApp("d")}, {{MakeTrm("d", v1::Trm::PROHIBITED)}}, {{"a", "b", "d"}}),
       false,
       {"app d added", "trm d: UNLISTED -> PROHIBITED", "blocklist: + d"},
       {"d"}},
      {Files({MakeApp("d")}, {{MakeTrm("d", v1::Trm::PROHIBITED)}}, {{"d"}}),
       true,
       {"app a removed", "app b removed", "app c removed", "app d added",
        "trm a: RESTRICTED -> UNLISTED", "trm b: PROHIBITED -> UNLISTED",
        "trm d: UNLISTED -> PROHIBITED", "blocklist: + d", "blocklist: - a", "blocklist: - b"},
       {"a", "b", "c", "d"}},
  };
  for (const auto& c : kCases) {
    const PolicyChange got = PlanApply(Current(), c.files, c.prune);
    EXPECT_EQ(TextsOf(got.issues), Texts{});
    EXPECT_EQ(got.changes, c.want);
    EXPECT_EQ(got.touched_apps, c.touched);
    // The result is a fixed point: applying the same files to it changes nothing more.
    const PolicyChange again = PlanApply(got.result, c.files, c.prune);
    EXPECT_EQ(again.changes, Texts{});
    EXPECT_EQ(Dump(again.result), Dump(got.result));
    // No line of change, no change; and the other way round.
    EXPECT_EQ(got.changes.empty(), Dump(got.result) == Dump(Current()));
  }
}

TEST(PlanApply, ResultHoldsWhatTheFilesSay) {
  const PolicyChange got =
      PlanApply(Current(), Files({MakeApp("d")}, {{MakeTrm("d", v1::Trm::PERMITTED)}}, {{"b"}}),
                /*prune=*/false);
  PolicySet want = Current();
  want.apps["d"] = MakeApp("d");
  want.trm["d"] = MakeTrm("d", v1::Trm::PERMITTED);
  want.blocklist = {"b"};
  EXPECT_EQ(Dump(got.result), Dump(want));
}

TEST(PlanApply, Errors) {
  const struct {
    std::string name;
    LoadedPolicies files;
    bool prune;
    Texts want;
  } kCases[] = {
      {"trm names an unknown app",
       Files({}, {{MakeTrm("a", v1::Trm::RESTRICTED), MakeTrm("zz", v1::Trm::PERMITTED)}}),
       false,
       {"trm.yaml:3:10: app 'zz' is not in the catalogue; add catalogue/zz.yaml or correct the "
        "id"}},
      {"blocklist names an unknown app",
       Files({}, std::nullopt, {{"zz", "a"}}),
       false,
       {"blocklist.yaml:2:5: app 'zz' is not in the catalogue; add catalogue/zz.yaml or correct "
        "the id"}},
      {"pruned while listed before",
       Files({MakeApp("a")}),
       true,
       {"catalogue/b.yaml: app 'b' would be removed, but still has a TRM entry; keep this file, or "
        "apply a trm.yaml without it",
        "catalogue/b.yaml: app 'b' would be removed, but still has a blocklist entry; keep this "
        "file, or apply a blocklist.yaml without it"}},
      {"pruned while listed in this apply",
       Files({MakeApp("a")}, {{MakeTrm("a", v1::Trm::RESTRICTED)}}, {{"a", "b"}}),
       true,
       {"blocklist.yaml:3:5: app 'b' would be removed by this apply; add catalogue/b.yaml or "
        "remove this entry"}},
      {"empty blocklist",
       Files({}, std::nullopt, std::vector<std::string>{}),
       false,
       {"blocklist.yaml: the blocklist would be empty; list at least one app id"}},
      {"empty trm",
       Files({}, std::vector<v1::Trm>{}),
       true,
       {"trm.yaml: no decision is listed; give at least one entry"}},
      {"one fact in two files",
       Files({MakeApp("d", {Dpkg("chat")}), MakeApp("e", {Dpkg("chat")})}),
       false,
       {"catalogue/e.yaml:1:5: 'linux dpkg chat' is an identity of both app 'd' and app 'e'; keep "
        "it in one of them"}},
      {"one fact in a file and in the catalogue before",
       Files({MakeApp("A0", {Dpkg("a-pkg")})}),
       false,
       {"catalogue/A0.yaml:1:5: 'linux dpkg a-pkg' is an identity of both app 'A0' and app 'a'; "
        "keep it in one of them"}},
      {"the same app twice",
       Files({MakeApp("d"), MakeApp("d")}),
       false,
       {"catalogue/d.yaml:1:5: app 'd' is given twice; one file per app"}},
      {"the same TRM entry twice",
       Files({}, {{MakeTrm("a", v1::Trm::RESTRICTED), MakeTrm("a", v1::Trm::PERMITTED)}}),
       false,
       {"trm.yaml:3:10: app 'a' has two entries; keep one"}},
  };
  for (const auto& c : kCases) {
    const PolicyChange got = PlanApply(Current(), c.files, c.prune);
    EXPECT_EQ(TextsOf(got.issues), c.want) << c.name;
    EXPECT_EQ(got.changes, Texts{}) << c.name;
    EXPECT_EQ(got.touched_apps, std::set<std::string>{}) << c.name;
    EXPECT_EQ(Dump(got.result), Dump(Current())) << c.name;
  }
}

TEST(PlanApply, EmptyCatalogueIsAnError) {
  const PolicyChange got = PlanApply({}, Files({}), /*prune=*/false);
  EXPECT_EQ(TextsOf(got.issues), Texts{"catalogue: the catalogue would be empty; give at least one "
                                       "catalogue/<id>.yaml"});
}

TEST(PlanApply, AFactMayMoveFromOneAppToAnotherInOneApply) {
  const PolicyChange got = PlanApply(
      Current(), Files({MakeApp("a", {Dpkg("other")}), MakeApp("b", {Dpkg("a-pkg")})}), false);
  EXPECT_EQ(TextsOf(got.issues), Texts{});
  EXPECT_EQ(got.changes, (Texts{"app a changed: 1 identity added, 1 identity removed",
                                "app b changed: 1 identity added, 1 identity removed"}));
}

TEST(PlanApply, PermittedAndBlocklistedIsAWarningThatDoesNotStop) {
  const std::string text =
      "app 'a' is PERMITTED and blocklisted, so it stays blocked; remove it from blocklist.yaml or "
      "change its TRM status";
  const PolicyChange by_trm =
      PlanApply(Current(), Files({}, {{MakeTrm("a", v1::Trm::PERMITTED)}}), false);
  EXPECT_EQ(TextsOf(by_trm.issues), Texts{absl::StrCat("warning trm.yaml:2:10: ", text)});
  EXPECT_EQ(by_trm.changes, Texts{"trm a: RESTRICTED -> PERMITTED"});

  const PolicyChange by_list =
      PlanApply(by_trm.result, Files({}, std::nullopt, {{"b", "a"}}), false);
  EXPECT_EQ(TextsOf(by_list.issues), Texts{absl::StrCat("warning blocklist.yaml:3:5: ", text)});

  const PolicyChange neither = PlanApply(by_trm.result, Files({MakeApp("d")}), false);
  EXPECT_EQ(TextsOf(neither.issues), Texts{absl::StrCat("warning blocklist.yaml: ", text)});
}

TEST(PlanApply, AnExportDeadlineSurvivesUntilTheStatusChanges) {
  PolicySet current = Current();
  current.trm["b"].mutable_export_until()->set_seconds(1'000);
  const PolicyChange same =
      PlanApply(current, Files({}, {{MakeTrm("b", v1::Trm::PROHIBITED, "T-2")}}), false);
  EXPECT_EQ(same.changes, Texts{"trm b changed: decision T-1 -> T-2"});
  EXPECT_EQ(same.result.trm.at("b").export_until().seconds(), 1'000);

  const PolicyChange other =
      PlanApply(current, Files({}, {{MakeTrm("b", v1::Trm::RESTRICTED)}}), false);
  EXPECT_FALSE(other.result.trm.at("b").has_export_until());
}

TEST(IdentityFacts, NamesEveryFact) {
  v1::AppIdentity identity = Dpkg("toxic");
  identity.add_paths("/usr/bin/toxic");
  identity.set_signer("aa");
  identity.set_file_hash("bb");
  identity.set_client("not a fact");
  identity.set_verified("not a fact");
  EXPECT_EQ(IdentityFacts(identity), (Texts{"linux dpkg toxic", "linux path /usr/bin/toxic",
                                            "linux signer aa", "sha256 bb"}));
}

TEST(PlanApply, SaysWhichWebHostsChange) {
  PolicySet current = Current();
  current.apps["a"].add_web_hosts("old.a.example");
  LoadedPolicies loaded;
  loaded.apps = {{current.apps["a"], "catalogue/a.yaml", 1, 1}};
  loaded.apps[0].value.set_web_hosts(0, "web.a.example");
  loaded.apps[0].value.add_web_hosts("chat.a.example");
  EXPECT_EQ(PlanApply(current, loaded, false).changes,
            Texts{"app a changed: 2 web hosts added, 1 web host removed"});
  loaded.apps[0].value = current.apps["a"];
  loaded.apps[0].value.clear_web_hosts();
  EXPECT_EQ(PlanApply(current, loaded, false).changes, Texts{"app a changed: 1 web host removed"});
}

TEST(PlanApply, OneWebHostIsOneAppsAlone) {
  PolicySet current = Current();
  current.apps["a"].add_web_hosts("web.a.example");
  LoadedPolicies loaded;
  loaded.apps = {{current.apps["b"], "catalogue/b.yaml", 1, 5}};
  loaded.apps[0].value.add_web_hosts("web.a.example");
  const PolicyChange change = PlanApply(current, loaded, false);
  ASSERT_EQ(change.issues.size(), 1u);
  EXPECT_EQ(IssueText(change.issues[0]),
            "catalogue/b.yaml:1:5: 'web host web.a.example' is an identity of both app 'a' and app "
            "'b'; keep it in one of them");
}

TEST(CompileContent, AWebClientBelongsToEveryPlatformWithManagedBrowsers) {
  PolicySet set;
  v1::AppIdentity android;
  android.set_platform(v1::Platform::ANDROID);
  android.set_origin(v1::Origin::ANDROID_PACKAGE);
  android.set_package_id("im.w");
  set.apps["w"] = MakeApp("w", {android});
  set.apps["w"].add_web_hosts("web.w.example");
  set.trm["w"] = MakeTrm("w", v1::Trm::PROHIBITED);
  for (const v1::Platform::Id platform :
       {v1::Platform::LINUX, v1::Platform::MACOS, v1::Platform::WINDOWS}) {
    v1::CohortContent want;
    *want.add_apps() = set.apps["w"];
    want.mutable_apps(0)->clear_identities();
    *want.add_trm() = set.trm["w"];
    EXPECT_EQ(CompileContent(set, platform).DebugString(), want.DebugString());
  }
  v1::CohortContent phone;
  *phone.add_apps() = MakeApp("w", {android});
  *phone.add_trm() = set.trm["w"];
  EXPECT_EQ(CompileContent(set, v1::Platform::ANDROID).DebugString(), phone.DebugString());
  EXPECT_EQ(CompileContent(set, v1::Platform::IOS).apps_size(), 0);
}

TEST(CompileContent, HoldsOnePlatformAndTheWholeBlocklist) {
  PolicySet set = Current();
  v1::AppIdentity android;
  android.set_platform(v1::Platform::ANDROID);
  android.set_origin(v1::Origin::ANDROID_PACKAGE);
  android.set_package_id("im.b");
  *set.apps["b"].add_identities() = android;  // b: linux and android
  set.apps["a"] = MakeApp("a", {android});
  set.apps["a"].mutable_identities(0)->set_package_id("im.a");

  v1::CohortContent want;
  *want.add_apps() = MakeApp("b");
  *want.add_apps() = MakeApp("c");
  *want.add_trm() = MakeTrm("b", v1::Trm::PROHIBITED);
  want.add_blocklist("a");  // blocked everywhere, though it has no identity here
  want.add_blocklist("b");
  EXPECT_EQ(CompileContent(set, v1::Platform::LINUX).DebugString(), want.DebugString());
  EXPECT_EQ(CompileContent(set, v1::Platform::IOS).apps_size(), 0);
}

}  // namespace
}  // namespace muster
