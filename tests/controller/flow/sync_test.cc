// The commit rule: a wrong read never revokes, a right one is followed.
#include "controller/flow/sync.h"

#include <gtest/gtest.h>

#include "tests/controller/flow/world.h"

namespace muster {
namespace {

class SyncTest : public World {
 protected:
  SyncTest() { LoadCatalogue(); }
};

using Names = std::vector<std::string>;

TEST_F(SyncTest, AMemberNobodyAskedForIsUnsanctionedAndBlocked) {
  WriteDirectory({"bob"});
  const v1::SyncRun run = Run();
  EXPECT_EQ(run.state(), v1::SyncRun::APPLIED);
  ASSERT_EQ(run.added_size(), 1);
  EXPECT_EQ(run.added(0).upn(), "bob@agency.test");
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::UNSANCTIONED);
  // The next sync does not alarm again.
  const uint64_t audit = AuditCount();
  Run();
  EXPECT_EQ(AuditCount(), audit);
  // A proper request turns that very grant into a sanctioned one.
  const std::string id = SubmitFor("bob").value().request_id();
  ASSERT_TRUE(ApproveBy("soc", id).ok());
  Settle();
  EXPECT_EQ(GrantNow("GR-000001").state(), v1::Grant::ACTIVE);
  EXPECT_EQ(RequestNow(id).state(), v1::Request::ACTIVE);
}

TEST_F(SyncTest, AFailedReadChangesNothing) {
  WriteDirectory({"bob"});
  Run();
  const struct {
    const char* name;
    absl::Status error;
  } kCases[] = {
      {"no answer", absl::UnavailableError("down")},
      {"a page was lost", absl::DataLossError("size limit exceeded after 1000 entries")},
      {"the group is gone", absl::FailedPreconditionError("group cn=wa is missing")},
  };
  for (const auto& c : kCases) {
    directory_->error = c.error;
    const auto run = reconciler_->SyncNow(MusterItself(), false);
    EXPECT_EQ(run.status(), c.error) << c.name;
    EXPECT_EQ(Members(), Names({"bob"})) << c.name;
  }
  directory_->error = absl::OkStatus();
  // A file cut off in the middle of a line is an error of the real adapter, too.
  const std::string whole = DirectoryText();
  ASSERT_TRUE(
      WriteFileAtomically(dir_.File("d.ldif"), whole.substr(0, whole.size() - 9), 0600).ok());
  EXPECT_EQ(reconciler_->SyncNow(MusterItself(), false).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Members(), Names({"bob"}));
}

TEST_F(SyncTest, FewRemovalsApplyManyAreHeldWhole) {
  WriteDirectory(Extras(20));
  Run();
  ASSERT_EQ(Members().size(), 20u);
  WriteDirectory(Extras(15));  // 5 removals: max(5, 5 % of 20) = 5.
  EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
  ASSERT_EQ(Members().size(), 15u);
  std::vector<std::string> next = Extras(9);  // 6 removals and an add.
  next.push_back("alice");
  WriteDirectory(next);
  const v1::SyncRun held = Run();
  EXPECT_EQ(held.state(), v1::SyncRun::HELD);
  EXPECT_EQ(held.removed_size(), 6);
  EXPECT_EQ(Members().size(), 16u);  // The add applied, no removal did.

  // The same read again is the same held run, not another one.
  EXPECT_EQ(Run().run_id(), held.run_id());
  const auto release = [&](const std::string& who) {
    return reconciler_->Release(Who(who), held.run_id(), false);
  };
  EXPECT_EQ(release("soc")->state(), v1::SyncRun::HELD);
  EXPECT_EQ(release("soc").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Members().size(), 16u);
  EXPECT_EQ(release("second")->state(), v1::SyncRun::RELEASED);
  EXPECT_EQ(Members().size(), 10u);
  EXPECT_EQ(release("desk").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
  EXPECT_EQ(Members().size(), 10u);
}

TEST_F(SyncTest, ALaterReadSupersedesAHeldRun) {
  WriteDirectory(Extras(20));
  Run();
  WriteDirectory({});
  const v1::SyncRun held = Run();
  ASSERT_EQ(held.state(), v1::SyncRun::HELD);
  WriteDirectory(Extras(20));  // Somebody noticed and put it back.
  EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
  EXPECT_EQ(Load<v1::SyncRun>(*store_->Read(), RunKey(held.run_id()), "")->value.state(),
            v1::SyncRun::SUPERSEDED);
  EXPECT_EQ(Members().size(), 20u);
}

TEST_F(SyncTest, DiscardedRemovalsAreHeldAgain) {
  WriteDirectory(Extras(20));
  Run();
  WriteDirectory({});
  const v1::SyncRun held = Run();
  EXPECT_EQ(DiscardRun(*services_, Who("soc"), held.run_id(), false)->state(),
            v1::SyncRun::DISCARDED);
  EXPECT_EQ(Members().size(), 20u);
  EXPECT_EQ(Run().state(), v1::SyncRun::HELD);
  EXPECT_EQ(Members().size(), 20u);
}

// Mass disappearance of the people themselves is a removal too.
TEST_F(SyncTest, VanishedPersonsAreHeldLikeRemovals) {
  WriteDirectory(Extras(20));
  Run();
  std::string text = DirectoryText();
  std::string cut = "version: 1\n\n" + PersonLdif("alice", kAlice);
  cut += text.substr(text.find("dn: cn=wa,"));
  ASSERT_TRUE(WriteFileAtomically(dir_.File("d.ldif"), cut, 0600).ok());
  EXPECT_EQ(Run().state(), v1::SyncRun::HELD);
  EXPECT_EQ(Members().size(), 20u);
  EXPECT_TRUE(LoadPersonByUpn(*store_->Read(), "u0@agency.test")->enabled());
}

TEST_F(SyncTest, ManyRevocationsByMusterAreNotHeld) {
  ASSERT_TRUE(Sync().ok());
  for (int i = 0; i < 8; ++i) {
    const auto request = SubmitFor(absl::StrCat("u", i));
    ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  }
  Settle();
  ASSERT_EQ(Members().size(), 8u);
  for (int i = 1; i <= 8; ++i) {
    ASSERT_TRUE(Revoke(absl::StrFormat("GR-%06d", i), "r").ok());
  }
  const auto run = reconciler_->SyncNow(MusterItself(), false);  // Before the removal by loops.
  ASSERT_TRUE(run.ok());
  Settle();
  EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
  EXPECT_EQ(Members(), Names());
  EXPECT_EQ(GrantNow("GR-000008").state(), v1::Grant::REVOKED);
}

TEST_F(SyncTest, ARenameKeepsTheGrantAndAnOldNameGivesNothing) {
  ASSERT_TRUE(Sync().ok());
  const auto request = SubmitFor("alice");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  std::string text = DirectoryText();
  // Alice marries: same entryUUID, other names; a new person takes the old ones.
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
      text.replace(at, from.size(), to);
    }
  };
  replace("alice", "alicia");
  text.insert(text.find("dn: cn=wa,"), PersonLdif("alice", 77));
  ASSERT_TRUE(WriteFileAtomically(dir_.File("d.ldif"), text, 0600).ok());
  EXPECT_EQ(Run().state(), v1::SyncRun::APPLIED);
  EXPECT_EQ(LoadPersonByUpn(*store_->Read(), "alicia@agency.test")->person_id(), IdOf(kAlice));
  EXPECT_EQ(LoadPersonByUpn(*store_->Read(), "alice@agency.test")->person_id(), IdOf(77));
  EXPECT_EQ(Members(), Names({"alicia"}));
  EXPECT_TRUE(HoldingGrant(*store_->Read(), IdOf(kAlice), "whatsapp")->has_value());
  EXPECT_FALSE(HoldingGrant(*store_->Read(), IdOf(77), "whatsapp")->has_value());
}

TEST_F(SyncTest, ARemovalThatIsNotConfirmedChangesNothing) {
  WriteDirectory(Extras(4));
  Run();
  const struct {
    const char* what;
    absl::Status answer;
    absl::Status want;
  } kCases[] = {
      {"contradicted", absl::AbortedError("u3 is in cn=wa"),
       absl::DataLossError(
           "this read contradicts the directory: it lacks u3@agency.test as a member for whatsapp, "
           "but asked again the directory says otherwise (u3 is in cn=wa); nothing was changed, "
           "and the next read starts anew")},
      {"nobody knows", absl::UnavailableError("no answer"),
       absl::UnavailableError("cannot confirm that u3@agency.test is gone: no answer")},
  };
  WriteDirectory({"u0", "u1", "u2", "alice"});
  for (const auto& c : kCases) {
    directory_->confirm[IdOf(13)] = c.answer;
    EXPECT_EQ(reconciler_->SyncNow(MusterItself(), false).status(), c.want) << c.what;
    EXPECT_EQ(Members(), Names({"u0", "u1", "u2", "u3"})) << c.what;
  }
  const v1::SyncRun discarded = RunNow("RUN-000002");
  EXPECT_EQ(discarded.state(), v1::SyncRun::DISCARDED);
  EXPECT_EQ(discarded.detail(), absl::StrCat("PARTIAL: ", kCases[0].want.message()));
  EXPECT_EQ(Alarms().front(), "DIRECTORY_UNREADABLE run/RUN-000003");
  directory_->confirm.clear();
  Run();
  EXPECT_EQ(Members(), Names({"alice", "u0", "u1", "u2"}));
  EXPECT_EQ(Alarms(),
            Names({"UNSANCTIONED_MEMBER grant/GR-000001", "UNSANCTIONED_MEMBER grant/GR-000002",
                   "UNSANCTIONED_MEMBER grant/GR-000003", "MEMBER_VANISHED grant/GR-000004",
                   "UNSANCTIONED_MEMBER grant/GR-000005"}));
}

TEST_F(SyncTest, OnlyWhatIsInferredIsAskedForAgain) {
  WriteDirectory(Extras(4));
  Run();
  directory_->edit = [this](DirectorySnapshot& read) {
    read.persons.at(IdOf(10)).set_enabled(false);
    *read.persons.at(IdOf(11)).mutable_expires_at() = ToProto(clock_.Now());
    read.persons.erase(IdOf(12));
    read.persons.erase(IdOf(kBob));  // without membership, grant or device
  };
  Run();
  EXPECT_EQ(directory_->asked, Names({IdOf(10), IdOf(12)}));
  EXPECT_EQ(Members(), Names({"u3"}));
  EXPECT_TRUE(Load<v1::Person>(*store_->Read(), PersonKey(IdOf(kBob)), "")->value.deleted());
}

TEST_F(SyncTest, AReadThatLacksManyPersonsIsHeldWhole) {
  WriteDirectory({"alice"});
  Run();
  directory_->edit = [](DirectorySnapshot& read) {
    for (int i = 0; i < 6; ++i) read.persons.erase(IdOf(10 + i));
  };
  const v1::SyncRun held = Run();
  EXPECT_EQ(held.state(), v1::SyncRun::HELD);
  EXPECT_EQ(held.detail(),
            "6 of 25 known persons are missing from this read, which is above max(5, 5 %): a "
            "narrower base_dn, or an answer that is not the whole");
  EXPECT_EQ(held.missing_size(), 6);
  EXPECT_EQ(held.removed_size(), 0);
  EXPECT_TRUE(LoadPersonByUpn(*store_->Read(), "u0@agency.test").ok());
  ASSERT_TRUE(reconciler_->Release(Who("soc"), held.run_id(), false).ok());
  EXPECT_EQ(reconciler_->Release(Who("second"), held.run_id(), false)->state(),
            v1::SyncRun::RELEASED);
  EXPECT_FALSE(LoadPersonByUpn(*store_->Read(), "u0@agency.test").ok());
  EXPECT_EQ(Members(), Names({"alice"}));
}

TEST_F(SyncTest, AReadWithoutNewsCostsNothing) {
  WriteDirectory({"alice", "bob"});
  directory_->edit = [](DirectorySnapshot& read) {
    *read.persons.at(IdOf(kBob)).mutable_expires_at() =
        ToProto(absl::FromUnixSeconds(1'800'000'000) + absl::Hours(1));
  };
  DirectorySync sync(*services_, *directory_);
  const auto changes = [&] {
    const auto run = sync.Run(MusterItself(), ReadDepth::kChanges, false);
    EXPECT_TRUE(run.ok()) << run.status();
    Settle();
  };
  changes();
  directory_->unchanged = true;
  const int before = store_->commits();
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(absl::Seconds(5));
    changes();
  }
  EXPECT_EQ(store_->commits(), before);  // but for the time of the read, once a minute
  clock_.Advance(absl::Seconds(10));
  changes();
  EXPECT_EQ(store_->commits(), before + 1);
  clock_.Advance(absl::Hours(1));  // Nobody changed anything, but bob's account has ended.
  changes();
  EXPECT_EQ(Members(), Names({"alice"}));
  EXPECT_EQ(Members("inactive_member/whatsapp/"), Names({"bob"}));
}

TEST_F(SyncTest, AnErrorThatStaysIsStoredOnceInAWhile) {
  directory_->error = absl::UnavailableError("down");
  for (int i = 0; i < 121; ++i) {  // ten minutes
    EXPECT_EQ(Sync(), directory_->error);
    clock_.Advance(absl::Seconds(5));
  }
  EXPECT_EQ(store_->Read()->Scan("run/", "", 100)->size(), 2u);
  directory_->error = absl::UnavailableError("down again");
  EXPECT_FALSE(Sync().ok());
  EXPECT_EQ(store_->Read()->Scan("run/", "", 100)->size(), 3u);
  const auto alarms = FindDirectoryAlarms(*store_->Read(), clock_.Now());
  ASSERT_EQ(alarms->items.size(), 1u);
  EXPECT_EQ(FromProto(alarms->items[0].at()), absl::FromUnixSeconds(1'800'000'000));
  EXPECT_EQ(alarms->items[0].detail(), "PARTIAL: down again");
  directory_->error = absl::OkStatus();
  EXPECT_TRUE(Sync().ok());
  EXPECT_EQ(Alarms(), Names());
}

// Before any one commit of a sync the store fails; the next sync ends where it should.
TEST_F(SyncTest, ACrashBetweenAnyTwoCommitsHeals) {
  for (int fail_at = 1; fail_at <= 3; ++fail_at) {
    WriteDirectory({"alice", "bob", "u0"});
    Run();
    WriteDirectory({"alice", "u1"});
    store_->FailIn(fail_at);
    (void)Sync();
    store_->FailIn(0);
    Run();
    EXPECT_EQ(Members(), Names({"alice", "u1"})) << fail_at;
    EXPECT_FALSE(HoldingGrant(*store_->Read(), IdOf(kBob), "whatsapp")->has_value()) << fail_at;
    EXPECT_TRUE(HoldingGrant(*store_->Read(), IdOf(11), "whatsapp")->has_value()) << fail_at;
  }
}

}  // namespace
}  // namespace muster
