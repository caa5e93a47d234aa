// A person who owns a file decides when its bytes and its times change: neither helps.
#include <sys/mman.h>

#include "agent/adapters/linux/slow_lane.h"
#include "common/agent_limits.h"
#include "common/crypto.h"
#include "tests/agent/adapters/linux/fanotify_fixture.h"

namespace muster::agent {
namespace {

class ContentsTest : public FanotifyTest {};

TEST_F(ContentsTest, AFileIsReadUpToTheSizeItHad) {
  const std::string path = base_ + "/growing";
  Write(path, "abcdef");
  const Fd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(ftruncate(fd.get(), off_t{1} << 40), 0);
  EXPECT_EQ(HashFd(fd.get(), 6), Sha256Hex("abcdef"));
  EXPECT_EQ(HashFd(fd.get(), limits::kMaxHashedBytes + 1), std::nullopt);
}

// A write through a mapping that was there before leaves no trace in the file's times.
TEST_F(ContentsTest, BytesThatCameThroughAMappingCount) {
  StartAgent();
  Grant(false);
  agent_->Work();
  const std::string bytes = ReadFile(app_, 1 << 20).value(), copy = mount_ + "/copy";
  Write(copy, std::string(bytes.size(), 'x'));
  chmod(copy.c_str(), 0755);
  ASSERT_EQ(chown(copy.c_str(), kBob, kBob), 0);
  const std::optional<FileStamp> before = machine_->Stat(copy);
  {
    const Fd fd(open(copy.c_str(), O_RDWR | O_CLOEXEC));
    void* at = mmap(nullptr, bytes.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    ASSERT_NE(at, MAP_FAILED);
    volatile char seen = 0;
    for (size_t i = 0; i < bytes.size(); i += 4096) seen = static_cast<char*>(at)[i];
    static_cast<void>(seen);
    // The gate reads it, the kernel refuses it.
    EXPECT_EQ(RunAs(kBob, {copy}), 100 + ETXTBSY);
    memcpy(at, bytes.data(), bytes.size());
    munmap(at, bytes.size());
  }
  ASSERT_EQ(machine_->Stat(copy), before);
  EXPECT_EQ(RunAs(kBob, {copy}), kEperm);
}

TEST_F(ContentsTest, AProgramWhoseOwnerTouchesItIsEnded) {
  const pid_t pid = Sleeper(kBob);
  const std::optional<FileStamp> stamp = StampOfExe(pid);
  ASSERT_TRUE(stamp);
  const timespec times[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, sleeper_.c_str(), times, 0), 0);
  FileStamp other = *stamp;
  ++other.key.ino;
  EXPECT_FALSE(KillIfStill(pid, other));
  EXPECT_TRUE(KillIfStill(pid, *stamp));
  int status = 0;
  waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F(ContentsTest, AFileIsFoundBehindALongCommandLine) {
  StartAgent();
  Grant(false);
  agent_->Work();
  const std::string copy = mount_ + "/copy";
  Install(sleeper_, copy);
  EXPECT_EQ(RunAs(kBob, {LoaderPath(), "--library-path", std::string(100'000, '/'), copy, "30"}),
            kKilled);
}

}  // namespace
}  // namespace muster::agent
