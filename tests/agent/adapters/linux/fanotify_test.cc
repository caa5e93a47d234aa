// Real fanotify on a tmpfs of this test's own; needs root. Nothing outside that tmpfs is marked.
#include "tests/agent/adapters/linux/fanotify_fixture.h"

namespace muster::agent {
namespace {

using ::testing::AnyOf;

TEST_F(FanotifyTest, ApprovedAndUnapprovedInTurn) {
  StartAgent();
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan) << "no policy yet: nothing is blocked";
  Grant(true);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
    EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
    EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  }
  Grant(false);
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  Grant(true);
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
}

TEST_F(FanotifyTest, RootIsAPersonWithoutAGrant) {
  StartAgent();
  Grant(true);
  EXPECT_EQ(RunAs(0, {app_}), kEperm);
  // Reading is not running: dpkg and backups go on.
  EXPECT_EQ(RunAs(0, {"/bin/cp", app_, mount_ + "/backup"}), kRan);
}

TEST_F(FanotifyTest, ForgedLoginUidIsNobody) {
  StartAgent();
  Grant(true);
  EXPECT_EQ(RunForged(kBob, kAlice, app_), 126);
  EXPECT_EQ(RunForged(kAlice, kBob, app_), 126);
  EXPECT_EQ(RunForged(kAlice, kAlice, app_), kRan);
}

TEST_F(FanotifyTest, OtherWaysToRunTheSameFile) {
  StartAgent();
  Grant(true);
  // The loader may not open it; and the loader itself is ended when it is found with it.
  EXPECT_THAT(RunAs(kBob, {LoaderPath(), app_}), AnyOf(127, kKilled));
  EXPECT_EQ(RunAs(kAlice, {LoaderPath(), app_}), kRan);
  EXPECT_THAT(RunAs(0, {LoaderPath(), app_}), AnyOf(127, kKilled));
  EXPECT_EQ(RunAs(kBob, {script_}), kEperm);
  EXPECT_THAT(RunAs(kBob, {"/bin/sh", script_}), AnyOf(2, kKilled));
  EXPECT_EQ(RunAs(kAlice, {"/bin/sh", script_}), kRan);
  EXPECT_EQ(RunAs(kBob, {"/bin/cp", app_, mount_ + "/copy"}), 1);
  const std::string renamed = mount_ + "/renamed", linked = mount_ + "/linked";
  ASSERT_EQ(link(app_.c_str(), linked.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {linked}), kEperm);
  EXPECT_THAT(RunAs(kBob, {LoaderPath(), linked}), AnyOf(127, kKilled));
  ASSERT_EQ(rename(app_.c_str(), renamed.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {renamed}), kEperm);
  EXPECT_EQ(RunAs(kAlice, {renamed}), kRan);
}

TEST_F(FanotifyTest, ACopyStaysBlockedWhenThePackageIsGone) {
  StartAgent();
  Grant(true);
  agent_->Work();
  const std::string copy = mount_ + "/innocent-name";
  Install(app_, copy);  // by this very process, which the gate always lets through
  EXPECT_EQ(RunAs(kBob, {copy}), kEperm);
  EXPECT_EQ(RunAs(kBob, {copy}), kEperm) << "from the cache";
  EXPECT_EQ(RunAs(kAlice, {copy}), kRan);
  fs::remove(app_);
  Write(base_ + "/dpkg/status", "");
  fs::remove(base_ + "/dpkg/info/chatapp.list");
  agent_->OnInventoryChanged();
  EXPECT_EQ(RunAs(kBob, {copy}), kEperm);
  const std::string later = mount_ + "/later";
  Install(copy, later);
  EXPECT_EQ(RunAs(kBob, {later}), kEperm);
  // The same size is not the same program.
  std::string bytes(fs::file_size(later), 'x');
  bytes.replace(0, 18, "#!/bin/true\nexit 0");
  fs::remove(later);
  Write(later, bytes);
  chmod(later.c_str(), 0755);
  EXPECT_EQ(RunAs(kBob, {later}), kRan);
}

TEST_F(FanotifyTest, PermittedAgainRunsForEverybody) {
  StartAgent();
  Grant(false);
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  TestCohort open = tenant_.Cohort(2, v1::Trm::PERMITTED);
  open.content.clear_blocklist();
  Send({tenant_.Sign(open)});
  EXPECT_EQ(RunAs(kBob, {app_}), kRan);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), app_}), kRan);
}

TEST_F(FanotifyTest, EntitlementEndsWithTheClock) {
  StartAgent();
  Grant(true);
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  EXPECT_EQ(RunAs(kAlice, {other_, "x"}), kRan);
}

TEST_F(FanotifyTest, MonitorModeNeverBlocksAndStillReports) {
  StartAgent(/*monitor=*/true);
  Grant(false);
  EXPECT_EQ(RunAs(kBob, {app_}), kRan);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), app_}), kRan);
  EXPECT_EQ(enforcer_->status().mode, v1::StatusReport::MONITORING);
  const std::vector<ExecRecord> records = FirstRecords();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].app_id, "chat");
  EXPECT_EQ(records[0].path, app_);
  EXPECT_FALSE(records[0].denied);
}

TEST_F(FanotifyTest, AMonitoredProgramThatHasEndedWasNobodys) {
  std::atomic<bool> ended{false};
  GateHooks hooks;
  hooks.before_decision = [&](const FanotifyEvent&) {
    while (!ended) usleep(1'000);
  };
  StartAgent(/*monitor=*/true, hooks);
  Grant(true);
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
  ended = true;
  const std::vector<ExecRecord> records = FirstRecords();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].uid, std::nullopt) << "not root's, nor anybody's";
  EXPECT_EQ(records[0].reason, "NO_GRANT");
}

TEST_F(FanotifyTest, AMonitoredProgramThatRunsIsItsPersons) {
  StartAgent(/*monitor=*/true);
  Grant(false);
  const pid_t pid = Sleeper(kBob);
  const std::vector<ExecRecord> records = FirstRecords();
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].uid, kBob);
}

TEST_F(FanotifyTest, DisarmedRunsAndRearmedBlocks) {
  StartAgent();
  Grant(false);
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  v1::ControlRequest request;
  request.mutable_disarm()->set_reason("wrong block of a payroll program");
  EXPECT_EQ(Ask(request, kBob).exit_code(), 4u);
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  EXPECT_EQ(Ask(request, 0).exit_code(), 0u);
  EXPECT_EQ(RunAs(kBob, {app_}), kRan);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), app_}), kRan);
  EXPECT_EQ(enforcer_->status().mode, v1::StatusReport::DISARMED);
  request.mutable_disarm()->set_rearm(true);
  EXPECT_EQ(Ask(request, 0).exit_code(), 0u);
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  request.mutable_disarm()->set_rearm(false);
  EXPECT_EQ(Ask(request, 0).exit_code(), 0u);
  EXPECT_EQ(RunAs(kBob, {app_}), kRan);
  clock_.Advance(absl::Minutes(30));
  agent_->Tick();
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm) << "the time is over";
}

TEST_F(FanotifyTest, RunningInstancesEndWithTheGrant) {
  StartAgent();
  Grant(true);
  const pid_t pid = Sleeper(kAlice);
  Grant(false);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
}

TEST_F(FanotifyTest, OwnHashingOfAMarkedFileDoesNotWaitForItself) {
  StartAgent();
  Grant(false);
  agent_->Work();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(machine_->Hash(app_).ok());
}

TEST_F(FanotifyTest, ASecondThreadDecidesWhileTheFirstIsStuck) {
  std::atomic<bool> stuck{false};
  // The stuck thread looks at it until the gate is down.
  const auto release = std::make_shared<std::atomic<bool>>(false);
  GateHooks hooks;
  hooks.before_decision = [&stuck, release](const FanotifyEvent&) {
    if (*release || !stuck.exchange(false)) return;
    while (!*release) usleep(1'000);
  };
  StartAgent(false, hooks);
  Grant(false);
  stuck = true;
  // Not yet known to be a candidate: the deadline lets it run.
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  EXPECT_FALSE(stuck) << "the first thread should be at that event";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
    EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  }
  EXPECT_TRUE(enforcer_->Healthy());
  *release = true;
}

TEST_F(FanotifyTest, ALateAnswerIsNotTakenForNone) {
  std::atomic<bool> stuck{false};
  // The stuck thread looks at it until the gate is down.
  const auto release = std::make_shared<std::atomic<bool>>(false);
  GateHooks hooks;
  hooks.before_decision = [&stuck, release](const FanotifyEvent& e) {
    if (*release || !e.exec || !stuck.exchange(false)) return;
    while (!*release) usleep(1'000);
  };
  StartAgent(false, hooks);
  Grant(false);
  stuck = true;
  const std::vector<v1::Canary> canaries = enforcer_->Prove();
  EXPECT_FALSE(stuck) << "nobody looked at the first probe before its deadline";
  EXPECT_EQ(canaries.size(), 1u);
  for (const v1::Canary& c : canaries) {
    EXPECT_EQ(c.result(), v1::Canary::BLOCKED) << c.DebugString();
    EXPECT_TRUE(absl::StrContains(c.detail(), "late")) << c.DebugString();
  }
  *release = true;
}

TEST_F(FanotifyTest, TheWatchdogAnswersForStuckDecisions) {
  std::atomic<bool> stuck{false}, release{false}, reported{false};
  GateHooks hooks;
  hooks.before_decision = [&](const FanotifyEvent&) {
    while (stuck && !release) usleep(1'000);
  };
  hooks.on_stuck = [&] {
    reported = true;
    release = true;
  };
  StartAgent(false, hooks);
  Grant(false);
  stuck = true;
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan) << "the spare thread is stuck as well";
  while (!reported) usleep(1'000);
  stuck = false;
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
}

TEST_F(FanotifyTest, ACataloguedPathOfALaterPackageIsThatPackages) {
  TestCohort policy = tenant_.Cohort();
  const std::string path = mount_ + "/slack";
  v1::AppIdentity* identity = policy.content.mutable_apps(0)->mutable_identities(0);
  identity->add_paths(path);
  StartAgent();
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  Install("/bin/true", path);
  EXPECT_EQ(RunAs(kBob, {path}), kEperm) << "nobody owns it: the path decides";
  Write(base_ + "/dpkg/info/slack.list", "/.\n" + path + "\n");
  fs::remove(path);
  Install("/bin/echo", path);
  EXPECT_EQ(RunAs(kBob, {path}), kRan) << "another package's program, before the next look";
  agent_->OnInventoryChanged();
  EXPECT_EQ(RunAs(kBob, {path}), kRan);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), path}), kRan);
}

TEST_F(FanotifyTest, AHashOfTheCatalogueWithoutASizeIsFound) {
  TestCohort policy = tenant_.Cohort();
  v1::AppIdentity* identity = policy.content.mutable_apps(0)->add_identities();
  identity->set_platform(v1::Platform::LINUX);
  const std::string portable = mount_ + "/portable";
  Install("/bin/sleep", portable);
  std::ofstream(portable, std::ios::app) << "another build";
  identity->set_file_hash(machine_->Hash(portable)->sha256);
  StartAgent();
  Send({tenant_.Sign(tenant_.Assignment(1, false)), tenant_.Sign(policy)});
  // Nothing is known of its size: the first start is let through, recognised, and ended.
  EXPECT_EQ(RunAs(kBob, {portable, "60"}), 300 + SIGKILL);
  EXPECT_EQ(RunAs(kBob, {portable, "60"}), kEperm);
  const std::string copy = mount_ + "/copy";
  Install(portable, copy);
  EXPECT_EQ(RunAs(kBob, {copy, "60"}), kEperm);
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
}

TEST_F(FanotifyTest, KilledAgentReleasesWhatWaits) {
  // The gate of another process, whose decisions never come.
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t gate = fork();
  if (gate == 0) {
    absl::StatusOr<FanotifyGroup> group = FanotifyGroup::Open(true);
    if (!group.ok() || !group->MarkFilesystem(mount_).ok()) _exit(1);
    if (write(ready[1], "x", 1) != 1) _exit(2);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  const pid_t waiting = fork();
  if (waiting == 0) {
    execl(other_.c_str(), other_.c_str(), "x", nullptr);
    _exit(100 + errno);
  }
  int status = 0;
  usleep(100'000);
  EXPECT_EQ(waitpid(waiting, &status, WNOHANG), 0) << "it should wait for an answer";
  kill(gate, SIGKILL);
  ASSERT_EQ(waitpid(gate, nullptr, 0), gate);
  ASSERT_EQ(waitpid(waiting, &status, 0), waiting);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace muster::agent
