// Real fanotify on a tmpfs of this test's own; needs root. Nothing outside that tmpfs is marked.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/adapters/files/local_machine.h"
#include "agent/adapters/linux/linux_enforcer.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/agent.h"
#include "agent/flow/report_log.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kAlice = 20001, kBob = 20002;
constexpr int kRan = 0, kEperm = 100 + EPERM;

// Runs a program as `uid`; its exit code, or 100 + errno when exec failed.
int RunAs(uint32_t uid, const std::vector<std::string>& argv) {
  std::vector<char*> args;
  for (const std::string& a : argv) args.push_back(const_cast<char*>(a.c_str()));
  args.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(90);
    // What the programs, the loader and the shell say is not what is tested.
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    execv(args[0], args.data());
    _exit(100 + errno);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 300 + WTERMSIG(status);
}

// As a user would: a shell writes another uid into its own login uid, then becomes the program.
// 126 when the shell may not execute it; 3 when the kernel refused the forged uid.
int RunForged(uint32_t uid, uint32_t forged, const std::string& program) {
  return RunAs(uid,
               {"/bin/sh", "-c",
                absl::StrCat("echo ", forged, " > /proc/self/loginuid || exit 3; exec ", program)});
}

std::string LoaderPath() {
  for (const char* path : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
    if (fs::exists(path)) return fs::canonical(path);
  }
  return "";
}

class FanotifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "this test needs root: it mounts a tmpfs and marks it";
    char dir[] = "/tmp/muster-fanotify-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    base_ = dir;
    chmod(dir, 0755);
    mount_ = base_ + "/fs";
    mkdir(mount_.c_str(), 0755);
    ASSERT_EQ(mount("tmpfs", mount_.c_str(), "tmpfs", 0, "mode=0777"), 0);
    app_ = mount_ + "/chatapp";
    sleeper_ = mount_ + "/chat-sleep";
    other_ = mount_ + "/other";
    script_ = mount_ + "/chat-script";
    Install("/bin/true", app_);
    Install("/bin/sleep", sleeper_);
    Install("/bin/echo", other_);
    Write(script_, "#!/bin/sh\nexit 0\n");
    chmod(script_.c_str(), 0755);
    fs::create_directories(base_ + "/dpkg/info");
    Write(base_ + "/dpkg/status", "Package: chatapp\nStatus: install ok installed\nVersion: 1\n");
    Write(base_ + "/dpkg/info/chatapp.list",
          absl::StrCat("/.\n", app_, "\n", sleeper_, "\n", script_, "\n"));
    Write(base_ + "/passwd",
          "alice:x:20001:20001::/:/bin/sh\nbob:x:20002:20002::/:/bin/sh\nroot:x:0:0::/:/bin/sh\n");
    MachinePaths paths;
    paths.dpkg_admindir = base_ + "/dpkg";
    paths.flatpak_dir = base_ + "/flatpak";
    paths.snap_dir = base_ + "/snap";
    paths.home_dir = base_ + "/home";
    paths.passwd = base_ + "/passwd";
    machine_ = std::make_unique<LocalMachine>(paths);
  }

  void TearDown() override {
    agent_.reset();
    enforcer_.reset();
    umount2(mount_.c_str(), MNT_DETACH);
    fs::remove_all(base_);
  }

  static void Install(const std::string& from, const std::string& to) {
    fs::copy_file(fs::canonical(from), to);
    chmod(to.c_str(), 0755);
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  void StartAgent(bool monitor = false, GateHooks hooks = {}) {
    EnforcerOptions options;
    options.monitor = monitor;
    options.filesystems = {mount_};
    options.hooks = std::move(hooks);
    ASSERT_TRUE(store_.Write(kAcceptedFile, tenant_.Enrolled().SerializeAsString()).ok());
    reports_ = std::make_unique<ReportLog>(kTestDevice, tenant_.device_key(), &store_, &clock_);
    ASSERT_TRUE(reports_->Open().ok());
    enforcer_ = std::make_unique<LinuxEnforcer>(options, &clock_, machine_.get(), [] {});
    enforcer_->Start();
    Agent::Parts parts;
    parts.identity = tenant_.identity();
    parts.controller = "controller:1";
    parts.store = &store_;
    parts.clock = &clock_;
    parts.machine = machine_.get();
    parts.enforcer = enforcer_.get();
    parts.reports = reports_.get();
    parts.wake = [] {};
    agent_ = std::make_unique<Agent>(std::move(parts));
    ASSERT_TRUE(agent_->Start().ok());
  }

  void Send(const std::vector<v1::SignedDoc>& docs) {
    v1::ControllerMessage message;
    *message.mutable_update() = tenant_.UpdateOf(docs);
    agent_->OnMessage(message);
  }
  void Grant(bool granted) {
    Send({tenant_.Sign(tenant_.Cohort()), tenant_.Sign(tenant_.Assignment(++version_, granted))});
  }

  v1::ControlReply Ask(const v1::ControlRequest& request, uint32_t uid = 0) {
    return agent_->Answer(request, uid);
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  TestTenant tenant_{clock_.Now()};
  uint64_t version_ = 0;
  MemoryStateStore store_;
  std::string base_, mount_, app_, sleeper_, other_, script_;
  std::unique_ptr<LocalMachine> machine_;
  std::unique_ptr<ReportLog> reports_;
  std::unique_ptr<LinuxEnforcer> enforcer_;
  std::unique_ptr<Agent> agent_;
};

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
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), app_}), 127) << "the loader may not open it";
  EXPECT_EQ(RunAs(kAlice, {LoaderPath(), app_}), kRan);
  EXPECT_EQ(RunAs(0, {LoaderPath(), app_}), 127);
  EXPECT_EQ(RunAs(kBob, {script_}), kEperm);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", script_}), 2);
  EXPECT_EQ(RunAs(kAlice, {"/bin/sh", script_}), kRan);
  EXPECT_EQ(RunAs(kBob, {"/bin/cp", app_, mount_ + "/copy"}), 1);
  const std::string renamed = mount_ + "/renamed", linked = mount_ + "/linked";
  ASSERT_EQ(link(app_.c_str(), linked.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {linked}), kEperm);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), linked}), 127);
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
  v1::CohortPolicy open = tenant_.Cohort(2, v1::Trm::PERMITTED);
  open.clear_blocklist();
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
  uint32_t dropped = 0;
  std::vector<ExecRecord> records;
  // A notification has no answer to wait for: it arrives soon.
  for (int i = 0; i < 500 && records.empty(); ++i) {
    records = enforcer_->TakeRecords(&dropped);
    usleep(10'000);
  }
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].app_id, "chat");
  EXPECT_EQ(records[0].path, app_);
  EXPECT_FALSE(records[0].denied);
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
  const pid_t pid = fork();
  if (pid == 0) {
    if (setgroups(0, nullptr) != 0 || setgid(kAlice) != 0 || setuid(kAlice) != 0) _exit(90);
    execl(sleeper_.c_str(), sleeper_.c_str(), "60", nullptr);
    _exit(99);
  }
  while (PathOfExe(pid) != sleeper_) usleep(1'000);
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

TEST_F(FanotifyTest, TheWatchdogAnswersForAStuckDecision) {
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
  // Not yet known to be a candidate: the deadline lets it run.
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  while (!reported) usleep(1'000);
  stuck = false;
  EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
}

TEST_F(FanotifyTest, ACataloguedPathOfALaterPackageIsThatPackages) {
  v1::CohortPolicy policy = tenant_.Cohort();
  const std::string path = mount_ + "/slack";
  v1::AppIdentity* identity = policy.mutable_apps(0)->mutable_identities(0);
  identity->add_paths(path);
  StartAgent();
  Send({tenant_.Sign(policy)});
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
  v1::CohortPolicy policy = tenant_.Cohort();
  v1::AppIdentity* identity = policy.mutable_apps(0)->add_identities();
  identity->set_platform(v1::Platform::LINUX);
  const std::string portable = mount_ + "/portable";
  Install("/bin/sleep", portable);
  std::ofstream(portable, std::ios::app) << "another build";
  identity->set_file_hash(machine_->Hash(portable)->sha256);
  StartAgent();
  Send({tenant_.Sign(policy)});
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
