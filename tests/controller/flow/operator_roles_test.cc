// Who holds which role: read from directory groups, counted for people who may sign in.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "controller/flow/roles.h"
#include "controller/flow/sign_in.h"
#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class OperatorRolesTest : public World {
 protected:
  OperatorRolesTest() {
    // The test directory's one group gives the role; who is in it is no member of the app then.
    settings_.groups.clear();
    settings_.role_groups["soc-approver"] = "cn=wa,dc=agency,dc=test";
    directory_->passwords["soc@agency.test"] = "right";
    WriteDirectory({"soc"});
    EXPECT_TRUE(Sync().ok());
  }
  Roles Of(int person) { return *RolesOf(*services_, *store_->Read(), IdOf(person)); }
  absl::StatusOr<SignedIn> Try(const std::string& name, const std::string& password,
                               const std::string& from = "ipv4:10.0.0.1:999") {
    return SignIn(*services_, *directory_, limiter_, name + "@agency.test", password, from);
  }

  const Roles approver_ = {Role::kSocApprover};
  SignInLimiter limiter_;
};

TEST_F(OperatorRolesTest, FollowTheGroup) {
  EXPECT_EQ(Of(kSoc), approver_);
  EXPECT_EQ(Of(kAlice), Roles());
  EXPECT_EQ(*RolesOf(*services_, *store_->Read(), ""), Roles());
  EXPECT_EQ(Audited("role.add").at(0).object(), "role/soc-approver/soc@agency.test");
  EXPECT_EQ(Audited("grant.unsanctioned").size(), 0u);
  WriteDirectory({"second"});
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Of(kSoc), Roles());
  EXPECT_EQ(Of(kSecond), approver_);
  EXPECT_EQ(Audited("role.remove").at(0).object(), "role/soc-approver/soc@agency.test");
}

TEST_F(OperatorRolesTest, NobodyWhoMayNotSignIn) {
  directory_->edit = [](DirectorySnapshot& read) {
    read.persons.at(IdOf(kSoc)).set_enabled(false);
  };
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Of(kSoc), Roles());
  directory_->edit = [this](DirectorySnapshot& read) {
    *read.persons.at(IdOf(kSoc)).mutable_expires_at() = ToProto(clock_.Now() + absl::Hours(1));
  };
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Of(kSoc), approver_);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Of(kSoc), Roles());  // before the next sync
}

TEST_F(OperatorRolesTest, AReadInDoubtTakesNoRole) {
  directory_->edit = [](DirectorySnapshot& read) {
    for (int n = 10; n < 20; ++n) read.persons.erase(IdOf(n));  // more than a twentieth
    for (auto& [id, group] : read.groups) group.member_ids.clear();
  };
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Of(kSoc), approver_);
  // But whoever it shows as disabled is.
  directory_->edit = [](DirectorySnapshot& read) {
    for (int n = 10; n < 20; ++n) read.persons.erase(IdOf(n));
    for (auto& [id, group] : read.groups) group.member_ids.clear();
    read.persons.at(IdOf(kSoc)).set_enabled(false);
  };
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(store_->Read()->Scan("role_member/", "", 10)->size(), 0u);
}

TEST_F(OperatorRolesTest, AGroupNoLongerConfiguredGivesNothing) {
  settings_.role_groups.clear();
  EXPECT_EQ(Of(kSoc), Roles());  // at once
  settings_.role_groups["auditor"] = "cn=wa,dc=agency,dc=test";
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Of(kSoc), Roles{Role::kAuditor});
}

TEST_F(OperatorRolesTest, OnePersonByAnyOfTheirNames) {
  directory_->edit = [](DirectorySnapshot& read) {
    v1::Person& soc = read.persons.at(IdOf(kSoc));
    soc.add_aliases("s.o.c@agency.test");
    soc.set_employee_id("E1");
    read.persons.at(IdOf(kDesk)).set_employee_id("E1");
    read.persons.at(IdOf(kAlice)).add_aliases("shared@agency.test");
    read.persons.at(IdOf(kBob)).add_aliases("shared@agency.test");
  };
  EXPECT_TRUE(Sync().ok());
  const auto resolve = [&](const std::string& upn) {
    return *ResolveOperator(*store_->Read(), upn);
  };
  EXPECT_EQ(resolve("S.O.C@agency.test").person_id, IdOf(kSoc));
  EXPECT_EQ(resolve("shared@agency.test").person_id, "");  // nobody's alone
  EXPECT_EQ(resolve("nobody@agency.test").person_id, "");
  // Two accounts of one human being are one person.
  EXPECT_TRUE(SamePerson(resolve("soc@agency.test"), IdOf(kDesk), "desk@agency.test"));
  EXPECT_TRUE(SamePerson(resolve("desk@agency.test"), "", "s.o.c@agency.test"));
  EXPECT_FALSE(SamePerson(resolve("soc@agency.test"), IdOf(kAlice), "alice@agency.test"));
  // A deleted account stays its human being's.
  directory_->edit = [](DirectorySnapshot& read) {
    read.persons.at(IdOf(kSoc)).set_employee_id("E1");
    read.persons.erase(IdOf(kDesk));
  };
  EXPECT_TRUE(Sync().ok());
  EXPECT_TRUE(SamePerson(resolve("soc@agency.test"), IdOf(kDesk), ""));
  // An alias that is given up names nobody.
  directory_->edit = nullptr;
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(resolve("s.o.c@agency.test").person_id, "");
  EXPECT_FALSE(SamePerson(resolve("soc@agency.test"), IdOf(kDesk), "desk@agency.test"));
}

TEST_F(OperatorRolesTest, ConflictsAreReported) {
  settings_.role_groups["service-desk"] = "cn=wa,dc=agency,dc=test";
  EXPECT_TRUE(Sync().ok());
  v1::RolesView view;
  ASSERT_TRUE(DescribeRoles(*services_, Who("soc"), approver_, "", view).ok());
  ASSERT_EQ(view.holders_size(), 1);
  EXPECT_EQ(view.holders(0).upn(), "soc@agency.test");
  ASSERT_EQ(view.holders(0).conflicts_size(), 1);
  EXPECT_EQ(view.holders(0).conflicts(0), "service-desk + soc-approver");
  EXPECT_EQ(view.items_size(), static_cast<int>(Permissions().size()));
}

TEST_F(OperatorRolesTest, ASignInLastsAnHour) {
  const auto in = Try("soc", "right");
  ASSERT_TRUE(in.ok()) << in.status();
  EXPECT_EQ(in->token.size(), 64u);
  EXPECT_EQ(in->roles, std::vector<std::string>{"soc-approver"});
  const auto find = [&](const std::string& token) {
    return FindSession(*services_, *store_->Read(), token).status().code();
  };
  EXPECT_EQ(find(in->token), absl::StatusCode::kOk);
  EXPECT_EQ(find(""), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(find("0"), absl::StatusCode::kUnauthenticated);
  clock_.Advance(limits::kSessionLife);
  EXPECT_EQ(find(in->token), absl::StatusCode::kUnauthenticated);
  const auto again = Try("soc", "right");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(store_->Read()->Scan("session/", "", 10)->size(), 1u);  // the ended one is gone
  ASSERT_TRUE(SignOut(*services_, Who("soc"), again->token).ok());
  EXPECT_EQ(find(again->token), absl::StatusCode::kUnauthenticated);
  // The token is nowhere: not in the store, not in the audit log.
  for (const auto records = store_->Read()->Scan("", "", 100'000);
       const Record& record : *records) {
    EXPECT_EQ(record.bytes.find(again->token), std::string::npos) << record.key;
    EXPECT_EQ(record.bytes.find("right"), std::string::npos) << record.key;
  }
}

TEST_F(OperatorRolesTest, WrongPasswordsLockTheAccount) {
  for (uint32_t i = 0; i < limits::kSignInFailures; ++i) {
    EXPECT_EQ(Try("soc", "wrong").status(),
              absl::UnauthenticatedError("the name or the password is wrong"));
  }
  EXPECT_EQ(Audited("sign-in.refused").size(), limits::kSignInFailures);
  const int asked = directory_->password_checks;
  EXPECT_EQ(Try("soc", "right").status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(directory_->password_checks, asked);  // the directory is not asked any more
  const auto refused = Audited("sign-in.refused");
  ASSERT_EQ(refused.size(), limits::kSignInFailures + 1);
  EXPECT_TRUE(absl::StrContains(refused.back().reason(), "is locked until"))
      << refused.back().reason();
  clock_.Advance(limits::kSignInLock);
  EXPECT_TRUE(Try("soc", "right").ok());
  EXPECT_EQ(Try("soc", "wrong").status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(Try("soc", "right").ok());  // a success cleared the count
}

TEST_F(OperatorRolesTest, WhoIsNotLetIn) {
  directory_->passwords["alice@agency.test"] = "hers";
  EXPECT_EQ(Try("nobody", "x").status(),
            absl::UnauthenticatedError("the name or the password is wrong"));
  EXPECT_EQ(Try("alice", "hers").status().code(), absl::StatusCode::kPermissionDenied);
  const auto refused = Audited("sign-in.refused");
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].outcome(), "PERMISSION_DENIED");
  EXPECT_EQ(refused[0].reason(), "the password is right, but no role goes with it");
  EXPECT_EQ(Try("soc", "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Try("soc", std::string(257, 'x')).status().code(), absl::StatusCode::kInvalidArgument);
  directory_->error = absl::UnavailableError("away");
  EXPECT_EQ(Try("soc", "right").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(OperatorRolesTest, OneAddressMayNotTryForEver) {
  for (uint32_t i = 0; i < limits::kSignInsPerMinute; ++i) {
    EXPECT_NE(Try("nobody", "x").status().code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_EQ(Try("nobody", "x", "ipv4:10.0.0.1:1000").status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Try("soc", "right", "ipv4:10.0.0.2:1000").ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_TRUE(Try("soc", "right").ok());
}

}  // namespace
}  // namespace muster
