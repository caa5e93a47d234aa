// Writing with a delegated right to a real domain controller, and asking whether somebody is gone.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/controller/adapters/ldap/samba_fixture.h"

namespace muster {
namespace {

TEST_F(SambaTest, WritesWithTheRightOnOneGroupAlone) {
  StartDomain();
  const std::string cy = domain_->GuidOf(PersonDn("cy"));
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-write"));
  const std::string record = absl::StrCat("dn: ", SambaDomain::kApproval, "\nchangetype: modify\n");
  EXPECT_EQ(domain_->ModifyAs("svc-write",
                              absl::StrCat(record, "add: member\nmember: ", PersonDn("ann"), "\n")),
            68);
  EXPECT_EQ(
      domain_->ModifyAs("svc-write",
                        absl::StrCat(record, "delete: member\nmember: ", PersonDn("cy"), "\n")),
      53);
  EXPECT_EQ(domain_->ModifyAs("svc-plain",
                              absl::StrCat(record, "add: member\nmember: ", PersonDn("cy"), "\n")),
            50);
  // The second of each, by those codes, is as good as the first.
  EXPECT_EQ(directory->AddMember(SambaDomain::kApproval, cy), absl::OkStatus());
  EXPECT_EQ(directory->AddMember(SambaDomain::kApproval, cy), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob", "cy"}));
  EXPECT_EQ(directory->RemoveMember(SambaDomain::kApproval, cy), absl::OkStatus());
  EXPECT_EQ(directory->RemoveMember(SambaDomain::kApproval, cy), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kChanges)), (Names{"ann", "bob"}));
  const absl::Status other = directory->AddMember(GroupDn("Other"), cy);
  EXPECT_EQ(other.code(), absl::StatusCode::kPermissionDenied) << other;
  const absl::Status gone =
      directory->AddMember(SambaDomain::kApproval, "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound) << gone;
  EXPECT_EQ(domain_->MembersOf(GroupDn("Other")), Names{});
}

TEST_F(SambaTest, ConfirmsWhoIsGoneAndContradictsWhatIsNotSo) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const std::string approval = SambaDomain::kApproval, inner = GroupDn("Inner");
  const auto member = [&](const std::string& name, const std::vector<std::string>& via) {
    return PastMember{domain_->GuidOf(PersonDn(name)), PersonDn(name), via};
  };
  const PastMember ann = member("ann", {approval}), bob = member("bob", {approval, inner}),
                   cy = member("cy", {approval});
  for (const PastMember& in : {ann, bob}) {
    const absl::Status still = directory->ConfirmGone(in);
    EXPECT_EQ(still.code(), absl::StatusCode::kAborted) << still;
    EXPECT_TRUE(absl::StrContains(still.message(), in.distinguished_name)) << still;
  }
  EXPECT_EQ(directory->ConfirmGone(cy), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "userAccountControl", "546"), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(ann), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("ann"), "userAccountControl", "544"), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(ann).code(), absl::StatusCode::kAborted);
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(ann), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(approval, inner), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(bob), absl::OkStatus());
  domain_->StopController(1);
  EXPECT_EQ(directory->ConfirmGone(bob).code(), absl::StatusCode::kUnavailable);
}

// In by the account's primary group, which no `member` shows.
TEST_F(SambaTest, WhoIsInByThePrimaryGroupIsNotGone) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const PastMember eve = {
      domain_->GuidOf(PersonDn("eve")), PersonDn("eve"), {SambaDomain::kApproval}};
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("eve")), absl::OkStatus());
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", domain_->RidOf(SambaDomain::kApproval)),
            absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob", "eve"}));
  EXPECT_EQ(directory->ConfirmGone(eve).code(), absl::StatusCode::kAborted);
  ASSERT_EQ(Set(PersonDn("eve"), "primaryGroupID", "513"), absl::OkStatus());
  ASSERT_EQ(RemoveFrom(SambaDomain::kApproval, PersonDn("eve")), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(eve), absl::OkStatus());
}

// Names of a run ago: who it is, is told by the id.
TEST_F(SambaTest, WhoHasANewNameIsNotGone) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const PastMember ann = {
      domain_->GuidOf(PersonDn("ann")), PersonDn("ann"), {SambaDomain::kApproval}};
  ASSERT_EQ(Modify(PersonDn("ann"), "modrdn\nnewrdn: CN=Ann Smith\ndeleteoldrdn: 1"),
            absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  EXPECT_EQ(directory->ConfirmGone(ann).code(), absl::StatusCode::kAborted);
}

TEST_F(SambaTest, WhoIsInByAGroupWithANewNameIsNotGone) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const PastMember bob = {domain_->GuidOf(PersonDn("bob")),
                          PersonDn("bob"),
                          {SambaDomain::kApproval, GroupDn("Inner")}};
  ASSERT_EQ(Modify(GroupDn("Inner"), "modrdn\nnewrdn: CN=Team\ndeleteoldrdn: 1"), absl::OkStatus());
  EXPECT_EQ(Effective(Read(directory.get(), ReadDepth::kFull)), (Names{"ann", "bob"}));
  EXPECT_NE(directory->ConfirmGone(bob), absl::OkStatus());
}

// Another person under the old name, who is in, says nothing about the one who was deleted.
TEST_F(SambaTest, ANewAccountOfAnOldNameDoesNotContradict) {
  StartDomain();
  const std::unique_ptr<LdapDirectory> directory = Open(Options("svc-sync"));
  const PastMember ann = {
      domain_->GuidOf(PersonDn("ann")), PersonDn("ann"), {SambaDomain::kApproval}};
  ASSERT_EQ(Modify(PersonDn("ann"), "delete"), absl::OkStatus());
  ASSERT_EQ(Create("ann"), absl::OkStatus());
  ASSERT_EQ(AddTo(SambaDomain::kApproval, PersonDn("ann")), absl::OkStatus());
  EXPECT_EQ(directory->ConfirmGone(ann), absl::OkStatus());
}

}  // namespace
}  // namespace muster
