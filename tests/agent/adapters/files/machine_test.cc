// The machine's package databases and program files, on real files.
#include "tests/agent/adapters/files/machine_fixture.h"

namespace muster::agent {
namespace {

TEST_F(MachineTest, InventoryOfEveryOrigin) {
  Put("dpkg/status", "Package: toxic\nStatus: install ok installed\nVersion: 0.11\n");
  PutFlatpak("flatpak", "org.signal.Signal");
  PutFlatpak("home/alice/.local/share/flatpak", "com.rtosta.zapzap");
  Put("snap/whatsdesk/5/meta/snap.yaml", "name: whatsdesk\nversion: '1.2'\n");
  fs::create_directory_symlink("5", dir_ + "/snap/whatsdesk/current");
  Put("snap/README", "x");
  Put("passwd", absl::StrCat("alice:x:", getuid(), ":0::/:/bin/sh\n"));
  LocalMachine machine = Machine();
  EXPECT_EQ(
      Lines(machine.ReadInventory(kAllSources)),
      (std::vector<std::string>{"DPKG toxic 0.11", "FLATPAK org.signal.Signal stable",
                                "FLATPAK com.rtosta.zapzap stable @alice", "SNAP whatsdesk 1.2"}));
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
