// The agent is to be made to forget, to believe another time, or to run out of something.
#include <sys/resource.h>

#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

using BypassState = BypassTest;

TEST_F(BypassState, TheClockIsSetForward) {
  clock_.Advance(absl::Hours(24 * 365));
  agent_->Tick();
  EXPECT_EQ(RunAs(kBob, {sleeper_, "30"}), kEperm) << "the policy is over, the block is not";
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
}

// Only root sets a clock. Without a grant there is no time at which it may run.
TEST_F(BypassState, TheClockIsSetBack) {
  clock_.Advance(-absl::Hours(24 * 365));
  agent_->Tick();
  EXPECT_EQ(RunAs(kBob, {sleeper_, "30"}), kEperm);
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
}

TEST_F(BypassState, AFullDisk) {
  store_.before_write = [](const std::string&) { return false; };
  Grant(true);
  agent_->Work();
  EXPECT_EQ(RunAs(kBob, {sleeper_, "30"}), kEperm);
  EXPECT_EQ(RunAs(kBob, {BobsCopy(sleeper_, mount_ + "/copy"), "30"}), kEperm);
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
}

// The kernel denies what it cannot open for us. That is the end of the gate's descriptors, which
// no account can take from it but by starting hundreds of thousands of programs at once.
TEST_F(BypassState, NoDescriptorIsLeft) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto run = [&](const std::string& program) {
    return InChild([&] {
      setrlimit(RLIMIT_NOFILE, &before);
      BecomeBob();
      const int null = open("/dev/null", O_WRONLY);
      dup2(null, 1);
      Exec(program);
    });
  };
  const std::string own = BobsCopy("/bin/echo", mount_ + "/own");
  for (const std::string& program : {other_, own}) RunAs(kBob, {program, "x"});
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const int blocked = run(sleeper_), plain = run(other_), bobs = run(own);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(blocked, kEperm);
  EXPECT_EQ(plain, kRan) << "what the kernel remembers needs no descriptor";
  EXPECT_EQ(bobs, kEperm) << "nobody could be asked";
  EXPECT_EQ(run(sleeper_), kEperm);
  for (const std::string& program : {other_, own}) EXPECT_EQ(run(program), kRan);
}

TEST_F(BypassState, ManyStartsAtOnce) {
  std::vector<pid_t> children;
  for (int i = 0; i < 64; ++i) {
    const std::string copy = BobsCopy(sleeper_, absl::StrCat(mount_, "/copy", i));
    const pid_t pid = fork();
    if (pid == 0) {
      BecomeBob();
      Exec(copy);
    }
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == kEperm) << status;
  }
}

}  // namespace
}  // namespace muster::agent
