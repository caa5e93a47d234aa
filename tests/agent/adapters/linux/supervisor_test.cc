// The supervisor with workers that are not ours: ones that hang, and ones that never start well.
#include "agent/adapters/linux/supervisor.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "agent/adapters/files/local_machine.h"
#include "tests/support/temp_dir.h"

namespace muster::agent {
namespace {

class SupervisorTest : public ::testing::Test {
 protected:
  // A worker that writes down when it was started, in milliseconds, and then does `then`.
  void Start(const std::string& then, bool took_over, absl::Duration silence) {
    const std::string script = dir_.path() + "/worker";
    std::ofstream(script) << "#!/bin/sh\ndate +%s%3N >>" << starts_ << "\n" << then << "\n";
    chmod(script.c_str(), 0755);
    pid_ = fork();
    if (pid_ == 0) _exit(Run(script, took_over, silence));
  }
  void TearDown() override {
    kill(pid_, SIGTERM);
    if (!ended_) waitpid(pid_, nullptr, 0);
  }

  std::vector<int64_t> Starts() const {
    std::ifstream in(starts_);
    std::vector<int64_t> out;
    for (int64_t ms = 0; in >> ms;) out.push_back(ms);
    return out;
  }
  std::vector<int64_t> WaitForStarts(size_t count) const {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    std::vector<int64_t> out = Starts();
    for (; out.size() < count && absl::Now() < end; out = Starts()) {
      const timespec pause = {0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
    return out;
  }
  int ExitCode() {
    int status = 0;
    waitpid(pid_, &status, 0);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static int Run(const std::string& script, bool took_over, absl::Duration silence) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    SystemClock clock;
    LocalMachine machine{MachinePaths()};
    LinuxEnforcer enforcer({}, &clock, &machine, [] {});
    TamperLog tampering(&clock);
    absl::StatusOr<std::unique_ptr<Beat>> beat = Beat::Create();
    if (!beat.ok()) return 99;
    Supervisor::Parts parts;
    parts.worker = {script};
    parts.enforcer = &enforcer;
    parts.tampering = &tampering;
    parts.beat = beat->get();
    parts.wake_fd = eventfd(0, EFD_CLOEXEC);
    parts.on_state = [](const v1::GateState&) {};
    parts.each_minute = [] {};
    parts.took_over = took_over;
    parts.worker_silence = silence;
    return Supervisor(std::move(parts)).Run();
  }

  TempDir dir_;
  const std::string starts_ = dir_.path() + "/starts";
  pid_t pid_ = 0;
  bool ended_ = false;
};

TEST_F(SupervisorTest, AHungWorkerIsReplaced) {
  Start("exec sleep 1000", false, absl::Milliseconds(300));
  const std::vector<int64_t> starts = WaitForStarts(4);
  ASSERT_GE(starts.size(), 4u);
  for (size_t i = 1; i < 4; ++i) EXPECT_GE(starts[i] - starts[i - 1], 250) << i;
}

TEST_F(SupervisorTest, AWorkerThatAlwaysCrashesIsStartedLessAndLessOften) {
  Start("kill -9 $$", false, absl::Minutes(1));
  const std::vector<int64_t> starts = WaitForStarts(5);
  ASSERT_GE(starts.size(), 5u);
  for (size_t i = 1; i < 5; ++i) EXPECT_GE(starts[i] - starts[i - 1], 50 << i) << i;
}

// It has said what is wrong, and the service manager shows it.
TEST_F(SupervisorTest, AFirstWorkerThatCannotRunEndsTheAgent) {
  Start("exit 6", false, absl::Minutes(1));
  EXPECT_EQ(ExitCode(), 6);
  EXPECT_EQ(Starts().size(), 1u);
}

TEST_F(SupervisorTest, WithSomethingInForceNoWorkerEndsTheAgent) {
  Start("exit 6", true, absl::Minutes(1));
  EXPECT_GE(WaitForStarts(3).size(), 3u);
}

}  // namespace
}  // namespace muster::agent
