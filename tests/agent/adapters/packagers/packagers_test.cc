// rpm's and flatpak's real databases, made here with their own programs, through the helpers.
#include <signal.h>
#include <sys/wait.h>

#include "agent/adapters/files/helper.h"
#include "common/agent_limits.h"
#include "common/clock.h"
#include "tests/agent/adapters/files/machine_fixture.h"
#include "tests/integration/process.h"

namespace muster::agent {
namespace {

using Strings = std::vector<std::string>;

class PackagersTest : public MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    helper_dir_ = MUSTER_BIN_DIR;
    fs::create_directories(dir_ + "/tool-home");
    chmod(dir_.c_str(), 0755);
  }
  // With a home of the test's own, so that nobody's settings count and none are left behind.
  void Run(Strings argv) {
    argv.insert(argv.begin(),
                {"env", "HOME=" + dir_ + "/tool-home", "XDG_DATA_HOME=", "LC_ALL=C",
                 "FLATPAK_SYSTEM_DIR=" + dir_ + "/flatpak", "FLATPAK_USER_DIR=" + user_dir_});
    const CommandResult result = RunCommand(argv);
    ASSERT_EQ(result.exit_code, 0) << result;
  }
  // A package of one program; only the database learns of it.
  void InstallRpm(const std::string& name, const std::string& version) {
    Put(name + ".spec", "Name: " + name + "\nEpoch: 4\nVersion: " + version +
                            "\nRelease: 3\nSummary: x\nLicense: x\nBuildArch: noarch\n"
                            "%description\nx\n%install\nmkdir -p %{buildroot}" +
                            dir_ + "/prog\necho x > %{buildroot}" + dir_ + "/prog/" + name +
                            "\n%files\n" + dir_ + "/prog/" + name + "\n");
    Run({"rpmbuild", "-bb", "--define", "_topdir " + dir_ + "/rpmbuild",
         dir_ + "/" + name + ".spec"});
    Run({"rpm", "--dbpath", dir_ + "/rpm", "-i", "--justdb", "--nodeps", "--force-debian",
         dir_ + "/rpmbuild/RPMS/noarch/" + name + "-" + version + "-3.noarch.rpm"});
  }
  void InstallFlatpak(const std::string& id, const std::string& where) {
    const std::string app = "build-" + id;
    Put(app + "/metadata", "[Application]\nname=" + id +
                               "\nruntime=org.freedesktop.Platform/x86_64/23.08\ncommand=run\n");
    Put(app + "/files/bin/run", "#!/bin/sh\n", 0755);
    fs::create_directories(dir_ + "/" + app + "/export");
    Run({"flatpak", "build-export", dir_ + "/repo", dir_ + "/" + app});
    Run({"flatpak", where, "remote-add", "--if-not-exists", "--no-gpg-verify", "agency",
         dir_ + "/repo"});
    Run({"flatpak", where, "install", "-y", "--no-deps", "--no-related", "agency", id});
  }
  std::string user_dir_ = "/nonexistent";
};

TEST_F(PackagersTest, RpmByItsLibrary) {
  Run({"rpm", "--dbpath", dir_ + "/rpm", "--initdb"});
  InstallRpm("chatapp", "1.2");
  InstallRpm("editor", "0.9");
  const InventoryRead read = Machine().ReadInventory(kRpmSource);
  Put("prog/chatapp", "x", 0755);
  LocalMachine machine = Machine();
  EXPECT_EQ(machine.ProgramFiles(v1::Origin::RPM, "chatapp"), (Strings{dir_ + "/prog/chatapp"}));
  EXPECT_EQ(machine.ProgramFiles(v1::Origin::RPM, "editor"), Strings{}) << "its file is not here";
  EXPECT_EQ(machine.ProgramFiles(v1::Origin::RPM, "absent"), Strings{});
  EXPECT_EQ(read.sources, unsigned{kRpmSource});
  EXPECT_EQ(Lines(read), (Strings{"RPM chatapp 4:1.2-3", "RPM editor 4:0.9-3"}));
  EXPECT_EQ(read.notes, Strings{});
}

TEST_F(PackagersTest, NoRpmDatabaseIsNothingToSay) {
  const InventoryRead read = Machine().ReadInventory(kRpmSource);
  EXPECT_TRUE(read.items.empty() && read.notes.empty());
}

TEST_F(PackagersTest, ADamagedRpmDatabaseIsANoteAndNoMore) {
  Put("rpm/rpmdb.sqlite", "this is no database, however long one reads it");
  Put("dpkg/status", "Package: vim\nStatus: install ok installed\nVersion: 9\n");
  const InventoryRead read = Machine().ReadInventory(kAllSources);
  EXPECT_EQ(Lines(read), (Strings{"DPKG vim 9"}));
  ASSERT_EQ(read.notes.size(), 1u);
  EXPECT_NE(read.notes[0].find("could not be read"), std::string::npos) << read.notes[0];
}

TEST_F(PackagersTest, FlatpaksOfEverybodyAndOfOne) {
  user_dir_ = dir_ + "/home/alice/.local/share/flatpak";
  fs::create_directories(user_dir_);
  Put("passwd", absl::StrCat("alice:x:", getuid(), ":0::/:/bin/sh\n"));
  InstallFlatpak("org.example.Chat", "--system");
  InstallFlatpak("org.example.Mine", "--user");
  const InventoryRead read = Machine().ReadInventory(kFlatpakSource);
  EXPECT_EQ(Lines(read),
            (Strings{"FLATPAK org.example.Chat master", "FLATPAK org.example.Mine master @alice"}));
  ASSERT_EQ(read.items.size(), 2u);
  EXPECT_EQ(read.items[0].signer(), "flatpak:agency");
  EXPECT_EQ(read.notes, Strings{});
  // Without the helper the folders say as much as they can, and a note says so.
  helper_dir_ = dir_ + "/no-helpers";
  const InventoryRead folders = Machine().ReadInventory(kFlatpakSource);
  EXPECT_EQ(Lines(folders), Lines(read));
  EXPECT_EQ(folders.items[0].signer(), "");
  EXPECT_EQ(folders.notes.size(), 2u);
}

class HelperTest : public PackagersTest {
 protected:
  // A helper that is this shell script.
  absl::Status Answer(const std::string& script) {
    Put("helper", "#!/bin/sh\n" + script + "\n", 0755);
    return RunHelper({dir_ + "/helper", {}}).status();
  }
};

TEST_F(HelperTest, WhatAHelperMayNotDo) {
  EXPECT_EQ(RunHelper({dir_ + "/absent", {}}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Answer("echo it broke >&2; exit 1"), absl::UnavailableError("it broke"));
  EXPECT_EQ(Answer("exit 0"), absl::UnavailableError("it ended without a word"));
  EXPECT_EQ(Answer("echo nonsense").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Answer("cat /dev/zero").code(), absl::StatusCode::kResourceExhausted);
  const absl::Time before = SystemClock().Now();
  EXPECT_EQ(Answer("sleep 60 & sleep 60").code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_LT(SystemClock().Now() - before, 3 * limits::kHelperTime);
}

TEST_F(HelperTest, HasNothingOfOursButItsQuestion) {
  Put("helper", "#!/bin/sh\n{ env | sort | tr '\\n' ' '; ls /proc/self/fd | wc -l; id -u; } >&2\n",
      0755);
  setenv("SECRET", "x", 1);
  const uid_t nobody = 65'534;
  const absl::Status said = RunHelper({dir_ + "/helper", {}, nobody, nobody}).status();
  EXPECT_EQ(said.message(), "HOME=/nonexistent LC_ALL=C.UTF-8 PATH=/usr/bin:/bin PWD=" +
                                fs::current_path().string() +
                                " 4\xEF\xBF\xBD"
                                "65534")
      << "four: standard input, output and error, and the folder that ls reads";
}

}  // namespace
}  // namespace muster::agent
