#include "controller/adapters/ldif/ldif_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/time_proto.h"
#include "controller/adapters/ldif/guid.h"

namespace muster {
namespace {

constexpr char kGroup[] = "cn=wa-approved,ou=groups,dc=mdm,dc=test";
constexpr char kGroupId[] = "6f000000-0000-4000-8000-000000000001";
constexpr char kAlice[] = "a0000000-0000-4000-8000-000000000001";
constexpr char kBob[] = "a0000000-0000-4000-8000-000000000002";

constexpr char kFile[] = R"(version: 1

# The people.
dn: uid=alice,ou=people,dc=mdm,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice A.
mail: alice@mdm.test
entryUUID: A0000000-0000-4000-8000-000000000001

dn: uid=bob,ou=people,dc=mdm,dc=test
objectClass: person
uid: bob
cn: Bob
displayName: Bob B.
mail: bob@mdm.test
entryUUID: a0000000-0000-4000-8000-000000000002

dn: cn=wa-approved,ou=groups,dc=mdm,dc=test
objectClass: groupOfNames
entryUUID: 6f000000-0000-4000-8000-000000000001
member: UID=Alice, ou=people,dc=mdm,
 dc=test
# Why this one is here.
member: cn=placeholder
description: last line
)";

class LdifDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "muster-ldif-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ + "/directory.ldif";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& text) const {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << text;
  }
  std::string Text() const {
    std::ifstream in(file_, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  std::unique_ptr<LdifDirectory> Open(const std::string& text) const {
    Write(text);
    absl::StatusOr<std::unique_ptr<LdifDirectory>> directory = LdifDirectory::Open(file_);
    EXPECT_TRUE(directory.ok()) << directory.status();
    return *std::move(directory);
  }
  static absl::StatusOr<DirectorySnapshotPtr> Read(LdifDirectory* from, const std::string& app,
                                                   const std::string& group) {
    return from->Read({{app, group}}, ReadDepth::kFull);
  }
  std::set<std::string> Files() const {
    std::set<std::string> out;
    for (const auto& item : std::filesystem::directory_iterator(folder_)) {
      out.insert(item.path().filename().string());
    }
    return out;
  }

  std::string folder_, file_;
};

TEST_F(LdifDirectoryTest, ReadsPersonsAndGroups) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  EXPECT_EQ(directory->kind(), "ldif");
  EXPECT_EQ(directory->source(), "ldif " + file_);
  for (const char* group : {kGroup, "CN=WA-Approved , OU=groups,dc=mdm,dc=test", kGroupId,
                            "{6F000000-0000-4000-8000-000000000001}"}) {
    const absl::StatusOr<DirectorySnapshotPtr> read = Read(directory.get(), "whatsapp", group);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ((*read)->approval, (std::map<std::string, std::string>{{"whatsapp", kGroupId}}));
    ASSERT_EQ((*read)->groups.size(), 1u);
    EXPECT_EQ((*read)->groups.at(kGroupId).name, kGroup);
    EXPECT_EQ((*read)->groups.at(kGroupId).member_ids,
              (std::vector<std::string>{kAlice, "cn=placeholder"}));
    ASSERT_EQ((*read)->persons.size(), 2u);
    EXPECT_EQ((*read)->persons.at(kAlice).ShortDebugString(),
              absl::StrCat("person_id: \"", kAlice,
                           "\" upn: \"alice@mdm.test\" account_name: \"alice\" display_name: "
                           "\"Alice A.\" enabled: true distinguished_name: "
                           "\"uid=alice,ou=people,dc=mdm,dc=test\""));
    EXPECT_EQ((*read)->persons.at(kBob).display_name(), "Bob B.");
  }
}

TEST_F(LdifDirectoryTest, ReadsNestedGroupsInACycleAndOnlyThoseReached) {
  const std::unique_ptr<LdifDirectory> directory = Open(absl::StrCat(
      kFile,
      "\ndn: cn=top,dc=t\nobjectClass: group\nmember: cn=sub,dc=t\n"
      "\ndn: cn=sub,dc=t\nobjectClass: groupOfUniqueNames\nuniqueMember: uid=bob,ou=people,dc=mdm,"
      "dc=test\nuniqueMember: cn=top,dc=t\nuniqueMember:\n"
      "\ndn: cn=room,dc=t\nobjectClass: device\n"));
  const absl::StatusOr<DirectorySnapshotPtr> read = Read(directory.get(), "viber", "cn=top,dc=t");
  ASSERT_TRUE(read.ok()) << read.status();
  // Without an id of their own, groups get one from their DN.
  const std::string top = GuidFromName("cn=top,dc=t"), sub = GuidFromName("cn=sub,dc=t");
  EXPECT_EQ((*read)->approval, (std::map<std::string, std::string>{{"viber", top}}));
  ASSERT_EQ((*read)->groups.size(), 2u);
  EXPECT_EQ((*read)->groups.at(top).member_ids, (std::vector<std::string>{sub}));
  EXPECT_EQ((*read)->groups.at(sub).member_ids, (std::vector<std::string>{kBob, top}));
}

// One person of Active Directory's kind, with `lines` added.
std::string AdPerson(const std::string& lines) {
  return absl::StrCat("dn: cn=x,dc=t\nobjectClass: user\nobjectGUID:: AQIDBAUGBwgJCgsMDQ4PEA==\n",
                      lines, "\ndn: cn=g,dc=t\nobjectClass: group\n");
}

TEST_F(LdifDirectoryTest, MapsAttributes) {
  const std::string id = "person_id: \"04030201-0605-0807-090a-0b0c0d0e0f10\" ";
  const std::string end = "distinguished_name: \"cn=x,dc=t\"";
  const std::pair<std::string, std::string> kCases[] = {
      {"", "enabled: true "},
      {"sAMAccountName: x1\nuid: x2\n", "account_name: \"x1\" enabled: true "},
      {"uid: x2\nuid: x3\n", "account_name: \"x2\" enabled: true "},
      {"userPrincipalName: x@a\nmail: x@b\n", "upn: \"x@a\" enabled: true "},
      {"displayName:\ncn: X\n", "display_name: \"X\" enabled: true "},
      {"userAccountControl: 512\n", "enabled: true "},
      {"userAccountControl: 514\n", ""},
      {"userAccountControl: -2147483646\n", ""},
      {"pwdAccountLockedTime: 000001010000Z\n", ""},
      {"pwdAccountLockedTime: 20260101000000Z\n", "enabled: true "},
      {"accountExpires: 0\n", "enabled: true "},
      {"accountExpires: 9223372036854775807\n", "enabled: true "},
      {"accountExpires: 9223372036854775806\n", "enabled: true "},
      {"accountExpires: 133485408000000000\n", "enabled: true expires_at { seconds: 1704067200 } "},
      {"accountExpires: 133485408005000000\n",
       "enabled: true expires_at { seconds: 1704067200 nanos: 500000000 } "},
  };
  for (const auto& [lines, want] : kCases) {
    const absl::StatusOr<DirectorySnapshotPtr> read =
        Read(Open(AdPerson(lines)).get(), "viber", "cn=g,dc=t");
    ASSERT_TRUE(read.ok()) << lines << read.status();
    ASSERT_EQ((*read)->persons.size(), 1u);
    EXPECT_EQ((*read)->persons.begin()->second.ShortDebugString(), absl::StrCat(id, want, end))
        << lines;
  }
}

TEST_F(LdifDirectoryTest, RefusesWhatItCannotBeSureOf) {
  const std::string more = "\ndn: uid=carol,dc=t\nobjectClass: user\n";
  const std::string id = "entryUUID: a0000000-0000-4000-8000-00000000000c\n";
  const std::string file = kFile;
  const struct {
    std::string text;
    absl::StatusCode code;
    std::string says;
  } kCases[] = {
      {"", absl::StatusCode::kDataLoss, "line 1: the file is empty"},
      {file.substr(0, file.size() - 5), absl::StatusCode::kDataLoss,
       "line 26: the file ends in the middle of a line"},
      {file + "cn\n", absl::StatusCode::kDataLoss, "line 27: \"cn\" is not"},
      {file + more, absl::StatusCode::kDataLoss,
       "line 28 (uid=carol,dc=t) has neither objectGUID nor entryUUID"},
      {file + more + "entryUUID: 12\n", absl::StatusCode::kDataLoss,
       "line 28 (uid=carol,dc=t): entryuuid is \"12\""},
      {file + more + id + id, absl::StatusCode::kDataLoss,
       "line 28 (uid=carol,dc=t): entryuuid has 2 values"},
      {file + more + "entryUUID: " + kBob + "\n", absl::StatusCode::kDataLoss,
       "line 11 (uid=bob,ou=people,dc=mdm,dc=test) and line 28 (uid=carol,dc=t) have the same id"},
      {file + more + "entryUUID: " + kGroupId + "\n", absl::StatusCode::kDataLoss,
       "line 19 (cn=wa-approved,ou=groups,dc=mdm,dc=test) and line 28 (uid=carol,dc=t) have the "
       "same id"},
      {file + more + id + "mail: BOB@mdm.test\n", absl::StatusCode::kDataLoss,
       "line 11 (uid=bob,ou=people,dc=mdm,dc=test) and line 28 (uid=carol,dc=t) have the same UPN "
       "\"bob@mdm.test\""},
      {file + more + id + "uid: Bob\n", absl::StatusCode::kDataLoss,
       "line 11 (uid=bob,ou=people,dc=mdm,dc=test) and line 28 (uid=carol,dc=t) have the same "
       "account name \"bob\""},
      {file + "\ndn: UID=BOB,ou=people,dc=mdm,dc=test\ncn: b\n", absl::StatusCode::kDataLoss,
       "line 11 (uid=bob,ou=people,dc=mdm,dc=test) and line 28 "
       "(UID=BOB,ou=people,dc=mdm,dc=test) have the same DN"},
      {file + "\ndn: nonsense\n", absl::StatusCode::kDataLoss, "line 28: \"nonsense\" is not"},
      {file + more + id + "userAccountControl: yes\n", absl::StatusCode::kDataLoss,
       "userAccountControl is \"yes\""},
      {file + more + id + "accountExpires: -1\n", absl::StatusCode::kDataLoss,
       "accountExpires is \"-1\""},
      {file + more + id + "cn: \xFF\n", absl::StatusCode::kDataLoss, "not valid UTF-8"},
      {file + "member: no dn\n", absl::StatusCode::kDataLoss, "\"no dn\" is not a disting"},
      {absl::StrReplaceAll(file, {{"dn: cn=wa-approved", "dn: cn=wa"}}),
       absl::StatusCode::kFailedPrecondition,
       "the approval group of whatsapp, cn=wa-approved,ou=groups,dc=mdm,dc=test, is not in the "
       "directory"},
      {absl::StrReplaceAll(file, {{"groupOfNames", "room"}}), absl::StatusCode::kFailedPrecondition,
       "is not a group"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = Read(Open(c.text).get(), "whatsapp", kGroup).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), c.says)) << status;
    EXPECT_TRUE(absl::StartsWith(status.message(), file_ + ": ")) << status;
  }
}

TEST_F(LdifDirectoryTest, ReadsTheFileAnewEachTime) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  ASSERT_TRUE(Read(directory.get(), "whatsapp", kGroup).ok());
  Write(absl::StrReplaceAll(kFile, {{"Bob B.", "Robert"}}));
  EXPECT_EQ((*Read(directory.get(), "whatsapp", kGroup))->persons.at(kBob).display_name(),
            "Robert");
  std::filesystem::remove(file_);
  EXPECT_EQ(Read(directory.get(), "whatsapp", kGroup).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(LdifDirectoryTest, OpenSaysWhatIsWrong) {
  EXPECT_EQ(LdifDirectory::Open(file_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LdifDirectory::Open(folder_).status().code(), absl::StatusCode::kFailedPrecondition);
  Write("not LDIF");
  EXPECT_TRUE(LdifDirectory::Open(file_).ok());
}

// --- Writing.

TEST_F(LdifDirectoryTest, AddsAndRemovesOneLineAndKeepsEveryOtherByte) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  const std::string with_bob = absl::StrReplaceAll(
      kFile, {{"member: cn=placeholder\n",
               "member: cn=placeholder\nmember: uid=bob,ou=people,dc=mdm,dc=test\n"}});
  for (const char* group : {kGroup, kGroupId}) {
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_EQ(directory->AddMember(group, kBob), absl::OkStatus());
      EXPECT_EQ(Text(), with_bob);
    }
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_EQ(directory->RemoveMember(group, kBob), absl::OkStatus());
      EXPECT_EQ(Text(), kFile);
    }
  }
  EXPECT_EQ(directory->AddMember(kGroup, kAlice), absl::OkStatus());
  EXPECT_EQ(Text(), kFile);
  EXPECT_EQ(directory->RemoveMember(kGroup, kAlice), absl::OkStatus());
  EXPECT_EQ(Text(),
            absl::StrReplaceAll(kFile, {{"member: UID=Alice, ou=people,dc=mdm,\n dc=test\n", ""}}));
  EXPECT_EQ(Files(), (std::set<std::string>{"directory.ldif", "directory.ldif.lock"}));
}

TEST_F(LdifDirectoryTest, WritesAsTheFileIsWritten) {
  const std::string person =
      "dn:: Y249w4nDqSxkYz10\nobjectClass: user\nentryUUID: " + std::string(kAlice) + "\n\n";
  const struct {
    std::string before, after;
  } kCases[] = {
      // No member yet: after the last line of the entry.
      {"dn: cn=g,dc=t\nobjectClass: group\n\n" + person,
       "dn: cn=g,dc=t\nobjectClass: group\nmember:: Y249w4nDqSxkYz10\n\n" + person},
      {person + "dn: cn=g,dc=t\nobjectClass: group\n",
       person + "dn: cn=g,dc=t\nobjectClass: group\nmember:: Y249w4nDqSxkYz10\n"},
      {"dn: cn=g,dc=t\nobjectClass: groupOfUniqueNames\nuniqueMember: cn=a\ncn: g\n\n" + person,
       "dn: cn=g,dc=t\nobjectClass: groupOfUniqueNames\nuniqueMember: cn=a\n"
       "uniqueMember:: Y249w4nDqSxkYz10\ncn: g\n\n" +
           person},
      {"dn: cn=g,dc=t\r\nobjectClass: group\r\n\r\n" + person,
       "dn: cn=g,dc=t\r\nobjectClass: group\r\nmember:: Y249w4nDqSxkYz10\r\n\r\n" + person},
  };
  for (const auto& c : kCases) {
    const std::unique_ptr<LdifDirectory> directory = Open(c.before);
    EXPECT_EQ(directory->AddMember("cn=g,dc=t", kAlice), absl::OkStatus());
    EXPECT_EQ(Text(), c.after);
    EXPECT_EQ(
        (*Read(directory.get(), "viber", "cn=g,dc=t"))->groups.begin()->second.member_ids.front(),
        kAlice);
    EXPECT_EQ(directory->RemoveMember("cn=g,dc=t", kAlice), absl::OkStatus());
    EXPECT_EQ(Text(), c.before);
  }
}

TEST_F(LdifDirectoryTest, RemovesEverySpellingOfAMember) {
  const std::string group = "dn: cn=g,dc=t\nobjectClass: group\n";
  const std::string person =
      "\ndn: cn=a,dc=t\nobjectClass: user\nentryUUID: " + std::string(kAlice) + "\n";
  const std::unique_ptr<LdifDirectory> directory =
      Open(group + "member: cn=a,dc=t\nmember: CN=A, DC=T\nuniqueMember: cn=a,dc=t\n" + person);
  EXPECT_EQ(directory->RemoveMember("cn=g,dc=t", kAlice), absl::OkStatus());
  EXPECT_EQ(Text(), group + person);
}

TEST_F(LdifDirectoryTest, SaysWhyItCannotWriteAndChangesNothing) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  const std::string nobody = "a0000000-0000-4000-8000-00000000ffff";
  const struct {
    std::string group, person;
    const char* says;
  } kCases[] = {
      {"cn=gone,dc=t", kBob, "there is no group cn=gone,dc=t"},
      {"6f000000-0000-4000-8000-0000000000ff", kBob, "there is no group 6f000000"},
      {"uid=bob,ou=people,dc=mdm,dc=test", kBob, "there is no group uid=bob"},
      {kGroup, nobody, "there is no person with the id"},
      {kGroup, kGroupId, "there is no person with the id"},
      {kGroup, "bob", "there is no person with the id bob"},
  };
  for (const auto& c : kCases) {
    for (const absl::Status& status :
         {directory->AddMember(c.group, c.person), directory->RemoveMember(c.group, c.person)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
      EXPECT_TRUE(absl::StrContains(status.message(), c.says)) << status;
    }
  }
  EXPECT_EQ(Text(), kFile);
  Write(absl::StrCat(kFile, "cut off"));
  EXPECT_EQ(directory->AddMember(kGroup, kBob).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Text(), absl::StrCat(kFile, "cut off"));
}

TEST_F(LdifDirectoryTest, KeepsModeOwnerAndLink) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  std::filesystem::create_directory(folder_ + "/real");
  const std::string real = folder_ + "/real/people.ldif";
  std::filesystem::rename(file_, real);
  std::filesystem::create_symlink(real, file_);
  ASSERT_EQ(chmod(real.c_str(), 0640), 0);
  // Only root can give a file away; anyone else keeps it, which is the same check.
  const uid_t owner = geteuid() == 0 ? 12'345 : geteuid();
  const gid_t group = geteuid() == 0 ? 23'456 : getegid();
  ASSERT_EQ(chown(real.c_str(), owner, group), 0);
  ASSERT_EQ(directory->AddMember(kGroup, kBob), absl::OkStatus());
  EXPECT_TRUE(std::filesystem::is_symlink(file_));
  struct stat found = {};
  ASSERT_EQ(stat(real.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640u);
  EXPECT_EQ(found.st_uid, owner);
  EXPECT_EQ(found.st_gid, group);
  EXPECT_TRUE(absl::StrContains(Text(), "member: uid=bob"));
}

// What a writer left behind that was killed must not stop the next one.
TEST_F(LdifDirectoryTest, TakesOverTheRemainsOfAKilledWriter) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  std::ofstream(file_ + ".muster-new") << "half a fi";
  std::ofstream(file_ + ".lock") << "";
  EXPECT_EQ(directory->AddMember(kGroup, kBob), absl::OkStatus());
  EXPECT_EQ(Files(), (std::set<std::string>{"directory.ldif", "directory.ldif.lock"}));
}

TEST_F(LdifDirectoryTest, ReplaceRefusesAFileThatChangedMeanwhile) {
  Write(kFile);
  const absl::StatusOr<LdifFile> old = LoadLdifFile(file_);
  ASSERT_TRUE(old.ok()) << old.status();
  Write(absl::StrCat(kFile, "# someone else\n"));
  EXPECT_EQ(ReplaceLdifFile(*old, "mine\n").code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Text(), absl::StrCat(kFile, "# someone else\n"));
  EXPECT_EQ(Files(), (std::set<std::string>{"directory.ldif"}));
}

// Many threads over two objects: no change is lost, no reader sees half a file.
TEST_F(LdifDirectoryTest, LosesNoChangeBetweenThreads) {
  constexpr int kPersons = 12;
  std::string text = "dn: cn=g,dc=t\nobjectClass: group\n";
  const auto id = [](int n) { return GuidFromName(absl::StrCat("p", n)); };
  for (int n = 0; n < kPersons; ++n) {
    absl::StrAppend(&text, "\ndn: cn=p", n, ",dc=t\nobjectClass: user\nentryUUID: ", id(n), "\n");
  }
  const std::unique_ptr<LdifDirectory> one = Open(text);
  const std::unique_ptr<LdifDirectory> two = *LdifDirectory::Open(file_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = t; n < kPersons; n += 4) {
        EXPECT_EQ((t % 2 == 0 ? one : two)->AddMember("cn=g,dc=t", id(n)), absl::OkStatus());
        EXPECT_TRUE(Read(two.get(), "viber", "cn=g,dc=t").ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ((*Read(one.get(), "viber", "cn=g,dc=t"))->groups.begin()->second.member_ids.size(),
            static_cast<size_t>(kPersons));
}

}  // namespace
}  // namespace muster
