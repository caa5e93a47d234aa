// What does run. docs/bypasses.md says why, and each line of it is true as long as these pass: the
// day one fails, the block has become better.
#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

class BypassUncovered : public BypassTest {
 protected:
  // A script of the app's package, learned, and a copy of Bob's with `more` at its end.
  std::string CopyOfScript(const std::string& more) {
    const std::string script = mount_ + "/long-script", copy = mount_ + "/copy";
    Write(script, "#!/bin/sh\n# long enough\nexit 0\n");
    chmod(script.c_str(), 0755);
    Write(base_ + "/dpkg/info/chatapp.list", absl::StrCat("/.\n", script, "\n"));
    agent_->OnInventoryChanged();
    agent_->Work();
    BobsCopy(script, copy);
    std::ofstream(copy, std::ios::app) << more;
    return copy;
  }
};

TEST_F(BypassUncovered, AProgramWithoutItsBuildId) {
  const std::string other = mount_ + "/other-build";
  Tool({"/usr/bin/objcopy", "--remove-section", ".note.gnu.build-id", app_, other});
  chmod(other.c_str(), 0755);
  EXPECT_EQ(RunAs(kBob, {other}), kRan);
}

TEST_F(BypassUncovered, AScriptWithOneLineMore) {
  const std::string copy = CopyOfScript("# mine\n");
  EXPECT_EQ(RunAs(kBob, {copy}), kRan);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", copy}), kRan);
}

TEST_F(BypassUncovered, TheTextOfAScriptWithoutItsFile) {
  const std::string copy = CopyOfScript("");
  ASSERT_EQ(RunAs(kBob, {copy}), kEperm);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", "-c", absl::StrCat("sh < ", copy)}), kRan);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", "-c", absl::StrCat(". ", copy)}), kRan);
}

TEST_F(BypassUncovered, ACopyOfALibraryInAnotherProgram) {
  const std::string library = mount_ + "/libchat.so", copy = mount_ + "/libmine.so";
  Install(MUSTER_PRELOAD, library);
  Write(base_ + "/dpkg/info/chatapp.list", absl::StrCat("/.\n", library, "\n"));
  agent_->OnInventoryChanged();
  agent_->Work();
  ASSERT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_PRELOAD=" + library, "/bin/true"}), kRan);
  BobsCopy(library, copy);
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_PRELOAD=" + copy, "/bin/true"}), 42);
}

TEST_F(BypassUncovered, ALinkToADescriptorForTheLoader) {
  const std::string copy = BobsCopy(app_, mount_ + "/copy"), link = mount_ + "/link";
  ASSERT_EQ(symlink("/proc/self/fd/3", link.c_str()), 0);
  EXPECT_EQ(
      RunAs(kBob, {"/bin/sh", "-c", absl::StrCat("exec ", LoaderPath(), " ", link, " 3< ", copy)}),
      kRan);
}

// A grant that is over is live again where root sets the clock back, until the next signed
// document says what time it is at least.
TEST_F(BypassUncovered, RootSetsTheClockBackToTheGrant) {
  Grant(true);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(RunAs(kAlice, {app_}), kEperm);
  clock_.Advance(-absl::Minutes(30));
  EXPECT_EQ(RunAs(kAlice, {app_}), kRan);
}

}  // namespace
}  // namespace muster::agent
