// What is written to an LDIF file, and what of it stays as it was.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/adapters/ldif/guid.h"
#include "tests/controller/adapters/ldif/ldif_fixture.h"

namespace muster {
namespace {

using LdifWriteTest = LdifDirectoryTest;

TEST_F(LdifWriteTest, AddsAndRemovesOneLineAndKeepsEveryOtherByte) {
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

TEST_F(LdifWriteTest, WritesAsTheFileIsWritten) {
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

TEST_F(LdifWriteTest, RemovesEverySpellingOfAMember) {
  const std::string group = "dn: cn=g,dc=t\nobjectClass: group\n";
  const std::string person =
      "\ndn: cn=a,dc=t\nobjectClass: user\nentryUUID: " + std::string(kAlice) + "\n";
  const std::unique_ptr<LdifDirectory> directory =
      Open(group + "member: cn=a,dc=t\nmember: CN=A, DC=T\nuniqueMember: cn=a,dc=t\n" + person);
  EXPECT_EQ(directory->RemoveMember("cn=g,dc=t", kAlice), absl::OkStatus());
  EXPECT_EQ(Text(), group + person);
}

TEST_F(LdifWriteTest, SaysWhyItCannotWriteAndChangesNothing) {
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

TEST_F(LdifWriteTest, KeepsModeOwnerAndLink) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  std::filesystem::create_directory(folder_.File("real"));
  const std::string real = folder_.File("real/people.ldif");
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
TEST_F(LdifWriteTest, TakesOverTheRemainsOfAKilledWriter) {
  const std::unique_ptr<LdifDirectory> directory = Open(kFile);
  std::ofstream(file_ + ".muster-new") << "half a fi";
  std::ofstream(file_ + ".lock") << "";
  EXPECT_EQ(directory->AddMember(kGroup, kBob), absl::OkStatus());
  EXPECT_EQ(Files(), (std::set<std::string>{"directory.ldif", "directory.ldif.lock"}));
}

TEST_F(LdifWriteTest, ReplaceRefusesAFileThatChangedMeanwhile) {
  Write(kFile);
  const absl::StatusOr<LdifFile> old = LoadLdifFile(file_);
  ASSERT_TRUE(old.ok()) << old.status();
  Write(absl::StrCat(kFile, "# someone else\n"));
  EXPECT_EQ(ReplaceLdifFile(*old, "mine\n").code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Text(), absl::StrCat(kFile, "# someone else\n"));
  EXPECT_EQ(Files(), (std::set<std::string>{"directory.ldif"}));
}

// Many threads over two objects: no change is lost, no reader sees half a file.
TEST_F(LdifWriteTest, LosesNoChangeBetweenThreads) {
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
