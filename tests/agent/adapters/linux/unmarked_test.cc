// Where no mark can stop a start: what runs from there is ended, and what comes later is marked.
#include <sys/mman.h>

#include <algorithm>

#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

using UnmarkedTest = BypassTest;

TEST_F(UnmarkedTest, AMemfdWithABlockedProgramIsEnded) {
  const std::string bytes = ReadFile(sleeper_, 64 << 20).value();
  EXPECT_EQ(InChild([&] {
              const int fd = memfd_create("innocent", 0);
              if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
                _exit(92);
              }
              BecomeBob();
              ExecFd(fd);
            }),
            kKilled);
}

TEST_F(UnmarkedTest, AFilesystemMountedLaterIsMarked) {
  const std::string later = base_ + "/later";
  mkdir(later.c_str(), 0755);
  ASSERT_EQ(mount("tmpfs", later.c_str(), "tmpfs", 0, "mode=0777"), 0);
  Install(sleeper_, later + "/copy");
  const auto marked = [&] {
    for (const std::string& path : enforcer_->status().marked) {
      if (path == later) return true;
    }
    return false;
  };
  for (int i = 0; i < 500 && !marked(); ++i) usleep(10'000);
  EXPECT_TRUE(marked());
  EXPECT_EQ(RunAs(kBob, {later + "/copy", "30"}), kEperm);
  umount2(later.c_str(), MNT_DETACH);
}

// Any account names a mount of its own as it likes, and no message can hold such bytes.
TEST_F(UnmarkedTest, AFilesystemWhoseNameIsNoTextIsNamedInText) {
  const std::string later = base_ + "/caf\xE9", shown = base_ + "/caf\uFFFD";
  mkdir(later.c_str(), 0755);
  ASSERT_EQ(mount("tmpfs", later.c_str(), "tmpfs", 0, "mode=0777"), 0);
  Install(app_, later + "/copy");
  const auto marked = [&] {
    const std::vector<std::string> names = enforcer_->status().marked;
    return std::find(names.begin(), names.end(), shown) != names.end();
  };
  for (int i = 0; i < 3'000 && !marked(); ++i) usleep(10'000);
  EXPECT_TRUE(marked());
  RunAs(kBob, {later + "/copy"});
  const std::vector<ExecRecord> records = FirstRecords();
  std::vector<std::string> proven;
  for (const v1::Canary& c : enforcer_->Prove()) proven.push_back(c.filesystem());
  umount2(later.c_str(), MNT_DETACH);
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records[0].path, shown + "/copy");
  EXPECT_THAT(proven, ::testing::Contains(shown));
}

// The mount is a moment old, seen by no other process, and the program starts at once.
TEST_F(UnmarkedTest, AMountNamespaceOfItsOwn) {
  const std::string hidden = base_ + "/hidden";
  mkdir(hidden.c_str(), 0755);
  EXPECT_THAT(InChild([&] {
                OwnMounts();
                Mount("tmpfs", "tmpfs", hidden, "mode=0777");
                Copy(sleeper_, hidden + "/copy");
                BecomeBob();
                Exec(hidden + "/copy");
              }),
              Stopped());
}

TEST_F(UnmarkedTest, AUserNamespaceWithItsOwnTmpfs) {
  const std::string hidden = Folder(base_ + "/hidden"), source = Hoard();
  EXPECT_THAT(InChild([&] {
                OwnUserNamespace();
                Mount("tmpfs", "tmpfs", hidden, "mode=0777");
                Copy(source, hidden + "/copy");
                Exec(hidden + "/copy");
              }),
              Stopped());
}

// The kernel gives a device number again after an unmount: it is another filesystem.
TEST_F(UnmarkedTest, AFilesystemInThePlaceOfAMarkedOne) {
  const std::string hidden = base_ + "/hidden";
  mkdir(hidden.c_str(), 0755);
  EXPECT_EQ(InChild([&] {
              if (unshare(CLONE_NEWNS) != 0 ||
                  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
                _exit(92);
              }
              for (int mounts = 0; mounts < 2; ++mounts) {
                // The agent may be looking at it this moment.
                for (int i = 0; mounts > 0 && umount2(hidden.c_str(), 0) != 0; ++i) {
                  if (i > 500) _exit(95);
                  usleep(10'000);
                }
                if (mount("tmpfs", hidden.c_str(), "tmpfs", 0, "mode=0777") != 0) _exit(92);
                Copy(app_, hidden + "/copy");
                int ended = 0;
                for (int i = 0; i < 500 && ended != kEperm; ++i) {
                  usleep(10'000);
                  ended = RunAs(kBob, {hidden + "/copy"});
                }
                if (ended != kEperm) _exit(96 + mounts);
              }
              _exit(0);
            }),
            0);
}

TEST_F(UnmarkedTest, ACopyThroughTheLoader) {
  const std::string copy = mount_ + "/copy";
  Install(sleeper_, copy);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), copy, "30"}), kKilled);
}

TEST_F(UnmarkedTest, ACopyOfAScriptThroughItsInterpreter) {
  const std::string script = mount_ + "/long-script", copy = mount_ + "/copy";
  Write(script, "#!/bin/sh\nsleep 30\n");
  chmod(script.c_str(), 0755);
  Write(base_ + "/dpkg/info/chatapp.list", absl::StrCat("/.\n", script, "\n"));
  agent_->OnInventoryChanged();
  agent_->Work();
  Install(script, copy);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", copy}), kKilled);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", "-u", copy}), kKilled);
  // A file that a script only reads is not what runs.
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/env", "true", copy}), kRan);
}

TEST_F(UnmarkedTest, TheCanaryIsStoppedOnEveryFilesystem) {
  const std::vector<v1::Canary> canaries = enforcer_->Prove();
  ASSERT_FALSE(canaries.empty());
  EXPECT_EQ(canaries[0].filesystem(), mount_);
  EXPECT_EQ(canaries[0].result(), v1::Canary::BLOCKED) << canaries[0].DebugString();
  EXPECT_EQ(enforcer_->status().canaries.size(), canaries.size());
}

TEST_F(UnmarkedTest, TheCanarySaysWhenNothingStopsIt) {
  // The mark is gone, as if somebody had found a way: the same file, another answer.
  MountMarks::Marked place;
  place.path = place.name = base_;
  const v1::Canary canary = TryCanary(place, enforcer_->shared());
  EXPECT_EQ(canary.result(), v1::Canary::RAN) << canary.DebugString();
}

// Does something as the given number of looks at it.
class LookedAtClock : public Clock {
 public:
  absl::Time Now() const override {
    on_look(++looks);
    return absl::UnixEpoch();
  }
  std::function<void(int)> on_look;
  mutable int looks = 0;
};

// Whoever can keep the later tries from being made must not turn "it ran" into "not tried".
TEST_F(UnmarkedTest, ATryThatCannotBeMadeDoesNotTakeBackThatItRan) {
  LookedAtClock clock;
  GateState shared(&clock, machine_.get(), [] {});
  clock.on_look = [&](int look) {
    if (look == 2) shared.SetRemoteDevices({1});
  };
  MountMarks::Marked place;
  place.path = place.name = base_;
  place.dev = 1;
  const v1::Canary canary = TryCanary(place, shared);
  EXPECT_EQ(clock.looks, 3) << "tries";
  EXPECT_EQ(canary.result(), v1::Canary::RAN) << canary.DebugString();
  EXPECT_EQ(canary.detail(), "the probe was not stopped: a blocked program would have run here");
}

}  // namespace
}  // namespace muster::agent
