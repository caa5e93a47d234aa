#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/adapters/ldap/ldap_directory.h"
#include "tests/controller/adapters/ldap/ldap_fixture.h"

namespace muster {
namespace {

using LdapWriteTest = LdapDirectoryTest;

// --- Writing.

TEST_F(LdapWriteTest, AddsAndRemovesMembersAndReadsThemBack) {
  Start(SmallDirectory());
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  const std::set<std::string> before = {PersonId(1), kNestedId, "cn=nobody,dc=mdm,dc=test"};
  std::set<std::string> after = before;
  after.insert(PersonId(5));
  for (const char* group : {kApproval, kApprovalId}) {
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_EQ(directory->AddMember(group, PersonId(5)), absl::OkStatus());
      EXPECT_EQ(MembersOf(directory.get(), group), after);
    }
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_EQ(directory->RemoveMember(group, PersonId(5)), absl::OkStatus());
      EXPECT_EQ(MembersOf(directory.get(), group), before);
    }
  }
}

TEST_F(LdapWriteTest, WritesTheMemberAttributeOfTheGroupsClass) {
  const std::string dn = "cn=unique,ou=groups,dc=mdm,dc=test";
  Start(SmallDirectory() + absl::StrCat("dn: ", dn,
                                        "\nobjectClass: groupOfUniqueNames\ncn: unique\n"
                                        "uniqueMember: ",
                                        PersonDn(1), "\n\n"));
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  EXPECT_EQ(directory->AddMember(dn, PersonId(2)), absl::OkStatus());
  EXPECT_EQ(MembersOf(directory.get(), dn), (std::set<std::string>{PersonId(1), PersonId(2)}));
  EXPECT_EQ(directory->RemoveMember(dn, PersonId(1)), absl::OkStatus());
  EXPECT_EQ(MembersOf(directory.get(), dn), (std::set<std::string>{PersonId(2)}));
}

TEST_F(LdapWriteTest, SaysWhyAMemberCannotBeWritten) {
  Slapd::Options server;
  server.ldif = SmallDirectory() +
                Group("one", "6f000000-0000-4000-8000-000000000009", {PersonDn(1)}) +
                "dn: cn=reader,dc=mdm,dc=test\nobjectClass: organizationalRole\n"
                "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: r\n\n";
  Start(server);
  const std::unique_ptr<LdapDirectory> admin = Open(Options());
  LdapOptions reader_options = Options();
  reader_options.bind_dn = "cn=reader,dc=mdm,dc=test";
  reader_options.bind_password = "r";
  const std::unique_ptr<LdapDirectory> reader = Open(reader_options);
  const std::string one = "cn=one,ou=groups,dc=mdm,dc=test";
  const std::string nobody = "a0000000-0000-4000-8000-00000000ffff";
  const struct {
    absl::Status status;
    absl::StatusCode code;
    const char* says;
  } kCases[] = {
      {admin->RemoveMember(one, PersonId(1)), absl::StatusCode::kFailedPrecondition,
       "put a placeholder"},
      {reader->AddMember(one, PersonId(2)), absl::StatusCode::kPermissionDenied,
       "account that Muster binds as"},
      {reader->RemoveMember(kApproval, PersonId(1)), absl::StatusCode::kPermissionDenied,
       "account that Muster binds as"},
      {admin->AddMember("cn=gone,ou=groups,dc=mdm,dc=test", PersonId(1)),
       absl::StatusCode::kNotFound, "no group cn=gone"},
      {admin->AddMember("6f000000-0000-4000-8000-0000000000ff", PersonId(1)),
       absl::StatusCode::kNotFound, "no group 6f000000"},
      {admin->AddMember(PersonDn(1), PersonId(1)), absl::StatusCode::kNotFound, "no group uid=u1"},
      {admin->AddMember(one, nobody), absl::StatusCode::kNotFound, "no person with the id"},
      {admin->RemoveMember(one, nobody), absl::StatusCode::kNotFound, "no person with the id"},
      {admin->AddMember(one, kApprovalId), absl::StatusCode::kNotFound, "no person with the id"},
      {admin->AddMember(one, "*)(uid=*"), absl::StatusCode::kNotFound, "is not a person's id"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(c.status.code(), c.code) << c.status;
    EXPECT_TRUE(absl::StrContains(c.status.message(), c.says)) << c.status;
  }
  EXPECT_EQ(MembersOf(admin.get(), one), (std::set<std::string>{PersonId(1)}));
}

TEST_F(LdapWriteTest, SeesWhatOthersChange) {
  Start(SmallDirectory());
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  ASSERT_TRUE(directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).ok());
  const absl::Status changed = slapd_->Modify(
      absl::StrCat("dn: ", kApproval, "\nchangetype: modify\ndelete: member\nmember: ", PersonDn(1),
                   "\n\ndn: ", PersonDn(5), "\nchangetype: delete\n\n"));
  ASSERT_TRUE(changed.ok()) << changed;
  const absl::StatusOr<DirectorySnapshotPtr> read =
      directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->persons.size(), 4u);
  EXPECT_EQ((*read)->groups.at(kApprovalId).member_ids,
            (std::vector<std::string>{kNestedId, "cn=nobody,dc=mdm,dc=test"}));
}

TEST_F(LdapWriteTest, ServesSeveralThreads) {
  Start(SmallDirectory());
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; ++n) {
    threads.emplace_back([&, n] {
      for (int i = 0; i < 10; ++i) {
        if (n % 2 == 0) {
          EXPECT_TRUE(directory->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).ok());
        } else {
          EXPECT_EQ(directory->AddMember(kApproval, PersonId(n)), absl::OkStatus());
          EXPECT_EQ(directory->RemoveMember(kApproval, PersonId(n)), absl::OkStatus());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace muster
