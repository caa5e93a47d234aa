// A tmpfs of the test's own with programs on it, and an agent that marks nothing else; root.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <gmock/gmock.h>
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
#include "agent/adapters/linux/canary.h"
#include "agent/adapters/linux/linux_enforcer.h"
#include "agent/flow/accept_policy.h"
#include "agent/flow/agent.h"
#include "agent/flow/report_log.h"
#include "tests/agent/fakes.h"

namespace muster::agent {

namespace fs = std::filesystem;

inline constexpr uint32_t kAlice = 20001, kBob = 20002;
inline constexpr int kRan = 0, kEperm = 100 + EPERM, kKilled = 300 + SIGKILL;

// Runs a program as `uid`; its exit code, or 100 + errno when exec failed.
inline int RunAs(uint32_t uid, const std::vector<std::string>& argv) {
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
inline int RunForged(uint32_t uid, uint32_t forged, const std::string& program) {
  return RunAs(uid,
               {"/bin/sh", "-c",
                absl::StrCat("echo ", forged, " > /proc/self/loginuid || exit 3; exec ", program)});
}

inline std::string LoaderPath() {
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
    paths.rpm_db = base_ + "/rpm";
    paths.opt_dir = base_ + "/opt";
    paths.application_dirs = {base_ + "/applications"};
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
    options.scope.paths = {mount_};
    options.scope.and_new = and_new_;
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
    parts.archivist = archivist_;
    parts.wake = [] {};
    agent_ = std::make_unique<Agent>(std::move(parts));
    ASSERT_TRUE(agent_->Start().ok());
  }

  void Send(const std::vector<v1::SignedDoc>& docs) {
    v1::ControllerMessage message;
    *message.mutable_update() = tenant_.UpdateOf(docs);
    agent_->OnMessage(message);
    for (const auto& [sha256, chunk] : tenant_.chunks()) {
      *message.mutable_chunk() = chunk;
      agent_->OnMessage(message);
    }
  }
  void Grant(bool granted) {
    Send({tenant_.Sign(tenant_.Cohort()), tenant_.Sign(tenant_.Assignment(++version_, granted))});
  }

  v1::ControlReply Ask(const v1::ControlRequest& request, uint32_t uid = 0) {
    return agent_->Answer(request, uid);
  }

  // The blocked program, running as `uid`.
  pid_t Sleeper(uint32_t uid) const {
    const pid_t pid = fork();
    if (pid == 0) {
      if (setgroups(0, nullptr) != 0 || setgid(uid) != 0 || setuid(uid) != 0) _exit(90);
      execl(sleeper_.c_str(), sleeper_.c_str(), "60", nullptr);
      _exit(99);
    }
    while (PathOfExe(pid) != sleeper_) usleep(1'000);
    return pid;
  }

  // A notification has no answer to wait for: its record arrives soon.
  std::vector<ExecRecord> FirstRecords() {
    uint32_t dropped = 0;
    std::vector<ExecRecord> records;
    for (int i = 0; i < 500 && records.empty(); ++i) {
      records = enforcer_->TakeRecords(&dropped);
      usleep(10'000);
    }
    return records;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
  TestTenant tenant_{clock_.Now()};
  uint64_t version_ = 0;
  Archivist* archivist_ = nullptr;
  bool and_new_ = false;  // also filesystems that are mounted later, wherever
  MemoryStateStore store_;
  std::string base_, mount_, app_, sleeper_, other_, script_;
  std::unique_ptr<LocalMachine> machine_;
  std::unique_ptr<ReportLog> reports_;
  std::unique_ptr<LinuxEnforcer> enforcer_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace muster::agent
