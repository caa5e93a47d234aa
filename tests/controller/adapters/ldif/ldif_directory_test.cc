#include "controller/adapters/ldif/ldif_directory.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/adapters/ldif/guid.h"
#include "tests/controller/adapters/ldif/ldif_fixture.h"

namespace muster {
namespace {

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
  const struct {
    std::string lines, want, more = "";
  } kCases[] = {
      {"", "enabled: true "},
      {"sAMAccountName: x1\nuid: x2\n", "account_name: \"x1\" enabled: true "},
      {"uid: x2\nuid: x3\n", "account_name: \"x2\" enabled: true "},
      {"userPrincipalName: x@a\nmail: X@b\n", "upn: \"x@a\" enabled: true ", " aliases: \"x@b\""},
      {"userPrincipalName: x@a\nmail: X@A\n", "upn: \"x@a\" enabled: true "},
      {"mail: x@b\nproxyAddresses: SMTP:x@B\nproxyAddresses: smtp:Y@c\nproxyAddresses: x500:z\n",
       "upn: \"x@b\" enabled: true ", " aliases: \"y@c\""},
      {"employeeID: E17\n", "enabled: true ", " employee_id: \"E17\""},
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
  for (const auto& [lines, want, more] : kCases) {
    const absl::StatusOr<DirectorySnapshotPtr> read =
        Read(Open(AdPerson(lines)).get(), "viber", "cn=g,dc=t");
    ASSERT_TRUE(read.ok()) << lines << read.status();
    ASSERT_EQ((*read)->persons.size(), 1u);
    EXPECT_EQ((*read)->persons.begin()->second.ShortDebugString(),
              absl::StrCat(id, want, end, more))
        << lines;
  }
}

TEST_F(LdifDirectoryTest, ChecksPasswordsThatItHolds) {
  // crypt(5): "right" by SHA-512, and one that is no hash.
  const auto directory = Open(
      AdPerson("userPassword: plain\nuserPassword: {CRYPT}nonsense\n"
               "userPassword: {CRYPT}$6$x$McQcn4syJZ63Xn7Z2r8fVHGPQa4o/L0aa7yRJWI0Tbv6eQHSNfEN.pS"
               "Js0rz3jlQb18uxS.5xi3rEnZPq8V1X.\n"));
  v1::Person person;
  person.set_person_id("04030201-0605-0807-090a-0b0c0d0e0f10");
  const auto check = [&](const std::string& password) {
    return directory->CheckPassword(person, password).code();
  };
  EXPECT_EQ(check("right"), absl::StatusCode::kOk);
  for (const char* wrong : {"", "plain", "nonsense", "*0", "Right"}) {
    EXPECT_EQ(check(wrong), absl::StatusCode::kUnauthenticated) << wrong;
  }
  EXPECT_EQ(Open(AdPerson("userPassword: plain\n"))->CheckPassword(person, "plain").code(),
            absl::StatusCode::kUnimplemented);
  person.set_person_id("00000000-0000-4000-8000-000000000009");
  EXPECT_EQ(check("right"), absl::StatusCode::kUnauthenticated);
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
  EXPECT_EQ(LdifDirectory::Open(folder_.path()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Write("not LDIF");
  EXPECT_TRUE(LdifDirectory::Open(file_).ok());
}

}  // namespace
}  // namespace muster
