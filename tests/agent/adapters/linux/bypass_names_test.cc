// The same program by another name, from another place, or made anew from its bytes.
#include <spawn.h>
#include <sys/sendfile.h>

#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

using BypassNames = BypassTest;

TEST_F(BypassNames, ASymbolicLink) {
  const std::string link = base_ + "/innocent";
  ASSERT_EQ(symlink(sleeper_.c_str(), link.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {link, "30"}), kEperm);
}

TEST_F(BypassNames, AHardLinkInAFolderOfEverybody) {
  const std::string linked = Folder(mount_ + "/shared", 01777) + "/innocent";
  ASSERT_EQ(link(sleeper_.c_str(), linked.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {linked, "30"}), kEperm);
  fs::remove(sleeper_);
  EXPECT_EQ(RunAs(kBob, {linked, "30"}), kEperm) << "its own name is gone";
}

TEST_F(BypassNames, ARenameOverAnAllowedProgram) {
  for (int i = 0; i < 2; ++i) EXPECT_EQ(RunAs(kBob, {other_, "x"}), kRan);
  ASSERT_EQ(rename(sleeper_.c_str(), other_.c_str()), 0);
  EXPECT_EQ(RunAs(kBob, {other_, "30"}), kEperm);
}

TEST_F(BypassNames, NobodyButRootCopiesIt) {
  EXPECT_EQ(RunAs(kBob, {"/bin/cp", sleeper_, mount_ + "/copy"}), 1);
  EXPECT_EQ(RunAs(kBob, {"/bin/tar", "-cf", "/dev/null/x", sleeper_}), 2);
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              _exit(open(sleeper_.c_str(), O_RDONLY) < 0 ? 100 + errno : 0);
            }),
            kEperm);
}

TEST_F(BypassNames, ACopyThatTheKernelMakes) {
  const std::string copy = mount_ + "/copy";
  EXPECT_EQ(InChild([&] {
              const int from = open(sleeper_.c_str(), O_RDONLY);
              const int to = open(copy.c_str(), O_WRONLY | O_CREAT, 0755);
              const auto size = fs::file_size(sleeper_);
              _exit(sendfile(to, from, nullptr, size) == static_cast<ssize_t>(size) ? 0 : 95);
            }),
            0);
  EXPECT_EQ(RunAs(kBob, {copy, "30"}), kEperm);
}

TEST_F(BypassNames, AnArchiveUnpackedInAHome) {
  const std::string home = Folder(mount_ + "/home"), packed = base_ + "/packed.tar";
  Tool({"/bin/tar", "-cf", packed, "-C", base_, fs::path(Hoard()).filename()});
  ASSERT_EQ(RunAs(kBob, {"/bin/tar", "-xf", packed, "-C", home}), 0);
  EXPECT_EQ(RunAs(kBob, {home + "/hoard", "30"}), kEperm);
}

TEST_F(BypassNames, ADescriptorInsteadOfAPath) {
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              ExecFd(open(sleeper_.c_str(), O_PATH));
            }),
            kEperm);
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              const int fd = open(sleeper_.c_str(), O_PATH);
              Exec(absl::StrCat("/proc/self/fd/", fd));
            }),
            kEperm);
}

TEST_F(BypassNames, ADeletedProgram) {
  const int fd = open(sleeper_.c_str(), O_PATH);
  fs::remove(sleeper_);
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              ExecFd(fd);
            }),
            kEperm);
  close(fd);
}

TEST_F(BypassNames, AnUnnamedFile) {
  const std::string bytes = ReadFile(sleeper_, 64 << 20).value();
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              const int fd = open(mount_.c_str(), O_TMPFILE | O_RDWR, 0700);
              if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
                _exit(95);
              }
              const int to_run = open(absl::StrCat("/proc/self/fd/", fd).c_str(), O_RDONLY);
              close(fd);  // what is open for writing cannot be run
              ExecFd(to_run);
            }),
            kEperm);
}

TEST_F(BypassNames, ASpawnInsteadOfAFork) {
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              char seconds[] = "30";
              char* argv[] = {sleeper_.data(), seconds, nullptr};
              pid_t pid = 0;
              _exit(100 + posix_spawn(&pid, sleeper_.c_str(), nullptr, nullptr, argv, environ));
            }),
            kEperm);
}

TEST_F(BypassNames, MoreBytesAtTheEnd) {
  const std::string padded = mount_ + "/padded";
  Install(sleeper_, padded);
  std::ofstream(padded, std::ios::app) << "a payload, as an AppImage has";
  EXPECT_THAT(RunAs(kBob, {padded, "30"}), Stopped());
}

TEST_F(BypassNames, AnotherSection) {
  const std::string more = mount_ + "/more", bare = mount_ + "/bare", text = base_ + "/text";
  Write(text, "other bytes");
  Tool({"/usr/bin/objcopy", "--add-section", ".note.mine=" + text, Hoard(), more});
  Tool({"/usr/bin/objcopy", "--strip-all", base_ + "/hoard", bare});
  for (const std::string& program : {more, bare}) {
    chmod(program.c_str(), 0755);
    EXPECT_THAT(RunAs(kBob, {program, "30"}), Stopped()) << program;
  }
}

// What runs before the agent knows of it: the same bytes, and it is ended.
TEST_F(BypassNames, AStartBeforeThePolicyWasThere) {
  agent_.reset();
  enforcer_.reset();
  const std::string copy = BobsCopy(sleeper_, mount_ + "/copy");
  const pid_t pid = Sleeper(kBob);
  const pid_t other = fork();
  if (other == 0) {
    BecomeBob();
    Exec(copy);
  }
  while (PathOfExe(other) != copy) usleep(1'000);
  version_ = 0;
  StartAgent();
  Grant(false);
  for (const pid_t p : {pid, other}) {
    int status = 0;
    ASSERT_EQ(waitpid(p, &status, 0), p);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
}

}  // namespace
}  // namespace muster::agent
