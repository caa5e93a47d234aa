// Somebody else's program that loads the app: the dynamic loader, interpreters, preloading.
#include <sys/mman.h>

#include "tests/agent/adapters/linux/bypass_fixture.h"

namespace muster::agent {
namespace {

using ::testing::AnyOf;

class BypassLoaders : public BypassTest {
 protected:
  // A script of the app's package, and a copy of Bob's.
  std::string CopyOfScript(const std::string& text) {
    const std::string script = mount_ + "/long-script";
    Write(script, text);
    chmod(script.c_str(), 0755);
    Own({script});
    return BobsCopy(script, mount_ + "/copy");
  }
  // The app's package has these files too.
  void Own(const std::vector<std::string>& files) {
    std::string list = absl::StrCat("/.\n", sleeper_, "\n");
    for (const std::string& file : files) absl::StrAppend(&list, file, "\n");
    Write(base_ + "/dpkg/info/chatapp.list", list);
    agent_->OnInventoryChanged();
    agent_->Work();
  }
};

// Ends every process that loads it with exit code 42.
constexpr char kLibrary[] = MUSTER_PRELOAD;

TEST_F(BypassLoaders, TheLoaderIsGivenTheProgram) {
  EXPECT_THAT(RunAs(kBob, {LoaderPath(), sleeper_, "30"}), AnyOf(127, kKilled));
  EXPECT_THAT(RunAs(kBob, {LoaderPath(), "--argv0", "x", sleeper_, "30"}), AnyOf(127, kKilled));
}

TEST_F(BypassLoaders, ACopyOfTheLoaderIsGivenACopy) {
  const std::string copy = BobsCopy(sleeper_, mount_ + "/copy");
  const std::string loader = BobsCopy(LoaderPath(), mount_ + "/innocent");
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              execl(loader.c_str(), "innocent", copy.c_str(), "30", nullptr);
              _exit(100 + errno);
            }),
            kKilled);
}

TEST_F(BypassLoaders, ALoaderOfRootsOnAStickIsGivenACopy) {
  const std::string stick = Folder(base_ + "/stick");
  ASSERT_EQ(mount("tmpfs", stick.c_str(), "tmpfs", 0, "mode=0755"), 0);
  Install(sleeper_, stick + "/copy");
  Install(LoaderPath(), stick + "/innocent");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(RunAs(kBob, {stick + "/innocent", stick + "/copy", "30"}), kKilled);
  }
  umount2(stick.c_str(), MNT_DETACH);
}

TEST_F(BypassLoaders, TheLoaderIsGivenADescriptor) {
  const std::string copy = BobsCopy(sleeper_, mount_ + "/copy");
  for (const char* folder : {"/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/"}) {
    EXPECT_EQ(InChild([&] {
                BecomeBob();
                const std::string path = absl::StrCat(folder, open(copy.c_str(), O_RDONLY));
                const std::string loader = LoaderPath();
                execl(loader.c_str(), "ld.so", path.c_str(), "30", nullptr);
                _exit(100 + errno);
              }),
              kKilled)
        << folder;
  }
}

TEST_F(BypassLoaders, TheLoaderIsGivenMemory) {
  const std::string bytes = ReadFile(sleeper_, 64 << 20).value();
  EXPECT_EQ(InChild([&] {
              BecomeBob();
              const int fd = memfd_create("innocent", 0);
              if (write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
                _exit(95);
              }
              const std::string path = absl::StrCat("/proc/self/fd/", fd);
              const std::string loader = LoaderPath();
              execl(loader.c_str(), "ld.so", path.c_str(), "30", nullptr);
              _exit(100 + errno);
            }),
            kKilled);
}

TEST_F(BypassLoaders, AShellIsGivenACopyOfTheScript) {
  const std::string copy = CopyOfScript("#!/bin/sh\nsleep 30\n");
  EXPECT_EQ(RunAs(kBob, {copy}), kEperm);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", copy}), kKilled);
  EXPECT_EQ(RunAs(kBob, {"/bin/bash", "--norc", copy}), kKilled);
}

TEST_F(BypassLoaders, PythonIsGivenACopyOfTheScript) {
  const std::string copy = CopyOfScript("#!/usr/bin/python3\nimport time\ntime.sleep(30)\n");
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/python3", copy}), kKilled);
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/python3", "-I", "-W", "ignore", copy}), kKilled);
}

TEST_F(BypassLoaders, PerlIsGivenACopyOfTheScript) {
  const std::string copy = CopyOfScript("#!/usr/bin/perl\nsleep 30;\n");
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/perl", copy}), kKilled);
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/perl", "-w", copy}), kKilled);
}

TEST_F(BypassLoaders, ACopyOfTheShellIsGivenACopyOfTheScript) {
  const std::string copy = CopyOfScript("#!/bin/sh\nsleep 30\n");
  const std::string shell = BobsCopy("/bin/sh", mount_ + "/innocent");
  EXPECT_EQ(RunAs(kBob, {shell, copy}), kKilled);
}

TEST_F(BypassLoaders, AShellReadsTheScriptItself) {
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", "-c", absl::StrCat(". ", script_)}), 2);
  EXPECT_EQ(RunAs(kBob, {"/bin/sh", "-c", absl::StrCat("sh < ", script_)}), 2);
}

TEST_F(BypassLoaders, ALibraryOfTheAppIsPreloaded) {
  const std::string library = mount_ + "/libchat.so";
  Install(kLibrary, library);
  ASSERT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_PRELOAD=" + library, "/bin/true"}), 42);
  Own({library});
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_PRELOAD=" + library, "/bin/true"}), kRan);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), "--preload", library, "/bin/true"}), kRan);
}

TEST_F(BypassLoaders, ALibraryOfTheAppAudits) {
  const std::string library = mount_ + "/libchat.so";
  Install(kLibrary, library);
  ASSERT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_AUDIT=" + library, "/bin/true"}), 42);
  Own({library});
  EXPECT_EQ(RunAs(kBob, {"/usr/bin/env", "LD_AUDIT=" + library, "/bin/true"}), kRan);
}

}  // namespace
}  // namespace muster::agent
