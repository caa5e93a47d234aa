// The state directory, on real files.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "tests/agent/adapters/files/machine_fixture.h"

namespace muster::agent {
namespace {

TEST_F(FilesTest, StateIsPrivateAndComesBack) {
  FileStateStore store(dir_ + "/state");
  ASSERT_TRUE(store.Create().ok());
  EXPECT_EQ(ModeOf(dir_ + "/state"), 0711u);
  EXPECT_EQ(ModeOf(dir_ + "/state/spool"), 0700u);
  EXPECT_EQ(*store.Read("device.key"), std::nullopt);
  ASSERT_TRUE(store.Write("device.key", "secret").ok());
  EXPECT_EQ(ModeOf(dir_ + "/state/device.key"), 0600u);
  EXPECT_EQ(**store.Read("device.key"), "secret");
  ASSERT_TRUE(store.Write("spool/2.pb", "").ok());
  ASSERT_TRUE(store.Write("spool/1.pb", "").ok());
  EXPECT_EQ(*store.List("spool"), (std::vector<std::string>{"1.pb", "2.pb"}));
  EXPECT_TRUE(store.Remove("spool/1.pb").ok());
  EXPECT_TRUE(store.Remove("spool/1.pb").ok());
  EXPECT_EQ(store.List("absent")->size(), 0u);
}

// After a crash at any step the file is the old or the new one, whole, and can be written again.
TEST_F(FilesTest, ACrashBetweenAnyTwoStepsLeavesOldOrNew) {
  struct Case {
    WriteStep last;
    const char* want;
  };
  const Case kCases[] = {{WriteStep::kTempWritten, "old"},
                         {WriteStep::kTempSynced, "old"},
                         {WriteStep::kRenamed, "new"},
                         {WriteStep::kDirectorySynced, "new"}};
  static WriteStep stop_at;
  for (const Case& c : kCases) {
    const std::string path = dir_ + "/file";
    ASSERT_TRUE(WriteFileAtomically(path, "old", 0600).ok());
    stop_at = c.last;
    const pid_t pid = fork();
    if (pid == 0) {
      (void)WriteFileAtomically(path, "new", 0600, [](WriteStep step) {
        if (step == stop_at) kill(getpid(), SIGKILL);
        return true;
      });
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(*ReadFile(path, 100), c.want);
    ASSERT_TRUE(WriteFileAtomically(path, "next", 0600).ok());
    EXPECT_EQ(*ReadFile(path, 100), "next");
  }
}

TEST_F(FilesTest, ReadIsBounded) {
  Put("big", std::string(101, 'x'));
  EXPECT_EQ(ReadFile(dir_ + "/big", 100).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(dir_ + "/big", 101)->size(), 101u);
  EXPECT_EQ(ReadFile(dir_ + "/absent", 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FilesTest, OnlyWhatIsInRunIsForEveryUser) {
  FileStateStore store(dir_ + "/state");
  ASSERT_TRUE(store.Create().ok());
  ASSERT_TRUE(store.Write(kAcceptedFile, "private").ok());
  ASSERT_TRUE(store.Write(kSeenLogFile, "public").ok());
  const std::pair<std::string, mode_t> kModes[] = {
      {"", 0711}, {"run", 0755}, {kAcceptedFile, 0600}, {kSeenLogFile, 0644}};
  for (const auto& [name, mode] : kModes) {
    struct stat st;
    ASSERT_EQ(stat(store.PathOf(name).c_str(), &st), 0) << name;
    EXPECT_EQ(st.st_mode & 07777, mode) << name;
  }
}

TEST_F(FilesTest, OneAgentPerStateDirectoryAndItsHolderIsFound) {
  FileStateStore store(dir_);
  ASSERT_TRUE(store.Create().ok());
  EXPECT_EQ(KillHolder(store), 0);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t pid = fork();
  if (pid == 0) {
    auto lock = LockPidFile(store);
    if (!lock.ok() || write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(LockPidFile(store).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(KillHolder(store), pid);
  waitpid(pid, nullptr, 0);
  EXPECT_EQ(KillHolder(store), 0) << "a number in a file nobody holds is not a process to kill";
  EXPECT_TRUE(LockPidFile(store).ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(FilesTest, IdentityThatDoesNotFitTogetherIsRefused) {
  FileStateStore store(dir_);
  EXPECT_EQ(LoadEnrolled(store).status().code(), absl::StatusCode::kNotFound);
  Put("agent.json", R"({"controller":"c:1","tenant":"t","device_id":"d"})");
  EXPECT_EQ(LoadEnrolled(store).status().code(), absl::StatusCode::kDataLoss);
  Put("agent.json", "{");
  EXPECT_EQ(LoadEnrolled(store).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(SpkiOfCertificate("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::agent
