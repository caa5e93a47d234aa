#include "controller/adapters/ldap/ldap_directory.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/time_proto.h"
#include "tests/controller/adapters/ldap/ldap_fixture.h"

namespace muster {
namespace {

// --- What is read.

TEST_F(LdapDirectoryTest, ReadsTheSameOverLdapsAndStartTlsByDnAndByGuid) {
  Start(SmallDirectory());
  LdapOptions start_tls = Options();
  start_tls.uris = {slapd_->ldap_uri()};
  start_tls.start_tls = true;
  for (const LdapOptions& options : {Options(), start_tls}) {
    const std::unique_ptr<LdapDirectory> directory = Open(options);
    EXPECT_EQ(directory->kind(), "ldap");
    EXPECT_EQ(directory->source(), "ldap " + options.uris.front());
    for (const char* group : {kApproval, "CN=WA-Approved, ou=groups,dc=mdm,dc=test", kApprovalId,
                              "{6F000000-0000-4000-8000-000000000001}"}) {
      const absl::StatusOr<DirectorySnapshotPtr> read =
          directory->Read({{"whatsapp", group}}, ReadDepth::kFull);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ((*read)->approval, (std::map<std::string, std::string>{{"whatsapp", kApprovalId}}));
      ASSERT_EQ((*read)->groups.size(), 2u);
      EXPECT_EQ((*read)->groups.at(kApprovalId).name, kApproval);
      EXPECT_EQ((*read)->groups.at(kApprovalId).member_ids,
                (std::vector<std::string>{kNestedId, PersonId(1), "cn=nobody,dc=mdm,dc=test"}));
      EXPECT_EQ((*read)->groups.at(kNestedId).member_ids,
                (std::vector<std::string>{kApprovalId, PersonId(2), PersonId(3), PersonId(4)}));
      ASSERT_EQ((*read)->persons.size(), 5u);
      const absl::StatusOr<EffectiveMembers> members =
          ComputeEffectiveMembers(**read, absl::FromUnixSeconds(1'800'000'000));
      ASSERT_TRUE(members.ok()) << members.status();
      const std::string nested = "cn=nested,ou=groups,dc=mdm,dc=test";
      EXPECT_EQ(
          *members,
          (EffectiveMembers{
              {"whatsapp", {{PersonId(1), {kApproval}}, {PersonId(2), {kApproval, nested}}}}}));
    }
  }
}

TEST_F(LdapDirectoryTest, MapsPersons) {
  Start(SmallDirectory() +
        "dn: cn=Ad User,ou=people,dc=mdm,dc=test\nobjectClass: inetOrgPerson\n"
        "objectClass: extensibleObject\ncn: Ad User\nsn: User\nuid: other\n"
        "mail: other@mdm.test\nsAMAccountName: aduser\nuserPrincipalName: ad.user@mdm.test\n"
        "displayName:: w4ljbGFpcg==\nobjectGUID:: AQIDBAUGBwgJCgsMDQ4PEA==\n"
        "userAccountControl: 512\naccountExpires: 9223372036854775807\n\n");
  const absl::StatusOr<DirectorySnapshotPtr> read =
      Open(Options())->Read({{"whatsapp", kApproval}}, ReadDepth::kFull);
  ASSERT_TRUE(read.ok()) << read.status();
  const std::string id = "04030201-0605-0807-090a-0b0c0d0e0f10";
  ASSERT_TRUE((*read)->persons.contains(id));
  const v1::Person& ad = (*read)->persons.at(id);
  EXPECT_EQ(ad.ShortDebugString(),
            "person_id: \"" + id +
                "\" upn: \"ad.user@mdm.test\" account_name: \"aduser\" display_name: "
                "\"\\303\\211clair\" enabled: true distinguished_name: \"cn=Ad "
                "User,ou=people,dc=mdm,dc=test\" aliases: \"other@mdm.test\"");
  EXPECT_EQ((*read)->persons.at(PersonId(1)).ShortDebugString(),
            "person_id: \"" + PersonId(1) +
                "\" upn: \"u1@mdm.test\" account_name: \"u1\" display_name: \"User 1\" enabled: "
                "true distinguished_name: \"uid=u1,ou=people,dc=mdm,dc=test\"");
  EXPECT_FALSE((*read)->persons.at(PersonId(3)).enabled());
  EXPECT_EQ(TimeText(FromProto((*read)->persons.at(PersonId(4)).expires_at())),
            "2024-01-01T00:00:00Z");
}

TEST_F(LdapDirectoryTest, ReadsMoreThanOnePage) {
  std::string ldif;
  std::vector<std::string> members;
  for (int n = 0; n < 2'500; ++n) {
    ldif += Person(n);
    if (n % 2 == 0) members.push_back(PersonDn(n));
  }
  Start(ldif + Group("wa-approved", kApprovalId, members));
  const absl::StatusOr<DirectorySnapshotPtr> read =
      Open(Options())->Read({{"whatsapp", kApproval}}, ReadDepth::kFull);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ((*read)->persons.size(), 2'500u);
  EXPECT_EQ((*read)->groups.at(kApprovalId).member_ids.size(), 1'250u);
}

TEST_F(LdapDirectoryTest, CountsAMemberFromOutsideTheBase) {
  Start(
      SmallDirectory() +
      "dn: ou=guests,dc=mdm,dc=test\nobjectClass: organizationalUnit\nou: guests\n\n"
      "dn: uid=g,ou=guests,dc=mdm,dc=test\nobjectClass: inetOrgPerson\nuid: g\ncn: G\nsn: G\n"
      "entryUUID: a0000000-0000-4000-8000-00000000000f\n\n" +
      Group("guests", "6f000000-0000-4000-8000-000000000003", {"uid=g,ou=guests,dc=mdm,dc=test"}));
  const std::unique_ptr<LdapDirectory> directory = Open(Options());
  EXPECT_EQ(MembersOf(directory.get(), "cn=guests,ou=groups,dc=mdm,dc=test"),
            (std::set<std::string>{"a0000000-0000-4000-8000-00000000000f"}));
}

// --- What is refused, whole.

TEST_F(LdapDirectoryTest, RefusesAReadThatIsNotWhole) {
  const struct {
    const char* what;
    const char* size_limit;
    const char* access;
    const char* base;
    const char* group;
    absl::StatusCode code;
    const char* says;
  } kCases[] = {
      {"no paged results", "size.soft=3 size.hard=3 size.prtotal=disabled", "",
       "ou=people,dc=mdm,dc=test", kApproval, absl::StatusCode::kDataLoss, "pagedResults control"},
      {"a small page", "size.soft=3 size.hard=3 size.pr=3 size.prtotal=unlimited", "",
       "ou=people,dc=mdm,dc=test", kApproval, absl::StatusCode::kDataLoss, "limit exceeded (11)"},
      {"no such base", nullptr, "", "ou=persons,dc=mdm,dc=test", kApproval,
       absl::StatusCode::kFailedPrecondition, "base_dn"},
      {"nobody there", nullptr, "", "ou=groups,dc=mdm,dc=test", kApproval,
       absl::StatusCode::kFailedPrecondition, "no person below ou=groups"},
      {"no such group", nullptr, "", "ou=people,dc=mdm,dc=test", "cn=gone,ou=groups,dc=mdm,dc=test",
       absl::StatusCode::kFailedPrecondition,
       "approval group of whatsapp, cn=gone,ou=groups,dc=mdm,dc=test, is not in the directory"},
      {"no such id", nullptr, "", "ou=people,dc=mdm,dc=test",
       "6f000000-0000-4000-8000-0000000000ff", absl::StatusCode::kFailedPrecondition,
       "is not in the directory"},
      {"not a DN", nullptr, "", "ou=people,dc=mdm,dc=test", "wa-approved",
       absl::StatusCode::kFailedPrecondition, "wa-approved"},
      {"not a group", nullptr, "", "ou=people,dc=mdm,dc=test", "uid=u1,ou=people,dc=mdm,dc=test",
       absl::StatusCode::kFailedPrecondition, "is not a group"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    Slapd::Options server;
    server.ldif = SmallDirectory();
    if (c.size_limit != nullptr) server.size_limit = c.size_limit;
    Start(server);
    LdapOptions options = Options();
    options.base_dn = c.base;
    const absl::StatusOr<DirectorySnapshotPtr> read =
        Open(options)->Read({{"whatsapp", c.group}}, ReadDepth::kFull);
    EXPECT_EQ(read.status().code(), c.code) << read.status();
    EXPECT_TRUE(absl::StrContains(read.status().message(), c.says)) << read.status();
  }
}

// The first page is answered in full, the second ends at the limit.
TEST_F(LdapDirectoryTest, RefusesPagesThatEndAtASizeLimit) {
  Slapd::Options server;
  for (int n = 0; n < 2'500; ++n) server.ldif += Person(n);
  server.ldif += Group("wa-approved", kApprovalId, {PersonDn(1)});
  server.size_limit = "size.soft=1000 size.hard=1000 size.pr=1000 size.prtotal=1500";
  Start(server);
  const absl::Status read =
      Open(Options())->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
  EXPECT_TRUE(absl::StrContains(read.message(), "Size limit exceeded (4)")) << read;
}

TEST_F(LdapDirectoryTest, RefusesTwoPersonsWithOneUpn) {
  Start(absl::StrCat(Person(1),
                     "dn: uid=x,ou=people,dc=mdm,dc=test\nobjectClass: inetOrgPerson\nuid: x\n"
                     "cn: X\nsn: X\nmail: U1@MDM.test\n\n",
                     Group("wa-approved", kApprovalId, {PersonDn(1)})));
  const absl::Status read =
      Open(Options())->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
  EXPECT_TRUE(absl::StrContains(read.message(),
                                "uid=u1,ou=people,dc=mdm,dc=test and "
                                "uid=x,ou=people,dc=mdm,dc=test have the same "
                                "UPN \"u1@mdm.test\""))
      << read;
}

// An id that may not be read would make every person unknown.
TEST_F(LdapDirectoryTest, RefusesPersonsWithoutReadableId) {
  Slapd::Options server;
  server.ldif = SmallDirectory();
  server.access =
      "access to dn.base=\"uid=u2,ou=people,dc=mdm,dc=test\" attrs=entryUUID by * none\n"
      "access to * by * read";
  // The administrator's own rule comes first, so a plain account reads here.
  server.ldif +=
      "dn: cn=reader,dc=mdm,dc=test\nobjectClass: organizationalRole\n"
      "objectClass: simpleSecurityObject\ncn: reader\nuserPassword: r\n\n";
  Start(server);
  LdapOptions options = Options();
  options.bind_dn = "cn=reader,dc=mdm,dc=test";
  options.bind_password = "r";
  const absl::Status read =
      Open(options)->Read({{"whatsapp", kApproval}}, ReadDepth::kFull).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kDataLoss) << read;
  EXPECT_TRUE(absl::StrContains(read.message(), PersonDn(2))) << read;
}

}  // namespace
}  // namespace muster
