// What is done by hand in the directory is noticed, and never overwritten.
#include <gtest/gtest.h>

#include "tests/controller/flow/world.h"

namespace muster {
namespace {

using Names = std::vector<std::string>;
using State = v1::Grant;

class DriftTest : public World {
 protected:
  DriftTest() {
    LoadCatalogue();
    EXPECT_TRUE(Sync().ok());
  }

  // An ACTIVE grant, written back into the group.
  std::string GrantTo(const std::string& who) {
    const std::string id = SubmitFor(who)->request_id();
    EXPECT_TRUE(ApproveBy("soc", id).ok());
    Settle();
    return RequestNow(id).grant_id();
  }
  absl::StatusOr<v1::Grant> AdoptBy(const std::string& who, const std::string& id,
                                    absl::Duration term = absl::Hours(24)) {
    MUSTER_ASSIGN_OR_RETURN(
        GrantOutcome out,
        AdoptGrant(*services_, Who(who), id, {"known liaison", "INC7", "2026-1", term}, false));
    return out.grant;
  }
};

TEST_F(DriftTest, AMemberTakenOutByHandLosesTheGrantWithTheReason) {
  const std::string grant = GrantTo("alice");
  WriteDirectory({});
  WriteDirectory({"bob"});  // The group does not read empty.
  const v1::SyncRun run = Run();
  EXPECT_EQ(run.removed(0).cause(), v1::SyncRun::Change::LEFT_GROUP);
  EXPECT_EQ(run.removed(0).via(0), "wa");
  const v1::Grant after = GrantNow(grant);
  EXPECT_EQ(after.state(), State::REVOKED);
  EXPECT_EQ(after.revoke_reason(),
            absl::StrCat("no longer in the approval group (left wa), seen by ", run.run_id()));
  EXPECT_EQ(after.revoked_by_upn(), "muster");
  EXPECT_EQ(DirectoryText().find("member: uid=alice"), std::string::npos);  // Not added again.
  // Who comes back by hand was not asked for.
  WriteDirectory({"alice", "bob"});
  Run();
  const auto holding = HoldingGrant(*store_->Read(), IdOf(kAlice), "whatsapp");
  ASSERT_TRUE(holding->has_value());
  EXPECT_EQ((*holding)->value.state(), State::UNSANCTIONED);
  EXPECT_NE((*holding)->value.grant_id(), grant);
}

TEST_F(DriftTest, DisabledAndExpiredAccountsKeepTheirGrant) {
  const std::string grant = GrantTo("alice");
  bool out = true;
  const std::function<void(v1::Person&)> kCases[] = {
      [](v1::Person& p) { p.set_enabled(false); },
      [this](v1::Person& p) { *p.mutable_expires_at() = ToProto(clock_.Now()); },
  };
  for (const auto& change : kCases) {
    directory_->edit = [&](DirectorySnapshot& read) {
      if (out) change(read.persons.at(IdOf(kAlice)));
    };
    out = true;
    EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
    EXPECT_EQ(Members(), Names());
    EXPECT_EQ(Members("inactive_member/whatsapp/"), Names({"alice"}));
    EXPECT_EQ(GrantNow(grant).state(), State::ACTIVE);
    out = false;
    Run();
    EXPECT_EQ(Members(), Names({"alice"}));
    EXPECT_EQ(Members("inactive_member/whatsapp/"), Names());
    EXPECT_EQ(GrantNow(grant).state(), State::ACTIVE);
    EXPECT_EQ(store_->Read()->Scan("grant/", "", 10)->size(), 1u);
    EXPECT_EQ(Alarms(), Names());
  }
}

// The grant that waited for a disabled account does not wait for ever.
TEST_F(DriftTest, ADisabledMemberWhoLeavesLosesTheGrant) {
  const std::string grant = GrantTo("alice");
  directory_->edit = [](DirectorySnapshot& read) {
    read.persons.at(IdOf(kAlice)).set_enabled(false);
  };
  Run();
  WriteDirectory({"bob"});
  Run();
  EXPECT_EQ(GrantNow(grant).state(), State::REVOKED);
  EXPECT_EQ(Members("inactive_member/whatsapp/"), Names());
}

TEST_F(DriftTest, ADeletedPersonLosesEverythingAndTheNameGivesNothing) {
  const std::string grant = GrantTo("alice");
  std::string text = DirectoryText();
  const std::string old = PersonLdif("alice", kAlice);
  text.replace(text.find(old), old.size(), PersonLdif("alice", 77));
  text.replace(text.find("member: uid=alice"), 17,
               "member: uid=bob,dc=agency,dc=test\nmember: x=x");
  ASSERT_TRUE(WriteFileAtomically(dir_.File("d.ldif"), text, 0600).ok());
  Run();
  EXPECT_EQ(GrantNow(grant).state(), State::REVOKED);
  EXPECT_EQ(LoadPersonByUpn(*store_->Read(), "alice@agency.test")->person_id(), IdOf(77));
  EXPECT_EQ(GrantsOfPerson(*store_->Read(), IdOf(77))->size(), 0u);
}

TEST_F(DriftTest, AnUnsanctionedMemberIsAlarmedUntilAdoptedOrGone) {
  WriteDirectory({"bob", "u0"});
  Run();
  EXPECT_EQ(Alarms(),
            Names({"UNSANCTIONED_MEMBER grant/GR-000001", "UNSANCTIONED_MEMBER grant/GR-000002"}));
  EXPECT_EQ(Audited("grant.unsanctioned")[0].reason_code(), "UNSANCTIONED_MEMBER");
  const struct {
    const char* what;
    absl::StatusOr<v1::Grant> got;
    absl::StatusCode want;
  } kRefused[] = {
      {"their own", AdoptBy("bob", "GR-000001"), absl::StatusCode::kPermissionDenied},
      {"no term", AdoptBy("soc", "GR-000001", absl::ZeroDuration()),
       absl::StatusCode::kInvalidArgument},
      {"no such grant", AdoptBy("soc", "GR-000009"), absl::StatusCode::kNotFound},
  };
  for (const auto& c : kRefused) EXPECT_EQ(c.got.status().code(), c.want) << c.what;
  const auto adopted = AdoptBy("soc", "GR-000001");
  ASSERT_TRUE(adopted.ok()) << adopted.status();
  EXPECT_EQ(adopted->state(), State::ACTIVE);
  EXPECT_EQ(FromProto(adopted->not_after()), clock_.Now() + absl::Hours(24));
  EXPECT_EQ(AdoptBy("soc", "GR-000001").status().code(), absl::StatusCode::kFailedPrecondition);
  WriteDirectory({"bob"});
  Run();
  EXPECT_EQ(GrantNow("GR-000002").state(), State::REVOKED);
  EXPECT_EQ(Alarms(), Names({"MEMBER_VANISHED grant/GR-000002"}));
  clock_.Advance(limits::kVanishedMemberShown);
  EXPECT_EQ(Alarms(), Names());
}

TEST_F(DriftTest, OnlyARestrictedAppIsAdopted) {
  WriteDirectory({"bob"});
  Run();
  ASSERT_TRUE(
      SetTrm(*services_, Who("soc"), {"whatsapp", v1::Trm::PROHIBITED, "T", "r"}, false).ok());
  EXPECT_EQ(AdoptBy("soc", "GR-000001").status(),
            absl::FailedPreconditionError("whatsapp is PROHIBITED; only a RESTRICTED app can be "
                                          "granted. Revoke GR-000001 instead."));
}

TEST_F(DriftTest, SomebodyAddedByHandBeforeIsTakenAsSuch) {
  settings_.write_back = false;  // Nobody writes while the two decisions cross.
  const std::string id = SubmitFor("alice")->request_id();
  WriteDirectory({"alice"});
  Run();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  const auto member = FindMembership(*store_->Read(), "whatsapp", IdOf(kAlice));
  EXPECT_FALSE((*member)->written_by_muster());
  EXPECT_EQ(Audited("request.member-seen").at(0).reason(), "was already a member by hand");
}

TEST_F(DriftTest, ACrashAfterTheIntentIsFinishedByTheNextRound) {
  const std::string id = SubmitFor("alice")->request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  store_->FailIn(2);  // The intent is written, the person added, the result not stored.
  reconciler_->DirectoryRound();
  store_->FailIn(0);
  EXPECT_EQ(store_->Read()->Scan("write/", "", 10)->size(), 1u);
  EXPECT_NE(DirectoryText().find("member: uid=alice"), std::string::npos);
  Run();  // The sync sees it first.
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
  EXPECT_TRUE((*FindMembership(*store_->Read(), "whatsapp", IdOf(kAlice)))->written_by_muster());
  EXPECT_EQ(store_->Read()->Scan("write/", "", 10)->size(), 0u);
}

TEST_F(DriftTest, ARevokedMemberSeenThroughAnotherGroupIsNotVerifiedAbsent) {
  TestDevice laptop;
  laptop.id = EnrolDevice(laptop.key, "alice").device.device_id();
  const std::string grant = GrantTo("alice");
  directory_->edit = [](DirectorySnapshot& read) {
    const std::string root = read.approval.at("whatsapp");
    read.groups["field"] = {"field", "cn=Field,dc=agency,dc=test", {IdOf(kAlice)}};
    read.groups.at(root).member_ids.push_back("field");
  };
  ASSERT_TRUE(Revoke(grant, "r").ok());
  Settle();
  EXPECT_TRUE(GrantNow(grant).has_absent_at());
  Run();
  EXPECT_FALSE(GrantNow(grant).has_absent_at());
  EXPECT_EQ(GrantNow(grant).detail(),
            "blocked on devices; still in the group through wa > Field; take the person out of "
            "the last of these");
  directory_->edit = nullptr;
  Run();
  EXPECT_TRUE(GrantNow(grant).has_absent_at());
  EXPECT_EQ(store_->Read()->Scan("grant/", "", 10)->size(), 1u);  // Never UNSANCTIONED.
}

}  // namespace
}  // namespace muster
