// What the kernel may remember, and when it forgets.
#include "tests/agent/adapters/linux/fanotify_fixture.h"

namespace muster::agent {
namespace {

// Counts the decisions that reach the agent for programs on the test's tmpfs.
class RememberTest : public FanotifyTest {
 protected:
  void StartCounting() {
    GateHooks hooks;
    hooks.before_decision = [this](const FanotifyEvent& e) {
      if (e.exec && e.pid != getpid()) ++seen_;
    };
    StartAgent(false, hooks);
    Grant(false);
    RunAs(kBob, {other_, "x"});
    seen_ = 0;
  }
  int SeenWhileRunning(const std::string& program) {
    seen_ = 0;
    EXPECT_EQ(RunAs(kBob, {program, "x"}), kRan);
    return seen_;
  }

  std::atomic<int> seen_{0};
};

TEST_F(RememberTest, ASystemProgramIsDecidedOnce) {
  StartCounting();
  EXPECT_EQ(SeenWhileRunning(other_), 0);
  EXPECT_TRUE(enforcer_->status().capabilities[0].ends_with("yes"));
}

TEST_F(RememberTest, AProgramThatOthersCanWriteIsDecidedEachTime) {
  const std::string own = mount_ + "/own", open = mount_ + "/open";
  Install("/bin/echo", own);
  ASSERT_EQ(chown(own.c_str(), kBob, kBob), 0);
  Install("/bin/echo", open);
  chmod(open.c_str(), 0775);
  StartCounting();
  for (const std::string& program : {own, open}) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(SeenWhileRunning(program), 1) << program;
  }
}

TEST_F(RememberTest, AWriteEndsIt) {
  StartCounting();
  ASSERT_EQ(SeenWhileRunning(other_), 0);
  std::ofstream(other_, std::ios::app) << "more";
  EXPECT_EQ(SeenWhileRunning(other_), 1);
  EXPECT_EQ(SeenWhileRunning(other_), 0);
}

TEST_F(RememberTest, ANewPolicyEndsIt) {
  StartCounting();
  ASSERT_EQ(SeenWhileRunning(other_), 0);
  Grant(true);
  EXPECT_EQ(SeenWhileRunning(other_), 1);
  EXPECT_EQ(SeenWhileRunning(other_), 0);
}

TEST_F(RememberTest, AProgramThatANewPolicyBlocksIsBlocked) {
  StartCounting();
  ASSERT_EQ(SeenWhileRunning(other_), 0);
  TestCohort policy = tenant_.Cohort(2);
  v1::AppIdentity* identity = policy.content.mutable_apps(0)->add_identities();
  identity->set_platform(v1::Platform::LINUX);
  identity->set_file_hash(machine_->Hash(other_)->sha256);
  Send({tenant_.Sign(policy)});
  // A hash without a size: starts are let through until the file was read, which nobody waits for.
  constexpr int kTries = 500;
  int last = kRan;
  for (int i = 0; i < kTries && last != kEperm; ++i) last = RunAs(kBob, {other_, "x"});
  EXPECT_EQ(last, kEperm);
  EXPECT_EQ(RunAs(kBob, {other_, "x"}), kEperm);
}

// The program becomes a blocked one between two starts: contents count, not what was remembered.
TEST_F(RememberTest, ABlockedProgramWrittenOverARememberedOneIsBlocked) {
  StartCounting();
  agent_->Work();
  ASSERT_EQ(SeenWhileRunning(other_), 0 + 1);
  ASSERT_EQ(SeenWhileRunning(other_), 0);
  {
    std::ifstream from(app_, std::ios::binary);
    std::ofstream to(other_, std::ios::binary | std::ios::trunc);
    to << from.rdbuf();
  }
  EXPECT_EQ(RunAs(kBob, {other_}), kEperm);
}

}  // namespace
}  // namespace muster::agent
