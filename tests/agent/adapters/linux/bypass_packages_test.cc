// The app comes as a package, or brings its next version itself.
#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

class BypassPackages : public BypassTest {
 protected:
  // The app is also this, from now on.
  void AddIdentity(v1::Origin::Kind origin, const std::string& id) {
    TestCohort policy = tenant_.Cohort(2);
    v1::AppIdentity* identity = policy.content.mutable_apps(0)->add_identities();
    identity->set_platform(v1::Platform::LINUX);
    identity->set_origin(origin);
    identity->set_package_id(id);
    Send({tenant_.Sign(policy)});
    agent_->OnInventoryChanged();
    agent_->Work();
  }
  // Another program, that runs for half a minute when it is asked to.
  static constexpr char kNextVersion[] = "/usr/bin/timeout";
  int RunNext(const std::string& program) {
    return RunAs(kBob, {program, "30", "/bin/sleep", "30"});
  }
};

TEST_F(BypassPackages, TheSamePackageInstalledAgain) {
  fs::remove(sleeper_);
  Install("/bin/sleep", sleeper_);
  EXPECT_EQ(RunAs(kBob, {sleeper_, "30"}), kEperm) << "before anybody looked again";
  agent_->OnInventoryChanged();
  EXPECT_EQ(RunAs(kBob, {sleeper_, "30"}), kEperm);
}

TEST_F(BypassPackages, TheNextVersionFromThePackager) {
  Install(kNextVersion, sleeper_ + ".dpkg-new");
  ASSERT_EQ(rename((sleeper_ + ".dpkg-new").c_str(), sleeper_.c_str()), 0);
  EXPECT_EQ(RunNext(sleeper_), kEperm) << "before anybody looked again";
  agent_->OnInventoryChanged();
  agent_->Work();
  EXPECT_EQ(RunNext(sleeper_), kEperm);
  EXPECT_EQ(RunNext(BobsCopy(sleeper_, mount_ + "/copy")), kEperm);
}

TEST_F(BypassPackages, ANextVersionThatTheAppBringsItself) {
  // Over itself, and into itself.
  Install(kNextVersion, mount_ + "/download");
  ASSERT_EQ(rename((mount_ + "/download").c_str(), sleeper_.c_str()), 0);
  EXPECT_EQ(RunNext(sleeper_), kEperm);
  const std::string bytes = ReadFile(kNextVersion, 64 << 20).value();
  std::ofstream(app_, std::ios::binary | std::ios::trunc) << bytes;
  EXPECT_EQ(RunNext(app_), kEperm);
}

TEST_F(BypassPackages, ThePackageIsRemovedAndItsCopyStays) {
  const std::string copy = BobsCopy(sleeper_, mount_ + "/copy");
  fs::remove(sleeper_);
  Write(base_ + "/dpkg/status", "");
  fs::remove(base_ + "/dpkg/info/chatapp.list");
  agent_->OnInventoryChanged();
  EXPECT_EQ(RunAs(kBob, {copy, "30"}), kEperm);
}

TEST_F(BypassPackages, AFlatpak) {
  const std::string app = base_ + "/flatpak/app/org.chat.App", store = mount_ + "/flatpak-files";
  fs::create_directories(app + "/x86_64/stable/1");
  // Where its files are, as on a machine whose /var is a filesystem of its own.
  Folder(base_ + "/flatpak/app/org.chat.App/x86_64/stable/1/files", 0755);
  ASSERT_EQ(mount("tmpfs", (app + "/x86_64/stable/1/files").c_str(), "tmpfs", 0, ""), 0);
  Folder(app + "/x86_64/stable/1/files/bin", 0755);
  const std::string program = app + "/x86_64/stable/1/files/bin/chat";
  Install(kNextVersion, program);
  fs::create_symlink("1", app + "/x86_64/stable/active");
  fs::create_symlink("x86_64/stable", app + "/current");
  AddIdentity(v1::Origin::FLATPAK, "org.chat.App");
  EXPECT_THAT(RunAs(kBob, {program, "30", "/bin/sleep", "30"}), Stopped());
  EXPECT_THAT(RunAs(kBob, {LoaderPath(), program, "30", "/bin/sleep", "30"}),
              ::testing::AnyOf(127, kKilled));
  umount2((app + "/x86_64/stable/1/files").c_str(), MNT_DETACH);
}

TEST_F(BypassPackages, ASnap) {
  const std::string packed = base_ + "/packed", image = base_ + "/chat_1.snap";
  fs::create_directories(packed + "/meta");
  Write(packed + "/meta/snap.yaml", "name: chat\nversion: 1\n");
  Install(kNextVersion, packed + "/chat");
  Tool({"/usr/bin/mksquashfs", packed, image, "-quiet", "-no-progress"});
  const std::string where = base_ + "/snap/chat/1";
  fs::create_directories(where);
  fs::create_symlink("1", base_ + "/snap/chat/current");
  Tool({"/bin/mount", "-t", "squashfs", "-o", "loop", image, where});
  AddIdentity(v1::Origin::SNAP, "chat");
  EXPECT_THAT(RunAs(kBob, {where + "/chat", "30", "/bin/sleep", "30"}), Stopped());
  EXPECT_THAT(RunAs(kBob, {base_ + "/snap/chat/current/chat", "30", "/bin/sleep", "30"}),
              Stopped());
  Tool({"/bin/umount", "-l", where});
}

// One file that unpacks or mounts itself: its hash is in the catalogue.
TEST_F(BypassPackages, AnAppImage) {
  TestCohort policy = tenant_.Cohort(2);
  v1::AppIdentity* identity = policy.content.mutable_apps(0)->add_identities();
  identity->set_platform(v1::Platform::LINUX);
  const std::string image = mount_ + "/Chat.AppImage";
  BobsCopy("/bin/sleep", image);
  std::ofstream(image, std::ios::app) << std::string(1 << 20, 'p');
  identity->set_file_hash(machine_->Hash(image)->sha256);
  Send({tenant_.Sign(policy)});
  EXPECT_THAT(RunAs(kBob, {image, "30"}), Stopped()) << "the first of this size ever";
  EXPECT_EQ(RunAs(kBob, {image, "30"}), kEperm);
  EXPECT_EQ(RunAs(kBob, {BobsCopy(image, mount_ + "/innocent"), "30"}), kEperm);
}

}  // namespace
}  // namespace muster::agent
