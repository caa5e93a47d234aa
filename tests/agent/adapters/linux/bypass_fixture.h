// Ways around the block, tried for real: an agent that enforces, and Bob, who may not run the app.
#pragma once

#include <sched.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

#include <functional>

#include "tests/agent/adapters/linux/fanotify_fixture.h"

namespace muster::agent {

// The victim sleeps for half a minute: what comes back sooner was refused or ended.
inline auto Stopped() { return ::testing::AnyOf(kKilled, kEperm); }

// What is mounted after the start, wherever, is the agent's business too.
class BypassTest : public FanotifyTest {
 protected:
  void SetUp() override {
    FanotifyTest::SetUp();
    and_new_ = true;
    StartAgent();
    Grant(false);
    agent_->Work();
  }

  // What `body` exits with, run in a process of its own. How long an ended one lived is kept
  // with the test's result.
  static int InChild(const std::function<void()>& body) {
    const absl::Time start = absl::Now();
    const pid_t pid = fork();
    if (pid == 0) {
      body();
      _exit(91);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    RecordProperty("ended_after_ms", absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - start)));
    return 300 + WTERMSIG(status);
  }

  // For the child: the exit codes of 90 and above say which step of a way failed.
  static void BecomeBob() {
    if (setgroups(0, nullptr) != 0 || setgid(kBob) != 0 || setuid(kBob) != 0) _exit(90);
  }
  static void Copy(const std::string& from, const std::string& to) {
    std::error_code error;
    if (!fs::copy_file(from, to, error)) _exit(94);
  }
  static void Mount(const char* type, const std::string& what, const std::string& where,
                    const std::string& options) {
    if (mount(what.c_str(), where.c_str(), type, 0, options.c_str()) != 0) _exit(92);
  }
  static void Bind(const std::string& what, const std::string& where) {
    if (mount(what.c_str(), where.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) _exit(92);
  }
  static void OwnMounts() {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      _exit(93);
    }
  }
  // Bob as a plain account, who is `inside` in a user namespace with mounts of its own.
  static void OwnUserNamespace(uint32_t inside = kBob) {
    BecomeBob();
    prctl(PR_SET_DUMPABLE, 1);  // else /proc/self stays root's
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) _exit(93);
    Write("/proc/self/uid_map", absl::StrCat(inside, " ", kBob, " 1"));
    Write("/proc/self/setgroups", "deny");
    Write("/proc/self/gid_map", absl::StrCat(inside, " ", kBob, " 1"));
  }
  static void Exec(const std::string& program) {
    execl(program.c_str(), program.c_str(), "30", nullptr);
    _exit(100 + errno);
  }
  static void ExecFd(int fd) {
    char name[] = "x", seconds[] = "30";
    char* argv[] = {name, seconds, nullptr};
    execveat(fd, "", argv, environ, AT_EMPTY_PATH);
    _exit(100 + errno);
  }

  std::string Folder(const std::string& path, mode_t mode = 0777) {
    mkdir(path.c_str(), mode);
    chmod(path.c_str(), mode);
    return path;
  }
  // A file of Bob's, that he may run. Written by this very process, which is let through.
  std::string BobsCopy(const std::string& from, const std::string& to) {
    Install(from, to);
    EXPECT_EQ(chown(to.c_str(), kBob, kBob), 0);
    return to;
  }
  // Bob has the bytes from elsewhere, where the agent of this test does not look.
  std::string Hoard() { return BobsCopy(sleeper_, base_ + "/hoard"); }

  // A tool of root's, out of the agent's sight, that has to succeed.
  static void Tool(const std::vector<std::string>& argv) {
    ASSERT_EQ(RunAs(0, argv), 0) << argv[0] << ": deploy/install-deps.sh test installs it";
  }
};

}  // namespace muster::agent
