#include "cli/run.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/errors.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

TEST(Musterctl, GlobalOptionsStandBeforeOrAfterTheVerb) {
  const std::vector<std::string> kCases[] = {
      {"-o", "json", "--profile", "p.yaml", "--timeout", "3s", "grant", "show", "G"},
      {"grant", "show", "G", "-o", "json", "--profile", "p.yaml", "--timeout", "3s"},
      {"grant", "-o", "json", "show", "--profile", "p.yaml", "G", "--timeout", "3s"},
  };
  for (const auto& args : kCases) {
    FakeController controller;
    v1::Grant grant;
    grant.set_grant_id("G");
    controller.Answer(grant);
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(Json::parse(ran.out).at("grant_id"), "G");
    EXPECT_EQ(controller.profile_, "p.yaml");
    EXPECT_EQ(controller.timeout_, absl::Seconds(3));
  }
  FakeController controller;
  controller.Answer(v1::Grant());
  EXPECT_EQ(RunCtl(&controller, {"grant", "show", "G"}).code, 0);
  EXPECT_EQ(controller.profile_, "env.yaml");
}

TEST(Musterctl, UsageErrorsExitTwoAndAskNothing) {
  const std::pair<std::vector<std::string>, std::string> kCases[] = {
      {{}, "musterctl: A subcommand is required\n  next: musterctl --help shows the usage\n"},
      {{"grant"},
       "musterctl: A subcommand is required\n  next: musterctl grant --help shows the usage\n"},
      {{"grant", "revoke", "G"},
       "musterctl: --reason is required\n  next: musterctl grant revoke --help shows the usage\n"},
      {{"grant", "revoke", "G", "--reason", " "},
       "musterctl: --reason: must not be empty\n"
       "  next: musterctl grant revoke --help shows the usage\n"},
      {{"request", "approve", "R"},
       "musterctl: --reason is required\n  next: musterctl request approve --help shows the "
       "usage\n"},
      {{"app", "list", "-o", "xml"},
       "musterctl: --output: 'xml' is none of table, json, csv, yaml\n"
       "  next: musterctl app list --help shows the usage\n"},
      {{"trm", "set", "a", "UNSPECIFIED", "--decision", "d", "--reason", "r"},
       "musterctl: status: 'UNSPECIFIED' is none of PERMITTED, RESTRICTED, PROHIBITED, UNLISTED\n"
       "  next: musterctl trm set --help shows the usage\n"},
      {{"device", "token", "--platform", "ios", "--bridge", "--owner", "a"},
       "musterctl: --platform excludes --bridge\n"
       "  next: musterctl device token --help shows the usage\n"},
      {{"device", "token", "--platform", "linux", "--owner", "a", "--ttl", "soon"},
       "musterctl: --ttl: 'soon' is not a duration; write it like 180d, 12h, 30m or 1h30m\n"
       "  next: musterctl device token --help shows the usage\n"},
  };
  for (const auto& [args, want] : kCases) {
    FakeController controller;
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, kExitUsage);
    EXPECT_EQ(ran.err, want);
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(controller.calls.empty());
  }
  FakeController controller;
  EXPECT_EQ(RunCtl(&controller, {"app", "list", "--limit", "1001"}).code, kExitUsage);
  EXPECT_EQ(RunCtl(&controller, {"nonsense"}).code, kExitUsage);
  EXPECT_TRUE(controller.calls.empty());
}

TEST(Musterctl, VersionAndHelpExitZero) {
  FakeController controller;
  EXPECT_EQ(RunCtl(&controller, {"--version"}).out, "musterctl 0.1.0\n");
  EXPECT_EQ(RunCtl(&controller, {"--help"}).code, 0);
  EXPECT_EQ(RunCtl(&controller, {"request", "submit", "--help"}).code, 0);
}

TEST(Musterctl, ListsFetchEveryPage) {
  FakeController controller;
  v1::ListTrmResponse page;
  page.add_items()->set_app_id("a");
  page.set_next_cursor("c1");
  controller.Answer(page);
  page.mutable_items(0)->set_app_id("b");
  page.set_next_cursor("");
  controller.Answer(page);
  const Ran ran = RunCtl(&controller, {"trm", "list", "-o", "csv"});
  EXPECT_EQ(ran.out,
            "app_id,status,decision_id,decided_at,author,reason\n"
            "a,UNSPECIFIED,,,,\n"
            "b,UNSPECIFIED,,,,\n");
  EXPECT_EQ(controller.calls,
            (std::vector<std::string>{R"(ListTrm {"page_size":1000,"cursor":""})",
                                      R"(ListTrm {"page_size":1000,"cursor":"c1"})"}));
}

TEST(Musterctl, RolloutStatusIsALineEachAndWithDevicesABlock) {
  v1::ListRolloutsResponse response;
  v1::RolloutView* view = response.add_items();
  view->mutable_rollout()->set_name("cohort/linux");
  view->mutable_rollout()->set_state(v1::Rollout::RUNNING);
  view->mutable_rollout()->set_wave(2);
  view->mutable_rollout()->set_percent(10);
  view->mutable_rollout()->set_to_version(7);
  view->mutable_counts()->set_devices(40);
  view->mutable_counts()->set_verified(3);
  view->mutable_counts()->set_nacked(1);
  v1::DocumentState* device = view->add_documents();
  device->set_device_id("dev-1");
  device->set_state(v1::DocumentState::NACKED);
  FakeController controller;
  controller.Answer(response);
  controller.Answer(response);
  EXPECT_EQ(RunCtl(&controller, {"rollout", "status"}).out,
            "NAME          STATE    WAVE  PERCENT  VERSION  DEVICES  QUEUED  SENT  APPLIED  "
            "VERIFIED  NACKED  STALE\n"
            "cohort/linux  RUNNING  2     10       7        40       0       0     0        3"
            "         1       0\n");
  const std::string devices = RunCtl(&controller, {"rollout", "status", "--devices"}).out;
  EXPECT_EQ(devices.substr(0, devices.find('\n')), "name:             cohort/linux");
  EXPECT_NE(devices.find("documents:\n  device_id  state"), std::string::npos) << devices;
  EXPECT_NE(devices.find("dev-1      NACKED"), std::string::npos) << devices;
}

TEST(Musterctl, OnePageKeepsItsCursor) {
  FakeController controller;
  v1::ListTrmResponse page;
  page.add_items()->set_app_id("a");
  page.set_next_cursor("c1");
  controller.Answer(page);
  const Ran ran = RunCtl(&controller, {"trm", "list", "--limit", "1", "-o", "json"});
  EXPECT_EQ(Json::parse(ran.out).at("next_cursor"), "c1");
  EXPECT_EQ(controller.calls.size(), 1U);
}

TEST(Musterctl, BlocklistItemsHaveIdAndName) {
  FakeController controller;
  v1::GetBlocklistResponse blocklist;
  auto* item = blocklist.add_items();
  item->set_app_id("tox");
  item->set_name("Tox");
  item->set_trm(v1::Trm::PROHIBITED);
  controller.Answer(blocklist);
  EXPECT_EQ(CompactJson(Json::parse(RunCtl(&controller, {"blocklist", "show", "-o", "json"}).out)),
            R"({"items":[{"app_id":"tox","name":"Tox","trm":"PROHIBITED"}],"next_cursor":""})");
}

TEST(Musterctl, ADeniedSubmissionIsPrintedAndExitsThree) {
  FakeController controller;
  v1::RequestResponse response;
  response.mutable_request()->set_request_id("REQ-1");
  response.mutable_request()->set_state(v1::Request::DENIED);
  response.mutable_request()->set_reason_code("TRM_PROHIBITED");
  response.mutable_request()->set_decision_reason("signal is PROHIBITED");
  controller.Answer(response);
  const Ran ran = RunCtl(&controller, {"request", "submit", "--person", "a", "--app", "signal",
                                       "--ticket", "INC1", "--justification", "j", "-o", "json"});
  EXPECT_EQ(ran.code, kExitRejected);
  EXPECT_EQ(Json::parse(ran.out).at("state"), "DENIED");
  EXPECT_EQ(ran.err, "musterctl: the request is denied (TRM_PROHIBITED): signal is PROHIBITED\n");
}

TEST(Musterctl, DryRunPrintsTheImpact) {
  FakeController controller;
  v1::GrantResponse response;
  response.mutable_grant()->set_grant_id("G");
  response.mutable_impact()->set_dry_run(true);
  response.mutable_impact()->add_changes("grant G: ACTIVE -> REVOKING");
  response.mutable_impact()->set_devices(2);
  response.mutable_impact()->set_persons(1);
  controller.Answer(response);
  const Ran ran =
      RunCtl(&controller, {"grant", "revoke", "G", "--reason", "r", "--dry-run", "-o", "json"});
  EXPECT_EQ(
      CompactJson(Json::parse(ran.out)),
      R"({"dry_run":true,"changes":["grant G: ACTIVE -> REVOKING"],"devices":2,"persons":1,"grants":0,"drift":[]})");
}

TEST(Musterctl, ApplySendsThePolicyFilesAndNamesTheRest) {
  const auto dir = TempFolder();
  WriteFile(dir / "catalogue" / "tox.yaml", "id: tox\n");
  WriteFile(dir / "catalogue" / "notes.txt", "x");
  WriteFile(dir / "trm.yaml", "trm: []\n");
  WriteFile(dir / "guidance" / "whatsapp.md", "x");
  FakeController controller;
  v1::ApplyPoliciesResponse response;
  response.set_applied(true);
  response.mutable_impact()->add_changes("app tox added");
  response.mutable_impact()->set_devices(1);
  controller.Answer(response);
  const Ran ran = RunCtl(&controller, {"apply", "-f", dir.string(), "--prune"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "app tox added\n1 change, touches 1 device and 0 persons: applied\n");
  EXPECT_EQ(ran.err,
            "note: catalogue/notes.txt is not a policy file and is ignored\n"
            "note: guidance/whatsapp.md is not a policy file and is ignored\n");
  EXPECT_EQ(
      controller.calls,
      std::vector<std::string>{
          R"(ApplyPolicies {"files":[{"path":"catalogue/tox.yaml","text":"id: tox\n"},)"
          R"({"path":"trm.yaml","text":"trm: []\n"}],"prune":true,"dry_run":false,"commit":""})"});
  std::filesystem::remove_all(dir);
}

TEST(Musterctl, SimulateSaysWhoGainsAndWhoLoses) {
  const auto dir = TempFolder();
  WriteFile(dir / "trm.yaml", "t");
  FakeController controller;
  v1::SimulatePoliciesResponse response;
  auto* item = response.add_items();
  item->set_app_id("tox");
  item->set_person_upn("a@x");
  item->set_before("ALLOW");
  item->set_after("BLOCK");
  item->set_change("loses");
  item->set_reason("TRM_PROHIBITED");
  item->set_devices(2);
  controller.Answer(response);
  const Ran ran = RunCtl(&controller, {"simulate", "-f", dir.string(), "-o", "csv"});
  EXPECT_EQ(ran.out,
            "app_id,person_upn,change,before,after,reason,devices\n"
            "tox,a@x,loses,ALLOW,BLOCK,TRM_PROHIBITED,2\n");
  EXPECT_EQ(controller.calls,
            std::vector<std::string>{
                R"(SimulatePolicies {"files":[{"path":"trm.yaml","text":"t"}],"prune":false,)"
                R"("dry_run":false,"commit":""})"});
  std::filesystem::remove_all(dir);
}

TEST(Musterctl, IssuesAreLinesAndExitTwo) {
  const auto dir = TempFolder();
  WriteFile(dir / "list.yaml", "apps: []\n");
  FakeController controller;
  v1::ApplyPoliciesResponse response;
  auto* issue = response.add_issues();
  issue->set_severity(v1::Issue::ERROR);
  issue->set_file("blocklist.yaml");
  issue->set_line(1);
  issue->set_column(7);
  issue->set_message("the list is empty");
  issue = response.add_issues();
  issue->set_severity(v1::Issue::WARNING);
  issue->set_file("trm.yaml");
  issue->set_message("odd");
  controller.Answer(response);
  const Ran ran = RunCtl(&controller, {"blocklist", "apply", "-f", (dir / "list.yaml").string()});
  EXPECT_EQ(ran.code, kExitUsage);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err,
            "blocklist.yaml:1:7: error: the list is empty\n"
            "trm.yaml: warning: odd\n"
            "musterctl: 1 error, nothing was applied\n"
            "  next: correct the files and apply again\n");
  EXPECT_EQ(controller.calls,
            std::vector<std::string>{
                R"(ApplyPolicies {"files":[{"path":"blocklist.yaml","text":"apps: []\n"}],)"
                R"("prune":false,"dry_run":false,"commit":""})"});
  std::filesystem::remove_all(dir);
}

TEST(Musterctl, AFolderWithoutPolicyFilesIsAUsageError) {
  const auto dir = TempFolder();
  FakeController controller;
  const Ran ran = RunCtl(&controller, {"apply", "-f", dir.string()});
  EXPECT_EQ(ran.code, kExitUsage);
  EXPECT_EQ(ran.err, "musterctl: " + dir.string() +
                         " has no policy files; expected catalogue/<app>.yaml, trm.yaml, "
                         "blocklist.yaml, cohorts.yaml or retention.yaml\n");
  EXPECT_TRUE(controller.calls.empty());
  std::filesystem::remove_all(dir);
}

TEST(Musterctl, TheTokenIsAloneOnStdoutOrInAPrivateFile) {
  const auto dir = TempFolder();
  const std::string file = (dir / "token").string();
  v1::CreateTokenResponse response;
  response.set_token("s3cret");
  response.mutable_expires_at()->set_seconds(1'767'225'600);
  const std::vector<std::string> args = {"device", "token", "--platform", "linux", "--owner", "a"};
  FakeController controller;
  for (int i = 0; i < 3; ++i) controller.Answer(response);
  EXPECT_EQ(RunCtl(&controller, args).out, "s3cret\n");

  std::vector<std::string> to_file = args;
  to_file.insert(to_file.end(), {"--out", file, "-o", "json"});
  EXPECT_EQ(CompactJson(Json::parse(RunCtl(&controller, to_file).out)),
            R"({"expires_at":"2026-01-01T00:00:00Z","token_file":")" + file + "\"}");
  std::string text;
  std::getline(std::ifstream(file), text);
  EXPECT_EQ(text, "s3cret");
  struct stat st {};
  ASSERT_EQ(stat(file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600U);

  const Ran again = RunCtl(&controller, to_file);
  EXPECT_EQ(again.code, kExitRejected);
  EXPECT_EQ(again.err, "musterctl: " + file + " exists already; remove it or name another file\n");
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace muster::cli
