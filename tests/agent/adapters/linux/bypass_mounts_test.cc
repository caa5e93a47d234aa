// The program on a filesystem of its own, or seen through another mount.
#include <sys/syscall.h>

#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

class BypassMounts : public BypassTest {
 protected:
  // A folder with what a program needs to run in it as the root, and a copy of the app.
  void ExecWithin(const std::string& root, const std::function<void()>& enter) {
    Mount("tmpfs", "tmpfs", root, "mode=0777");
    for (const char* name : {"/usr", "/lib", "/lib64", "/old"}) {
      if (mkdir((root + name).c_str(), 0755) != 0) _exit(95);
      if (fs::exists(name)) Bind(name, root + name);
    }
    Copy(sleeper_, root + "/copy");
    enter();
    BecomeBob();
    Exec("/copy");
  }
  // A device of a file's own, as a stick is; ended with the test.
  void Plug(const std::string& type, const std::string& image, const std::string& where) {
    Folder(where, 0755);
    Tool({"/bin/mount", "-t", type, "-o", "loop", image, where});
    plugged_.push_back(where);
  }
  void TearDown() override {
    for (const std::string& where : plugged_) Tool({"/bin/umount", "-l", where});
    BypassTest::TearDown();
  }
  // A folder with the app in it, to make images of.
  std::string Packed() {
    const std::string folder = Folder(base_ + "/packed", 0755);
    Install(sleeper_, folder + "/AppRun");
    return folder;
  }

  std::vector<std::string> plugged_;
};

TEST_F(BypassMounts, ABindMount) {
  const std::string other = Folder(base_ + "/other-place");
  EXPECT_EQ(InChild([&] {
              OwnMounts();
              Bind(mount_, other);
              BecomeBob();
              Exec(other + "/chat-sleep");
            }),
            kEperm);
}

TEST_F(BypassMounts, ABindMountOfTheFile) {
  const std::string other = base_ + "/innocent";
  Write(other, "");
  EXPECT_EQ(InChild([&] {
              OwnMounts();
              Bind(sleeper_, other);
              BecomeBob();
              Exec(other);
            }),
            kEperm);
}

TEST_F(BypassMounts, AnOverlay) {
  for (const bool changed : {false, true}) {
    const std::string merged = Folder(absl::StrCat(base_, "/merged", changed));
    const std::string own = Folder(absl::StrCat(base_, "/own", changed));
    EXPECT_THAT(
        InChild([&] {
          OwnMounts();
          Mount("tmpfs", "tmpfs", own, "mode=0777");
          if (mkdir((own + "/up").c_str(), 0777) != 0) _exit(95);
          if (mkdir((own + "/work").c_str(), 0777) != 0) _exit(95);
          Mount("overlay", "overlay", merged,
                absl::StrCat("lowerdir=", mount_, ",upperdir=", own, "/up,workdir=", own, "/work"));
          const std::string program = merged + "/chat-sleep";
          // A changed mode copies the file up: it is another one now.
          if (changed && chmod(program.c_str(), 0777) != 0) _exit(96);
          BecomeBob();
          Exec(program);
        }),
        Stopped())
        << changed;
  }
}

TEST_F(BypassMounts, AnOverlayOfAnAccountsOwn) {
  const std::string place = Folder(base_ + "/place"), merged = Folder(base_ + "/merged");
  EXPECT_THAT(InChild([&] {
                OwnUserNamespace(0);
                Mount("tmpfs", "tmpfs", place, "mode=0777");
                if (mkdir((place + "/up").c_str(), 0777) != 0) _exit(95);
                if (mkdir((place + "/work").c_str(), 0777) != 0) _exit(95);
                Mount("overlay", "overlay", merged,
                      absl::StrCat("lowerdir=", mount_, ",upperdir=", place, "/up,workdir=", place,
                                   "/work"));
                Exec(merged + "/chat-sleep");
              }),
              Stopped());
}

TEST_F(BypassMounts, AStickWithExt4) {
  const std::string image = base_ + "/stick.img", where = base_ + "/stick";
  Write(image, "");
  fs::resize_file(image, 8 << 20);
  Tool({"/sbin/mkfs.ext4", "-q", "-d", Packed(), image});
  Plug("ext4", image, where);
  EXPECT_THAT(RunAs(kBob, {where + "/AppRun", "30"}), Stopped()) << "a moment after the mount";
  EXPECT_THAT(RunAs(kBob, {where + "/AppRun", "30"}), Stopped());
}

// What an AppImage and a snap are made of: a packed, read-only filesystem.
TEST_F(BypassMounts, APackedFilesystem) {
  const std::string image = base_ + "/app.squashfs", where = base_ + "/app";
  Tool({"/usr/bin/mksquashfs", Packed(), image, "-quiet", "-no-progress"});
  Plug("squashfs", image, where);
  EXPECT_THAT(RunAs(kBob, {where + "/AppRun", "30"}), Stopped());
  EXPECT_THAT(RunAs(kBob, {where + "/AppRun", "30"}), Stopped());
}

TEST_F(BypassMounts, AMountUnderAnotherMount) {
  const std::string place = Folder(base_ + "/place");
  EXPECT_THAT(InChild([&] {
                OwnMounts();
                Mount("tmpfs", "tmpfs", place, "mode=0777");
                Copy(sleeper_, place + "/copy");
                if (chdir(place.c_str()) != 0) _exit(95);
                Mount("tmpfs", "tmpfs", place, "mode=0777");
                BecomeBob();
                Exec("./copy");
              }),
              Stopped());
}

TEST_F(BypassMounts, AMountThatIsNowhereAnyMore) {
  const std::string place = Folder(base_ + "/place");
  EXPECT_THAT(InChild([&] {
                OwnMounts();
                Mount("tmpfs", "tmpfs", place, "mode=0777");
                Copy(sleeper_, place + "/copy");
                const int fd = open((place + "/copy").c_str(), O_RDONLY);
                if (umount2(place.c_str(), MNT_DETACH) != 0) _exit(95);
                BecomeBob();
                ExecFd(fd);
              }),
              Stopped());
}

TEST_F(BypassMounts, AnotherRoot) {
  const std::string root = Folder(base_ + "/root");
  EXPECT_THAT(InChild([&] {
                OwnMounts();
                ExecWithin(root, [&] {
                  if (chroot(root.c_str()) != 0 || chdir("/") != 0) _exit(96);
                });
              }),
              Stopped());
}

TEST_F(BypassMounts, ARootThatReplacesTheOther) {
  const std::string root = Folder(base_ + "/root");
  EXPECT_THAT(InChild([&] {
                OwnMounts();
                ExecWithin(root, [&] {
                  const std::string old = root + "/old";
                  if (syscall(SYS_pivot_root, root.c_str(), old.c_str()) != 0 || chdir("/") != 0 ||
                      umount2("/old", MNT_DETACH) != 0) {
                    _exit(96);
                  }
                });
              }),
              Stopped());
}

// As flatpak runs its programs: bubblewrap, without any right.
TEST_F(BypassMounts, FlatpaksSandbox) {
  const auto run = [](const std::string& program, const std::string& argument) {
    return RunAs(kBob, {"/bin/sh", "-c",
                        absl::StrCat("exec bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs "
                                     "/tmp --perms 0755 --file 3 /tmp/x /tmp/x ",
                                     argument, " 3<", program)});
  };
  EXPECT_EQ(run("/bin/echo", "x"), kRan) << "the sandbox itself works";
  // It passes on how its program ended; 1 where that could not be run.
  EXPECT_THAT(run(Hoard(), "30"), ::testing::AnyOf(128 + SIGKILL, 1));
}

}  // namespace
}  // namespace muster::agent
