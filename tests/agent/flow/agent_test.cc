// The agent over fakes: policy, inventory, disarm, questions and reports.
#include <gtest/gtest.h>

#include "common/limits.h"
#include "tests/agent/flow/agent_fixture.h"

namespace muster::agent {
namespace {

TEST_F(AgentTest, FirstReportsAreStatusInventoryAndPolicy) {
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].status().mode(), v1::StatusReport::ENFORCING);
  EXPECT_EQ(reports[0].status().local_accounts_size(), 2);
  EXPECT_TRUE(reports[1].inventory().full());
  EXPECT_EQ(reports[1].inventory().installed_size(), 2);
  EXPECT_EQ(reports[2].policy().documents_size(), 1);
}

TEST_F(AgentTest, APolicyIsInForceBeforeItsAckAndReportedAfter) {
  TakeReports();
  agent_->outbox().Open(agent_->MakeHello());
  SendPolicy(true);
  EXPECT_FALSE(Denied(20001));
  EXPECT_TRUE(Denied(20002));
  EXPECT_GE(enforcer_.kills, 1);
  const v1::Hello hello = agent_->outbox().Take()->hello();
  EXPECT_EQ(hello.known_size(), 1);
  EXPECT_EQ(hello.instance_id(), "instance-1");
  EXPECT_EQ(hello.report_seq(), 3u);
  EXPECT_EQ(hello.report_sha256(), last_report_sha256_);
  EXPECT_EQ(agent_->outbox().Take()->ack().name(), "assignment/dev-1");
  const v1::Need need = agent_->outbox().Take()->need();
  EXPECT_EQ(need.nonce(), 7u);
  EXPECT_EQ(need.chunks_size(), 1);
  EXPECT_EQ(agent_->outbox().Take()->ack().name(), "cohort/linux");
  EXPECT_EQ(enforcer_.proofs, 1) << "no answer waited for a probe";
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].policy().documents_size(), 3);
  EXPECT_EQ(agent_->MakeHello().hello().known_size(), 3);
}

TEST_F(AgentTest, EnforcesAfterARestartBeforeAnyConnection) {
  SendPolicy(true);
  Restart();
  EXPECT_FALSE(Denied(20001));
  EXPECT_TRUE(Denied(20002));
  ASSERT_EQ(enforcer_.state.candidates->files().size(), 1u);
}

TEST_F(AgentTest, InventoryChangesAreReportedWithTheirApp) {
  SendPolicy(false);
  agent_->OnInventoryChanged();
  TakeReports();
  machine_.inventory = {Item("chatapp", "2"), Item("htop", "3")};
  agent_->OnInventoryChanged();
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  const v1::InventoryReport& change = reports[0].inventory();
  EXPECT_FALSE(change.full());
  ASSERT_EQ(change.installed_size(), 2);
  EXPECT_EQ(change.installed(0).app_id(), "chat");
  EXPECT_EQ(change.installed(0).version(), "2");
  EXPECT_EQ(change.installed(1).package_id(), "htop");
  ASSERT_EQ(change.removed_size(), 1);
  EXPECT_EQ(change.removed(0).package_id(), "vim");
  agent_->OnInventoryChanged();
  EXPECT_TRUE(TakeReports().empty());
  EXPECT_EQ(Status().catalogued_installed_size(), 1);
}

TEST_F(AgentTest, LearnsOnceAndRemembersOverARestart) {
  SendPolicy(false);
  EXPECT_GE(wakes_, 1);
  agent_->Work();
  const auto files = store_.files();
  ASSERT_TRUE(files.contains(kLearnedFile));
  EXPECT_EQ(enforcer_.state.candidates->FindHash(100, "aa", "/tmp/copy"), 0);
  agent_->Work();
  EXPECT_EQ(store_.files().at(kLearnedFile), files.at(kLearnedFile));
  machine_.inventory.clear();
  machine_.stamps.clear();
  Restart();
  EXPECT_EQ(enforcer_.state.candidates->FindHash(100, "aa", "/tmp/copy"), 0);
}

TEST_F(AgentTest, AFileThatAnotherPackageShipsIsNotLearned) {
  machine_.shipped.emplace("m1", std::make_pair("electron", "/usr/lib/electron/electron"));
  SendPolicy(false);
  agent_->Work();
  EXPECT_FALSE(store_.files().contains(kLearnedFile));
  const v1::AgentStatus status = Status();
  ASSERT_EQ(status.cannot_enforce_size(), 1);
  EXPECT_EQ(status.cannot_enforce(0),
            "chat: /usr/bin/chat is the same file as /usr/lib/electron/electron of package "
            "electron; copies of it cannot be told apart and are not blocked");
}

TEST_F(AgentTest, ALearnedHashYieldsWhereAnotherPackageOwnsThePath) {
  SendPolicy(false);
  agent_->Work();
  machine_.shipped.emplace("m1", std::make_pair("twin", "/usr/bin/twin"));
  machine_.shipped.emplace("m1", std::make_pair("chatapp", "/usr/bin/chat"));
  agent_->OnInventoryChanged();
  EXPECT_EQ(enforcer_.state.candidates->FindHash(100, "aa", "/usr/bin/twin"), std::nullopt);
  EXPECT_EQ(enforcer_.state.candidates->FindHash(100, "aa", "/usr/bin/chat"), 0);
}

TEST_F(AgentTest, APathOfAnotherPackageIsNotTheApps) {
  TestCohort policy = tenant_.Cohort();
  v1::AppIdentity* identity = policy.content.mutable_apps(0)->mutable_identities(0);
  identity->set_package_id("slack-desktop");
  identity->add_paths("/usr/bin/slack");
  v1::AppIdentity* tarball = policy.content.mutable_apps(0)->add_identities();
  tarball->set_platform(v1::Platform::LINUX);
  tarball->add_paths("/usr/bin/slack");
  machine_.stamps["/usr/bin/slack"] = Stamp(20, 5);
  machine_.owners["/usr/bin/slack"] = "slack";
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  EXPECT_TRUE(enforcer_.state.candidates->files().empty());
  EXPECT_EQ(enforcer_.state.candidates->Look(Stamp(20, 5), "/usr/bin/slack").known,
            CandidateIndex::Known::kNo);
  machine_.owners["/usr/bin/slack"] = "slack-desktop";
  agent_->OnInventoryChanged();
  EXPECT_EQ(enforcer_.state.candidates->files().size(), 1u);
}

TEST_F(AgentTest, ALinkIntoASharedRuntimeIsSaidNotBlocked) {
  TestCohort policy = tenant_.Cohort();
  policy.content.mutable_apps(0)->mutable_identities(0)->add_paths("/usr/bin/chat-ui");
  machine_.links["/usr/bin/chat-ui"] = "/usr/lib/electron/electron";
  machine_.stamps["/usr/lib/electron/electron"] = Stamp(30, 7);
  machine_.owners["/usr/bin/chat-ui"] = "chatapp";
  machine_.owners["/usr/lib/electron/electron"] = "electron";
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  ASSERT_EQ(enforcer_.state.candidates->files().size(), 1u);
  EXPECT_EQ(enforcer_.state.candidates->files()[0].path, "/usr/bin/chat");
  EXPECT_EQ(Status().cannot_enforce(0),
            "chat: /usr/bin/chat-ui leads to /usr/lib/electron/electron of package electron, "
            "which other programs share; it is not blocked");
}

TEST_F(AgentTest, WhatTheMachineNeedsIsSpared) {
  TestCohort policy = tenant_.Cohort();
  policy.content.mutable_apps(0)->mutable_identities(0)->add_paths("/usr/bin/chat-shell");
  machine_.stamps["/usr/bin/chat-shell"] = Stamp(40, 9);
  machine_.owners["/usr/bin/chat-shell"] = "chatapp";
  machine_.stamps["/bin/sh"] = Stamp(40, 9);  // The same file: somebody catalogued the shell.
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  EXPECT_TRUE(enforcer_.state.candidates->Spared(Stamp(40, 9).key));
  ASSERT_EQ(enforcer_.state.candidates->files().size(), 1u);
  EXPECT_EQ(enforcer_.state.candidates->files()[0].path, "/usr/bin/chat");
  EXPECT_EQ(Status().cannot_enforce(0),
            "chat: /usr/bin/chat-shell is needed to run this machine; it is not blocked");
}

TEST_F(AgentTest, AccountsThatShareAUidAreNotEntitled) {
  machine_.accounts = {{"alice", 20001}, {"mallory", 20001}, {"bob", 20002}};
  SendPolicy(true);
  EXPECT_TRUE(Denied(20001));
  EXPECT_EQ(Status().warnings_size(), 1);
  machine_.accounts = {{"alice", 20001}, {"bob", 20002}};
  agent_->OnAccountsChanged();
  EXPECT_FALSE(Denied(20001));
  EXPECT_EQ(Status().warnings_size(), 0);
}

TEST_F(AgentTest, DisarmIsRootsWithAReasonAndAnEnd) {
  struct Case {
    const char* reason;
    absl::Duration d;
    uint32_t uid;
    uint32_t exit_code;
  };
  const Case kCases[] = {
      {"why", absl::Minutes(30), 1000, 4}, {"", absl::Minutes(30), 0, 2},
      {"  ", absl::Minutes(30), 0, 2},     {"why", absl::ZeroDuration(), 0, 2},
      {"why", -absl::Minutes(1), 0, 2},    {"why", limits::kMaxDisarm + absl::Seconds(1), 0, 2},
  };
  const auto files = store_.files();
  for (const Case& c : kCases) {
    EXPECT_EQ(Disarm(c.reason, c.d, c.uid).exit_code(), c.exit_code) << c.reason;
    EXPECT_TRUE(enforcer_.armed);
  }
  EXPECT_EQ(store_.files(), files);
  EXPECT_EQ(Disarm(std::string(limits::kMaxReasonBytes + 1, 'x'), absl::Minutes(1)).exit_code(),
            2u);
}

TEST_F(AgentTest, DisarmSurvivesARestartAndEndsInTime) {
  TakeReports();
  EXPECT_EQ(Disarm("payroll is blocked", absl::Hours(1)).disarm().reason(), "payroll is blocked");
  EXPECT_FALSE(enforcer_.armed);
  EXPECT_EQ(FromProto(Status().disarmed_until()), clock_.Now() + absl::Hours(1));
  std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].disarm().reason(), "payroll is blocked");
  EXPECT_EQ(reports[1].status().mode(), v1::StatusReport::DISARMED);
  EXPECT_TRUE(reports[2].policy().canaries().empty()) << "nothing is blocked, so nothing is proven";
  Restart();
  EXPECT_FALSE(enforcer_.armed);
  reports = TakeReports();
  for (const v1::Report& r : reports) EXPECT_FALSE(r.has_disarm()) << "reported once";
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Hours(1));
  EXPECT_FALSE(enforcer_.armed);
  clock_.Advance(absl::Hours(1));
  agent_->Tick();
  EXPECT_TRUE(enforcer_.armed);
  reports = TakeReports();
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_TRUE(reports[0].disarm().rearmed());
  EXPECT_EQ(reports[1].status().mode(), v1::StatusReport::ENFORCING);
  EXPECT_EQ(reports[2].policy().canaries_size(), 1);
  Restart();
  EXPECT_TRUE(enforcer_.armed);
}

TEST_F(AgentTest, DisarmWorksWithoutASpaceToSaveIt) {
  store_.before_write = [](const std::string&) { return false; };
  EXPECT_EQ(Disarm("disk is full", absl::Hours(1)).exit_code(), 0u);
  EXPECT_FALSE(enforcer_.armed);
}

TEST_F(AgentTest, ADisarmWrittenByTheCommandIsReportedAtTheNextStart) {
  TakeReports();
  v1::DisarmReport report =
      *MakeDisarm({"agent hung", absl::Minutes(5), false, 0, "root"}, clock_.Now());
  ASSERT_TRUE(SaveDisarm(store_, report, false).ok());
  Restart();
  EXPECT_FALSE(enforcer_.armed);
  int told = 0;
  for (const v1::Report& r : TakeReports()) told += r.has_disarm();
  EXPECT_EQ(told, 1);
}

TEST_F(AgentTest, ExplainsToTheCallerAndOnlyToThem) {
  EXPECT_EQ(Explain("chat", 20002).exit_code(), 3u) << "no policy yet";
  SendPolicy(true);
  EXPECT_EQ(Explain("nope", 20002).exit_code(), 5u);
  EXPECT_EQ(Explain("chat", 20002, "alice").exit_code(), 4u);
  EXPECT_EQ(Explain("chat", 0, "nobody-here").exit_code(), 5u);
  EXPECT_EQ(Explain("chat", 0, "alice").explanation().reason(), "GRANT GRT-1");
  const v1::Explanation got = Explain("chat", 20002).explanation();
  EXPECT_EQ(got.verdict(), v1::Verdict::BLOCK);
  EXPECT_EQ(got.reason(), "NO_GRANT");
  EXPECT_EQ(got.next_step(), "Ask the service desk.");
  ASSERT_GE(got.chain_size(), 3);
  EXPECT_EQ(got.chain(0).detail(),
            "root version 1, cohort/linux version 1, assignment/dev-1 version 1; until "
            "2026-03-02T12:00:00Z");
  EXPECT_EQ(got.chain(1).detail(), "mode ENFORCING, decided for bob");
}

TEST_F(AgentTest, ExecutionsBecomeOneReport) {
  TakeReports();
  agent_->FlushExecs();
  EXPECT_TRUE(TakeReports().empty());
  ExecRecord record;
  record.app_id = "chat";
  record.uid = 20002;
  record.denied = true;
  enforcer_.records = {record, record};
  enforcer_.dropped = 1;
  agent_->FlushExecs();
  const std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 1u);
  ASSERT_EQ(reports[0].exec().items_size(), 1);
  EXPECT_EQ(reports[0].exec().items(0).count(), 2u);
  EXPECT_EQ(reports[0].exec().items(0).account_name(), "bob");
  EXPECT_EQ(reports[0].exec().dropped(), 1u);
}

TEST_F(AgentTest, WhatMayRunIsReportedApartFromWhatMayNot) {
  TakeReports();
  ExecRecord allow, denial;
  allow.path = "allowed";
  denial.path = "blocked";
  denial.verdict = v1::Verdict::BLOCK;
  denial.denied = denial.killed = true;
  enforcer_.records = {allow, denial, allow};
  agent_->FlushExecs();
  std::vector<v1::Report> reports = TakeReports();
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(WorthOf(reports[0]), Worth::kExec);
  EXPECT_TRUE(reports[0].exec().items(0).killed());
  EXPECT_EQ(WorthOf(reports[1]), Worth::kAllowed);
  EXPECT_EQ(reports[1].exec().items(0).count(), 2u);
  enforcer_.records = {allow};
  enforcer_.dropped = 4;
  agent_->FlushExecs();
  reports = TakeReports();
  ASSERT_EQ(reports.size(), 2u) << "a loss is not told where it could be lost first";
  EXPECT_EQ(reports[0].exec().dropped(), 4u);
  EXPECT_EQ(reports[0].exec().items_size(), 0);
}

TEST_F(AgentTest, RunningInstancesAreLookedForWhenAnEntitlementEnds) {
  SendPolicy(true);
  const int before = enforcer_.kills;
  agent_->ProveIfDue();
  EXPECT_LE(agent_->Tick(), clock_.Now() + absl::Minutes(1));
  EXPECT_EQ(enforcer_.kills, before);
  clock_.Advance(absl::Hours(1));
  agent_->Tick();
  EXPECT_EQ(enforcer_.kills, before + 1);
}

TEST_F(AgentTest, ARefusedDocumentIsShown) {
  v1::SignedDoc bad = tenant_.Sign(tenant_.Cohort());
  bad.clear_signatures();
  Send({bad});
  EXPECT_EQ(Status().last_refused(),
            "cohort/linux THRESHOLD: 0 of 1 needed keys of role policy signed");
}

}  // namespace
}  // namespace muster::agent
