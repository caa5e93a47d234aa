// Bob would like to count as Alice, who may run the app.
#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

class BypassPeople : public BypassTest {
 protected:
  void SetUp() override {
    BypassTest::SetUp();
    Grant(true);
  }
};

TEST_F(BypassPeople, AProgramThatIsSetuidToAlice) {
  const std::string env = mount_ + "/env";
  Install("/usr/bin/env", env);
  ASSERT_EQ(chown(env.c_str(), kAlice, kAlice), 0);
  ASSERT_EQ(chmod(env.c_str(), 04755), 0);
  EXPECT_THAT(RunAs(kBob, {env, sleeper_, "30"}), ::testing::AnyOf(126, kKilled));
  EXPECT_EQ(RunAs(kAlice, {env, app_}), kRan);
}

TEST_F(BypassPeople, ASessionOfBobsThatBecomesAlice) {
  const auto become = [&](uint32_t login, uint32_t uid) {
    return RunAs(0, {"/bin/sh", "-c",
                     absl::StrCat("echo ", login, " > /proc/self/loginuid && exec setpriv --reuid=",
                                  uid, " --regid=", uid, " --clear-groups ", app_)});
  };
  EXPECT_NE(become(kBob, kAlice), kRan) << "as su and sudo do";
  EXPECT_EQ(become(kAlice, kAlice), kRan);
}

TEST_F(BypassPeople, AUserNamespaceInWhichBobIsAlice) {
  for (const uint32_t inside : {kAlice, 0u}) {
    EXPECT_EQ(InChild([&] {
                OwnUserNamespace(inside);
                Exec(sleeper_);
              }),
              kEperm)
        << inside;
  }
}

TEST_F(BypassPeople, AProgramOfAlicesThatBobStartsAgain) {
  // What Alice may run is not remembered for Bob.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
    EXPECT_EQ(RunAs(kBob, {app_}), kEperm);
  }
}

}  // namespace
}  // namespace muster::agent
