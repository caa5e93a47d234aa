// The state directory and the machine's package databases, on real files.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/adapters/files/file_io.h"
#include "agent/adapters/files/file_state_store.h"
#include "agent/adapters/files/identity_files.h"
#include "agent/adapters/files/local_machine.h"
#include "tests/agent/fakes.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char dir[] = "/tmp/muster-files-XXXXXX";
    ASSERT_NE(mkdtemp(dir), nullptr);
    dir_ = dir;
  }
  void TearDown() override { fs::remove_all(dir_); }
  void Put(const std::string& name, const std::string& text, unsigned mode = 0644) {
    fs::create_directories(fs::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
    chmod((dir_ + "/" + name).c_str(), mode);
  }
  unsigned ModeOf(const std::string& path) {
    struct stat st = {};
    stat(path.c_str(), &st);
    return st.st_mode & 07777;
  }
  std::string dir_;
};

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

class MachineTest : public FilesTest {
 protected:
  LocalMachine Machine() {
    MachinePaths paths;
    paths.dpkg_admindir = dir_ + "/dpkg";
    paths.flatpak_dir = dir_ + "/flatpak";
    paths.snap_dir = dir_ + "/snap";
    paths.home_dir = dir_ + "/home";
    paths.passwd = dir_ + "/passwd";
    return LocalMachine(paths);
  }
  void PutFlatpak(const std::string& root, const std::string& id) {
    const std::string app = root + "/app/" + id;
    Put(app + "/x86_64/stable/abc/files/bin/run", "x", 0755);
    Put(app + "/x86_64/stable/abc/files/share/data", "x", 0644);
    fs::create_directory_symlink("abc", dir_ + "/" + app + "/x86_64/stable/active");
    fs::create_directory_symlink("x86_64/stable", dir_ + "/" + app + "/current");
  }
};

TEST_F(MachineTest, InventoryOfEveryOrigin) {
  Put("dpkg/status", "Package: toxic\nStatus: install ok installed\nVersion: 0.11\n");
  PutFlatpak("flatpak", "org.signal.Signal");
  PutFlatpak("home/alice/.local/share/flatpak", "com.rtosta.zapzap");
  Put("snap/whatsdesk/5/meta/snap.yaml", "name: whatsdesk\nversion: '1.2'\n");
  fs::create_directory_symlink("5", dir_ + "/snap/whatsdesk/current");
  Put("snap/README", "x");
  LocalMachine machine = Machine();
  std::vector<std::string> got;
  for (const v1::InventoryItem& i : machine.ReadInventory()) {
    got.push_back(
        absl::StrCat(v1::Origin::Kind_Name(i.origin()), " ", i.package_id(), " ", i.version()));
  }
  EXPECT_EQ(got,
            (std::vector<std::string>{"DPKG toxic 0.11", "FLATPAK org.signal.Signal stable",
                                      "FLATPAK com.rtosta.zapzap stable", "SNAP whatsdesk 1.2"}));
  EXPECT_EQ(machine.ProgramFiles(v1::Origin::FLATPAK, "org.signal.Signal"),
            (std::vector<std::string>{
                dir_ + "/flatpak/app/org.signal.Signal/x86_64/stable/abc/files/bin/run"}));
  EXPECT_TRUE(machine.ProgramFiles(v1::Origin::FLATPAK, "../../..").empty());
  EXPECT_TRUE(machine.ProgramFiles(v1::Origin::SNAP, "a/b").empty());
}

TEST_F(MachineTest, FilesOwnersAndSumsOfPackages) {
  Put("usr/bin/chat", "program", 0755);
  Put("usr/share/doc", "text", 0644);
  fs::create_directory_symlink("usr/bin", dir_ + "/bin");
  fs::create_symlink("chat", dir_ + "/usr/bin/alias");
  Put("dpkg/info/chatapp:amd64.list", "/.\n" + dir_ + "/bin/chat\n" + dir_ + "/usr/share/doc\n" +
                                          dir_ + "/usr/bin/alias\n" + dir_ + "/usr\n");
  Put("dpkg/info/chatapp-data.list", "/.\n" + dir_ + "/usr/share/doc2\n");
  Put("dpkg/info/twin.md5sums",
      "5a105e8b9d40e1329780d62ea2265d8a  " + dir_.substr(1) + "/bin/chat\n");
  LocalMachine machine = Machine();
  // Links are another file's name; data is not a program; the path is the real one.
  EXPECT_EQ(machine.ProgramFiles(v1::Origin::DPKG, "chatapp"),
            (std::vector<std::string>{dir_ + "/usr/bin/chat"}));
  EXPECT_EQ(machine.DpkgOwners({dir_ + "/usr/share/doc2", "/absent"}),
            (std::map<std::string, std::string>{{dir_ + "/usr/share/doc2", "chatapp-data"}}));
  const auto sums = machine.DpkgFilesByMd5({"5a105e8b9d40e1329780d62ea2265d8a"});
  ASSERT_EQ(sums.size(), 1u);
  EXPECT_EQ(sums.begin()->second, std::make_pair(std::string("twin"), dir_ + "/usr/bin/chat"));
  EXPECT_TRUE(machine.DpkgFilesByMd5({""}).empty());
}

TEST_F(MachineTest, HashesAFile) {
  Put("abc", "abc");
  LocalMachine machine = Machine();
  const absl::StatusOr<HashedFile> hashed = machine.Hash(dir_ + "/abc");
  ASSERT_TRUE(hashed.ok());
  // FIPS 180-2, appendix B.1; RFC 1321, A.5.
  EXPECT_EQ(hashed->sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hashed->md5, "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hashed->stamp, *machine.Stat(dir_ + "/abc"));
  EXPECT_EQ(machine.Hash(dir_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(machine.Stat(dir_), std::nullopt);
}

TEST_F(MachineTest, AccountsOfTheGivenFileOnly) {
  Put("passwd", "alice:x:1000:1000::/:/bin/sh\n");
  EXPECT_EQ(Machine().Accounts({"root"}), (std::vector<Account>{{"alice", 1000, "/bin/sh"}}));
}

}  // namespace
}  // namespace muster::agent
