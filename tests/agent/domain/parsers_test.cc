// The machine's own text files: dpkg, passwd, mountinfo.
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include "agent/domain/accounts.h"
#include "agent/domain/dpkg.h"
#include "agent/domain/mounts.h"

namespace muster::agent {

void PrintTo(const DpkgPackage& p, std::ostream* os) {
  *os << p.name << ":" << p.architecture << " " << p.version;
}
void PrintTo(const Mount& m, std::ostream* os) { *os << m.dev << " " << m.path << " " << m.type; }
void PrintTo(const Account& a, std::ostream* os) { *os << a.name << "=" << a.uid; }

namespace {

using Packages = std::vector<DpkgPackage>;

TEST(ParseDpkgStatus, OnlyInstalledPackages) {
  const char* kText =
      "Package: toxic\n"
      "Status: install ok installed\n"
      "Architecture: amd64\n"
      "Version: 0.11.1-1\n"
      "Description: a Tox client\n"
      " Package: not-a-field\n"
      " .\n"
      "\n"
      "Package: gone\n"
      "Status: deinstall ok config-files\n"
      "Version: 1\n"
      "\n"
      "Package: half\n"
      "Status: install reinstreq half-installed\n"
      "Version: 1\n"
      "\n"
      "Package: held\n"
      "Status: hold ok installed\n"
      "Version: 2:1.0~rc1-3+b1\n"
      "\n"
      "Package: unpacked\n"
      "Status: install ok unpacked\n"
      "\n"
      "Status: install ok installed\n"
      "Version: 1\n"
      "\n"
      "Package: last\n"
      "Status: install ok installed\n"
      "Version: 3";
  EXPECT_EQ(ParseDpkgStatus(kText, 100), (Packages{{"toxic", "amd64", "0.11.1-1"},
                                                   {"held", "", "2:1.0~rc1-3+b1"},
                                                   {"last", "", "3"}}));
  EXPECT_EQ(ParseDpkgStatus(kText, 1), (Packages{{"toxic", "amd64", "0.11.1-1"}}));
  EXPECT_EQ(ParseDpkgStatus("", 100), Packages{});
  EXPECT_EQ(ParseDpkgStatus("\n\n:\nPackage\n", 100), Packages{});
}

TEST(PackageOfInfoFile, NameWithoutArchitectureAndExtension) {
  EXPECT_EQ(PackageOfInfoFile("toxic.list", ".list"), "toxic");
  EXPECT_EQ(PackageOfInfoFile("libc6:amd64.md5sums", ".md5sums"), "libc6");
  EXPECT_EQ(PackageOfInfoFile("toxic.md5sums", ".list"), "");
  EXPECT_EQ(PackageOfInfoFile("format", ".list"), "");
}

TEST(DpkgLists, EveryLineOnce) {
  std::vector<std::string> paths;
  ForEachListedPath("/.\n/usr\n/usr/bin/a b\nrelative\n\n/last",
                    [&](absl::string_view p) { paths.emplace_back(p); });
  EXPECT_EQ(paths, (std::vector<std::string>{"/usr", "/usr/bin/a b", "/last"}));
  std::vector<std::string> sums;
  ForEachMd5(
      "7a4179e324c784b99e98fedee05260f7  bin/cat\nshort  x\n"
      "db0817401cfd9c5a818ae919d10ba7c5  usr/share/a b",
      [&](absl::string_view md5, absl::string_view path) {
        sums.push_back(std::string(md5.substr(0, 4)) + " " + std::string(path));
      });
  EXPECT_EQ(sums, (std::vector<std::string>{"7a41 bin/cat", "db08 usr/share/a b"}));
}

TEST(ParsePasswd, SkipsWhatIsNotAnAccount) {
  EXPECT_EQ(ParsePasswd("root:x:0:0:root:/root:/bin/bash\n+nis::::::\nbad:x:abc:0:::\nshort:x:1\n"
                        "alice:x:1000:1000:A:/home/alice:/bin/sh"),
            (std::vector<Account>{{"root", 0, "/bin/bash"}, {"alice", 1000, "/bin/sh"}}));
}

TEST(LocalAccounts, PersonsOnlySortedAndBounded) {
  const std::vector<Account> accounts = {{"zoe", 1002},   {"root", 0},       {"daemon", 1},
                                         {"alice", 1000}, {"nobody", 65534}, {"svc", 999}};
  EXPECT_EQ(LocalAccounts(accounts, 10), (std::vector<std::string>{"alice", "zoe"}));
  EXPECT_EQ(LocalAccounts(accounts, 1), (std::vector<std::string>{"alice"}));
}

TEST(ResolveAccounts, ASharedUidIsNobodys) {
  const std::vector<Account> known = {
      {"alice", 1000}, {"bob", 1001}, {"bob2", 1001}, {"eve", 1003}, {"eve", 1004}};
  const ResolvedAccounts got = ResolveAccounts({"alice", "bob", "eve", "absent"}, known);
  EXPECT_EQ(got.uid_of, (std::map<std::string, uint32_t>{{"alice", 1000}}));
  EXPECT_EQ(got.problems,
            (std::vector<std::string>{
                "uid 1001 belongs to several accounts (bob, bob2): entitlements of bob are not "
                "used",
                "account eve has several uids (1003, 1004): its entitlements are not used"}));
}

TEST(ParseMountInfo, FieldsAndEscapes) {
  EXPECT_EQ(ParseMountInfo("22 27 0:21 / /proc rw,relatime - proc proc rw\n"
                           "27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n"
                           "31 27 0:40 / /media/a\\040b\\134c rw - fuse.sshfs x rw\n"
                           "garbage\n"
                           "1 2 x:y / / rw - ext4 a rw\n"),
            (std::vector<Mount>{{makedev(0, 21), "/proc", "proc"},
                                {makedev(254, 0), "/", "ext4"},
                                {makedev(0, 40), "/media/a b\\c", "fuse.sshfs"}}));
}

TEST(Filesystems, WhichCanHoldProgramsAndWhichAreRemote) {
  struct Case {
    const char* type;
    bool programs, remote;
  };
  const Case kCases[] = {
      {"ext4", true, false},      {"tmpfs", true, false},    {"devtmpfs", true, false},
      {"overlay", true, false},   {"squashfs", true, false}, {"btrfs", true, false},
      {"fuse.sshfs", true, true}, {"fuseblk", true, true},   {"nfs4", true, true},
      {"cifs", true, true},       {"proc", false, false},    {"sysfs", false, false},
      {"cgroup2", false, false},  {"devpts", false, false},  {"nsfs", false, false},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(CanHoldPrograms(c.type), c.programs) << c.type;
    EXPECT_EQ(IsRemote(c.type), c.remote) << c.type;
  }
}

}  // namespace
}  // namespace muster::agent
