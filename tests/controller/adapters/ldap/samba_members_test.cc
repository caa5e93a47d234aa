// Who is in, before and after each kind of change in a real Active Directory domain: read as
// changes, and the same as a fresh read of everything.
#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "common/time_proto.h"
#include "controller/adapters/ldap/ldap_search.h"
#include "controller/adapters/ldif/extended_dn.h"
#include "tests/controller/adapters/ldap/samba_fixture.h"

namespace muster {
namespace {

// With an account that sees deletions, and with one that may only read what everybody may.
class SambaMembers : public SambaTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    StartDomain();
    if (domain_ == nullptr) return;
    directory_ = Open(Options(GetParam()));
    EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  }

  void ExpectNow(const Names& want) {
    const DirectorySnapshotPtr changes = Read(directory_.get(), ReadDepth::kChanges);
    EXPECT_EQ(Effective(changes), want);
    const DirectorySnapshotPtr full = Read(Open(Options(GetParam())).get(), ReadDepth::kFull);
    // Who was deleted is hidden from one of the accounts, until it reads everything.
    EXPECT_EQ(Dump(*changes, SeesDeletions()), Dump(*full, SeesDeletions()));
  }

  static bool SeesDeletions() { return absl::string_view(GetParam()) == "svc-sync"; }

  std::unique_ptr<LdapDirectory> directory_;
};
INSTANTIATE_TEST_SUITE_P(Accounts, SambaMembers, ::testing::Values("svc-sync", "svc-plain"),
                         [](const auto& info) {
                           return info.param[4] == 's' ? "SeesDeletions" : "Plain";
                         });

TEST_P(SambaMembers, SaysHowItReads) {
  const v1::DirectoryReading reading = directory_->reading();
  EXPECT_EQ(reading.method(), "DirSync");
  EXPECT_EQ(reading.why(), "");
  EXPECT_EQ(reading.server(), "ldaps://127.0.0.2");
  EXPECT_EQ(reading.servers(0).state(), "in use");
  EXPECT_EQ(reading.servers(0).invocation_id().size(), 36u);
  EXPECT_EQ(reading.notes_size(), SeesDeletions() ? 0 : 1);
  for (const std::string& note : reading.notes()) {
    EXPECT_TRUE(absl::StrContains(note, "Replicating Directory Changes")) << note;
  }
}

TEST_P(SambaMembers, WithoutAChangeTheSamePointer) {
  const DirectorySnapshotPtr before = Read(directory_.get(), ReadDepth::kChanges);
  // Something that nobody reads.
  ASSERT_EQ(Set(PersonDn("ann"), "description", "x"), absl::OkStatus());
  EXPECT_EQ(Read(directory_.get(), ReadDepth::kChanges), before);
}

TEST_P(SambaMembers, JoinsAndLeaves) {
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  ExpectNow({"bob", "cy"});
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, NestedGroupsWithACycle) {
  ASSERT_EQ(AddTo(GroupDn("Inner"), SambaDomain::kApproval), absl::OkStatus());
  ASSERT_EQ(AddTo(GroupDn("Inner"), GroupDn("Other")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  ASSERT_EQ(AddTo(GroupDn("Other"), PersonDn("dan")), absl::OkStatus());
  ExpectNow({"ann", "bob", "dan"});
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, GroupDn("Inner")), absl::OkStatus());
  ExpectNow({"ann"});
}

TEST_P(SambaMembers, DisabledAndEnabled) {
  ASSERT_EQ(Set(PersonDn("bob"), "userAccountControl", "546"), absl::OkStatus());
  ExpectNow({"ann"});
  ASSERT_EQ(Set(PersonDn("bob"), "userAccountControl", "544"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, Expired) {
  ASSERT_EQ(Set(PersonDn("bob"), "accountExpires", "133485408000000000"), absl::OkStatus());
  ExpectNow({"ann"});
  ASSERT_EQ(Set(PersonDn("bob"), "accountExpires", "159017472000000000"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  const DirectorySnapshotPtr now = Read(directory_.get(), ReadDepth::kChanges);
  EXPECT_EQ(TimeText(FromProto(now->persons.at(domain_->GuidOf(PersonDn("bob"))).expires_at())),
            "2104-11-28T00:00:00Z");
  ASSERT_EQ(Set(PersonDn("bob"), "accountExpires", "0"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, RenamedAndMoved) {
  const std::string ann = domain_->GuidOf(PersonDn("ann"));
  ASSERT_EQ(Modify(PersonDn("ann"), "modrdn\nnewrdn: CN=Ann Smith\ndeleteoldrdn: 1"),
            absl::OkStatus());
  ExpectNow({"ann", "bob"});
  ASSERT_EQ(Modify("CN=Ann Smith,OU=People,DC=mdm,DC=test",
                   "modrdn\nnewrdn: CN=Ann Smith\ndeleteoldrdn: 1\n"
                   "newsuperior: OU=Services,DC=mdm,DC=test"),
            absl::OkStatus());
  ExpectNow({"ann", "bob"});
  const DirectorySnapshotPtr now = Read(directory_.get(), ReadDepth::kChanges);
  EXPECT_EQ(now->persons.at(ann).distinguished_name(), "CN=Ann Smith,OU=Services,DC=mdm,DC=test");
}

TEST_P(SambaMembers, AContainerIsRenamed) {
  const std::string ann = domain_->GuidOf(PersonDn("ann"));
  ASSERT_EQ(Modify(SambaDomain::kPeople, "modrdn\nnewrdn: OU=Staff\ndeleteoldrdn: 1"),
            absl::OkStatus());
  ExpectNow({"ann", "bob"});
  const DirectorySnapshotPtr now = Read(directory_.get(), ReadDepth::kChanges);
  EXPECT_EQ(now->persons.at(ann).distinguished_name(), "CN=ann,OU=Staff,DC=mdm,DC=test");
}

TEST_P(SambaMembers, TheApprovalGroupIsRenamed) {
  const std::string id = domain_->GuidOf(SambaDomain::kApproval);
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kChanges, id)), (Names{"ann", "bob"}));
  ASSERT_EQ(Modify(SambaDomain::kApproval, "modrdn\nnewrdn: CN=Chat\ndeleteoldrdn: 1"),
            absl::OkStatus());
  const DirectorySnapshotPtr now = Read(directory_.get(), ReadDepth::kChanges, id);
  EXPECT_EQ(Effective(now), (Names{"ann", "bob"}));
  EXPECT_EQ(now->groups.at(id).name, GroupDn("Chat"));
  const absl::Status by_name =
      directory_->Read({{"whatsapp", SambaDomain::kApproval}}, ReadDepth::kChanges).status();
  EXPECT_EQ(by_name.code(), absl::StatusCode::kFailedPrecondition) << by_name;
}

// Neither the group's uSNChanged nor its stream tells of it.
TEST_P(SambaMembers, ADeletedPersonLeavesWithoutAChangeOfTheGroup) {
  const std::string usn = domain_->Attribute(SambaDomain::kApproval, "uSNChanged");
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  EXPECT_EQ(domain_->Attribute(SambaDomain::kApproval, "uSNChanged"), usn);
  ExpectNow({"bob"});
}

// What tells of a deletion must not depend on a quiet directory.
TEST_P(SambaMembers, ADeletionBesideAnotherChange) {
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("cy"), "physicalDeliveryOfficeName", "Field 7"), absl::OkStatus());
  ExpectNow({"bob"});
}

// The account comes back with its id; without a recycle bin its memberships do not.
TEST_P(SambaMembers, ARestoredPersonIsOutUntilAdded) {
  const std::string id = domain_->GuidOf(PersonDn("ann"));
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  ExpectNow({"bob"});
  ASSERT_EQ(Modify(absl::StrCat("CN=ann\\0ADEL:", id, ",CN=Deleted Objects,DC=mdm,DC=test"),
                   absl::StrCat("modify\ndelete: isDeleted\n-\nreplace: distinguishedName\n"
                                "distinguishedName: ",
                                PersonDn("ann"))),
            absl::OkStatus());
  EXPECT_EQ(domain_->GuidOf(PersonDn("ann")), id);
  ASSERT_EQ(Set(PersonDn("ann"), "userAccountControl", "544"), absl::OkStatus());
  ExpectNow({"bob"});
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, ADeletedGroupTakesItsMembersAlong) {
  const std::string id = domain_->GuidOf(GroupDn("Inner"));
  ASSERT_EQ(Modify(GroupDn("Inner"), "delete"), absl::OkStatus());
  ExpectNow({"ann"});
  ASSERT_EQ(Modify(GroupDn("Inner"), absl::StrCat("add\nobjectClass: group\nsAMAccountName: "
                                                  "Inner\nmember: ",
                                                  PersonDn("bob"))),
            absl::OkStatus());
  EXPECT_NE(domain_->GuidOf(GroupDn("Inner")), id);
  ExpectNow({"ann"});
  ASSERT_EQ(AddTo(SambaDomain::kApproval, GroupDn("Inner")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

// All between two reads.
TEST_P(SambaMembers, ManyChangesAtOnce) {
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("dan")), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("cy")), absl::OkStatus());
  ASSERT_EQ(Modify(PersonDn("dan"),
                   "modrdn\nnewrdn: CN=Daniel\ndeleteoldrdn: 1\n"
                   "newsuperior: OU=Services,DC=mdm,DC=test"),
            absl::OkStatus());
  ASSERT_EQ(Modify(GroupDn("Inner"), "modrdn\nnewrdn: CN=Team\ndeleteoldrdn: 1"), absl::OkStatus());
  ASSERT_EQ(Create("gus"), absl::OkStatus());
  ASSERT_EQ(AddTo(GroupDn("Team"), PersonDn("gus")), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("bob"), "userAccountControl", "546"), absl::OkStatus());
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  ExpectNow({"dan", "gus"});
}

// Who lies outside the base is read when a group holds them, wherever they came from.
TEST_P(SambaMembers, OutOfTheBaseAndBack) {
  LdapOptions people = Options(GetParam());
  people.base_dn = SambaDomain::kPeople;
  directory_ = Open(people);
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  const auto move = [&](const std::string& from, const std::string& to) {
    return Modify("CN=ann," + from, "modrdn\nnewrdn: CN=ann\ndeleteoldrdn: 1\nnewsuperior: " + to);
  };
  const std::string services = "OU=Services,DC=mdm,DC=test";
  const auto expect = [&](const Names& want) {
    const DirectorySnapshotPtr changes = Read(directory_.get(), ReadDepth::kChanges);
    EXPECT_EQ(Effective(changes), want);
    EXPECT_EQ(Dump(*changes, true), Dump(*Read(Open(people).get(), ReadDepth::kFull), true));
  };
  ASSERT_EQ(move(SambaDomain::kPeople, services), absl::OkStatus());
  expect({"ann", "bob"});
  ASSERT_EQ(Set("CN=ann," + services, "userAccountControl", "546"), absl::OkStatus());
  expect({"bob"});
  ASSERT_EQ(move(services, SambaDomain::kPeople), absl::OkStatus());
  expect({"bob"});
  ASSERT_EQ(Set(PersonDn("ann"), "userAccountControl", "544"), absl::OkStatus());
  expect({"ann", "bob"});
}

// Leavers are often moved where few may look: then neither the move nor what came with it is told.
TEST_P(SambaMembers, ADisabledPersonMovedOutOfSight) {
  ASSERT_EQ(Set(PersonDn("ann"), "userAccountControl", "546"), absl::OkStatus());
  ASSERT_EQ(Modify(PersonDn("ann"),
                   "modrdn\nnewrdn: CN=ann\ndeleteoldrdn: 1\n"
                   "newsuperior: OU=Secret,DC=mdm,DC=test"),
            absl::OkStatus());
  // Samba's stream tells nothing of it, whatever the right; groups that are read whole do.
  const Names by_changes = SeesDeletions() ? Names{"ann", "bob"} : Names{"bob"};
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kChanges)), by_changes);
  EXPECT_EQ(Effective(Read(directory_.get(), ReadDepth::kFull)), (Names{"bob"}));
}

TEST_P(SambaMembers, ANewAccountOfAnOldNameGetsNothing) {
  const std::string old_id = domain_->GuidOf(PersonDn("ann"));
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  ASSERT_EQ(Create("ann"), absl::OkStatus());
  const std::string new_id = domain_->GuidOf(PersonDn("ann"));
  EXPECT_NE(new_id, old_id);
  ExpectNow({"bob"});
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  const DirectorySnapshotPtr now = Read(directory_.get(), ReadDepth::kChanges);
  EXPECT_TRUE(now->persons.contains(new_id));
  EXPECT_FALSE(now->persons.contains(old_id));
}

TEST_P(SambaMembers, APrimaryGroupCounts) {
  ASSERT_EQ(AddTo(GroupDn("Other"), PersonDn("eve")), absl::OkStatus());
  ASSERT_EQ(AddTo(SambaDomain::kApproval, GroupDn("Other")), absl::OkStatus());
  ExpectNow({"ann", "bob", "eve"});
  // The membership itself is gone from `member` then.
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", domain_->RidOf(GroupDn("Other"))),
            absl::OkStatus());
  EXPECT_EQ(domain_->MembersOf(GroupDn("Other")), Names{});
  ExpectNow({"ann", "bob", "eve"});
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", "513"), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(GroupDn("Other"), PersonDn("eve")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, TheApprovalGroupAsPrimaryGroupCounts) {
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("eve")), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", domain_->RidOf(SambaDomain::kApproval)),
            absl::OkStatus());
  EXPECT_EQ(domain_->MembersOf(SambaDomain::kApproval), (Names{PersonDn("ann"), GroupDn("Inner")}));
  ExpectNow({"ann", "bob", "eve"});
  ASSERT_EQ(Set(PersonDn("eve"), "userAccountControl", "546"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  ASSERT_EQ(Set(PersonDn("eve"), "userAccountControl", "544"), absl::OkStatus());
  ExpectNow({"ann", "bob", "eve"});
  // The old primary group becomes an ordinary membership when it is replaced.
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", "513"), absl::OkStatus());
  ExpectNow({"ann", "bob", "eve"});
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("eve")), absl::OkStatus());
  ExpectNow({"ann", "bob"});
}

TEST_P(SambaMembers, ManagerOfficeAndCapstone) {
  const std::string ann = domain_->GuidOf(PersonDn("ann")), cy = domain_->GuidOf(PersonDn("cy"));
  const auto person = [&] { return Read(directory_.get(), ReadDepth::kChanges)->persons.at(ann); };
  EXPECT_EQ(person().office() + person().manager_id(), "");
  EXPECT_FALSE(person().capstone());
  ASSERT_EQ(Set(PersonDn("ann"), "physicalDeliveryOfficeName", "Field 7"), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "manager", PersonDn("cy")), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "info", "Deputy Administrator"), absl::OkStatus());
  EXPECT_EQ(person().office(), "Field 7");
  EXPECT_EQ(person().manager_id(), cy);
  EXPECT_TRUE(person().capstone());
  // A manager's new name changes nothing; one who is deleted is nobody's manager.
  ASSERT_EQ(Modify(PersonDn("cy"), "modrdn\nnewrdn: CN=cyril\ndeleteoldrdn: 1"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  EXPECT_EQ(person().manager_id(), cy);
  ASSERT_EQ(Modify(PersonDn("cyril"), "delete"), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  if (SeesDeletions()) {
    EXPECT_EQ(person().manager_id(), "");
  }
  ASSERT_EQ(Set(PersonDn("ann"), "manager", PersonDn("dan")), absl::OkStatus());
  EXPECT_EQ(person().manager_id(), domain_->GuidOf(PersonDn("dan")));
  ASSERT_EQ(Set(PersonDn("ann"), "info", "FALSE"), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "manager", ""), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "physicalDeliveryOfficeName", ""), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  EXPECT_EQ(person().office() + person().manager_id(), "");
  EXPECT_FALSE(person().capstone());
}

// 2,000 members: by the stream of changes, sealed by Kerberos, by pages and by ranges.
TEST_F(SambaTest, ALargeGroupIsReadWhole) {
  StartDomain({.controllers = 1, .users = 2'000});
  Names want;
  for (int i = 0; i < 2'000; ++i) want.insert(absl::StrFormat("u%05d", i));
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const DirectorySnapshotPtr before = Read(directory.get(), ReadDepth::kFull, GroupDn("Big"));
  EXPECT_EQ(Effective(before), want);
  const DirectorySnapshotPtr sealed =
      Read(Open(Kerberos()).get(), ReadDepth::kFull, GroupDn("Big"));
  EXPECT_EQ(Dump(*sealed, true), Dump(*before, true));
  const std::string last = "CN=u01999,OU=P003,OU=People,DC=mdm,DC=test";
  ASSERT_EQ(RemoveFrom(GroupDn("Big"), last), absl::OkStatus());
  want.erase("u01999");
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges, GroupDn("Big"))), want);
}

TEST_F(SambaTest, ALargeGroupComesWholeByPagesAndRanges) {
  StartDomain({.controllers = 1, .users = 2'000});
  const SigpipeGuard no_sigpipe;
  LdapOptions options = Options("svc-plain");
  std::string text = options.bind_password;
  const Secret password(&text);
  absl::StatusOr<std::unique_ptr<LdapConnection>> connection =
      LdapConnection::Connect(options.uris.front(), options, password);
  ASSERT_TRUE(connection.ok()) << connection.status();
  Names paged, ranged;
  ASSERT_EQ(
      SearchPaged(connection->get(), SambaDomain::kPeople, "(sAMAccountName=u0*)", {"objectClass"},
                  [&](DirectoryEntry entry) {
                    EXPECT_TRUE(paged.insert(entry.dn).second) << entry.dn;
                    return absl::OkStatus();
                  }),
      absl::OkStatus());
  EXPECT_EQ(paged.size(), 2'000u);
  // Samba cuts no answer short by itself, but goes on from one that asks for a part, as Windows.
  const absl::StatusOr<std::optional<DirectoryEntry>> group =
      ReadEntry(connection->get(), GroupDn("Big"), {"member;range=0-1499"});
  ASSERT_TRUE(group.ok()) << group.status();
  const std::vector<std::string>* members = (*group)->Find("member");
  ASSERT_NE(members, nullptr);
  for (const std::string& member : *members) ranged.insert(ParseExtendedDn(member).dn);
  EXPECT_EQ(members->size(), 2'000u);
  EXPECT_EQ(ranged, paged);
}

}  // namespace
}  // namespace muster
