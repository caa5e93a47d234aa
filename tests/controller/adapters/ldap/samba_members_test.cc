// Who is in, before and after each kind of change in a real Active Directory domain: read as
// changes, and the same as a fresh read of everything.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "common/time_proto.h"
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
    const bool sees_all = absl::string_view(GetParam()) == "svc-sync";
    EXPECT_EQ(Dump(*changes, sees_all), Dump(*full, sees_all));
  }

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
  const bool sees_all = absl::string_view(GetParam()) == "svc-sync";
  EXPECT_EQ(reading.notes_size(), sees_all ? 0 : 1);
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
  // The last part of the SID; then the membership itself is gone from `member`.
  CommandOptions input;
  input.input = domain_->Attribute(GroupDn("Other"), "objectSid");
  const CommandResult sid = RunCommand({"/usr/bin/python3", "-c", R"(
import sys
from samba.dcerpc import security
from samba.ndr import ndr_unpack
print(str(ndr_unpack(security.dom_sid, sys.stdin.buffer.read())).rsplit("-", 1)[1])
)"},
                                       input);
  ASSERT_EQ(sid.exit_code, 0) << sid;
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", sid.out.substr(0, sid.out.size() - 1)),
            absl::OkStatus());
  EXPECT_EQ(domain_->MembersOf(GroupDn("Other")), std::vector<std::string>{});
  ExpectNow({"ann", "bob", "eve"});
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", "513"), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(GroupDn("Other"), PersonDn("eve")), absl::OkStatus());
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
  ASSERT_EQ(Set(PersonDn("ann"), "info", "FALSE"), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "manager", ""), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "physicalDeliveryOfficeName", ""), absl::OkStatus());
  ExpectNow({"ann", "bob"});
  EXPECT_EQ(person().office() + person().manager_id(), "");
  EXPECT_FALSE(person().capstone());
}

// 2,000 members: more than one answer of 1,500, and by pages too.
TEST_F(SambaTest, ALargeGroupIsReadWhole) {
  StartDomain({.controllers = 1, .users = 2'000});
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull, GroupDn("Big"))).size(), 2'000u);
  const std::string last = "CN=u01999,OU=P003,OU=People,DC=mdm,DC=test";
  ASSERT_EQ(RemoveFrom(GroupDn("Big"), last), absl::OkStatus());
  const Names now = Effective(Read(directory.get(), ReadDepth::kChanges, GroupDn("Big")));
  EXPECT_EQ(now.size(), 1'999u);
  EXPECT_FALSE(now.contains("u01999"));
}

}  // namespace
}  // namespace muster
