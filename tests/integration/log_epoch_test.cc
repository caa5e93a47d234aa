// The key of the audit log is replaced, and a log that was lost begins anew: ceremonies, a real
// controller, a real agent as the witness, an auditor. Needs root.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/integration/ceremony_fixture.h"

namespace muster {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(150);

class LogEpochTest : public TrustTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TrustTest::SetUp());
    old_key_ = AuditorsKey();
  }

  // A new key of the log lies beside the old one; the root that names it, signed by two holders.
  void DraftRoot(const std::string& more) {
    Trust(tenant_.data() + "/keys", "key --algorithm ed25519 --out log-2.key");
    fs::copy_file(tenant_.data() + "/keys/log-2.pub", Machine("root-1") + "/log-2.pub");
    Trust(Machine("root-1"), absl::StrCat("rotate log --root root-1.pb --public log-2.pub ", more,
                                          " --out root-2.pb"));
    SignOn({"root-1", "root-3"}, "root-2.pb", "root-1.pb");
  }

  std::string AuditorsKey() { return ReadWhole(tenant_.data() + "/trust/audit-log.vkey"); }
  std::string KeyOfRoot() {
    const Json keys = tenant_.Get(kAdmin, {"trust", "show"})["audit_log_keys"];
    return keys.size() == 1 ? keys[0].get<std::string>() + "\n" : keys.dump();
  }
  // What the laptop says of the log.
  Json Seen() {
    const Json status = laptop_.agent().Status();
    return status.is_object() ? status.value("audit_log", Json()) : Json();
  }
  uint64_t SeenSize() {
    const Json seen = Seen();
    return seen.is_object() ? seen.value("size", uint64_t{0}) : 0;
  }
  std::string RefusedCode() {
    const Json seen = Seen();
    if (!seen.is_object() || !seen["refused"].is_object()) return "";
    return seen["refused"].value("code", "");
  }
  bool SeesMoreThan(uint64_t size) {
    return WaitUntil(kPatience, [&] { return SeenSize() > size; });
  }
  bool HasAlarm(const std::string& code, const std::string& words) {
    return WaitUntil(kPatience, [&] {
      const Json shown = tenant_.Get(kAdmin, {"device", "show", laptop_.device()});
      for (const Json& alarm : shown.value("alarms", Json::array())) {
        if (alarm.value("code", "") == code && absl::StrContains(alarm.dump(), words)) return true;
      }
      return false;
    });
  }

  std::string Path(const std::string& name) { return tenant_.folder() + "/" + name; }
  std::string KeyFile(const std::string& name, const std::string& key) {
    WriteWhole(Path(name), key);
    return Path(name);
  }
  void TakeNote(const std::string& name) {
    const CommandResult taken = laptop_.agent().Ask({"witness", "--out", Path(name)});
    EXPECT_EQ(taken.exit_code, 0) << taken;
  }
  void Export(const std::string& name) {
    const Answer made = tenant_.Ask(kRecords, {"audit", "export", Path(name)});
    EXPECT_EQ(made.code(), 0) << made;
  }
  CommandResult Verify(const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {ProgramPath("musterctl"), "audit", "verify", Path(name)});
    return RunCommand(more);
  }
  CommandResult Musterd(std::vector<std::string> args) {
    args.insert(args.begin(), ProgramPath("musterd"));
    args.insert(args.end(), {"--dir", tenant_.data()});
    return RunCommand(args);
  }

  std::string old_key_;
};

TEST_F(LogEpochTest, AReplacedKeyGoesOnWithTheLogAndTheAuditorsFileFollows) {
  EXPECT_EQ(old_key_, KeyOfRoot());
  TakeNote("old.checkpoint");
  const uint64_t before = SeenSize();
  DraftRoot("");
  EXPECT_EQ(AuditorsKey(), old_key_) << "nothing is published yet";
  const Answer published = Publish("root-1", {"root-2.pb"});
  ASSERT_EQ(published.code(), 0) << published;
  const std::string new_key = AuditorsKey();
  EXPECT_NE(new_key, old_key_);
  EXPECT_EQ(new_key, KeyOfRoot());

  // The laptop takes heads of the new key, of the same log.
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return AgentHas("root") == 2; }));
  tenant_.Grant(kAlice);
  EXPECT_TRUE(SeesMoreThan(before)) << laptop_.agent().Log();
  EXPECT_EQ(RefusedCode(), "");
  TakeNote("new.checkpoint");
  Export("export");
  const std::string now = KeyFile("now.key", new_key), then = KeyFile("then.key", old_key_);
  const CommandResult both =
      Verify("export", {"--key", now, "--key", then, "--witness", Path("old.checkpoint"),
                        "--witness", Path("new.checkpoint")});
  EXPECT_EQ(both.exit_code, 0) << both;
  EXPECT_EQ(Verify("export", {"--key", then}).exit_code, 3) << "its head is the new key's";

  // A file that was lost or left behind is put right at the next start.
  KeyFile("tenant/trust/audit-log.vkey", old_key_);
  tenant_.StopController();
  tenant_.StartController();
  EXPECT_EQ(AuditorsKey(), new_key);
}

TEST_F(LogEpochTest, ALostLogBeginsAnewWithTwoHoldersAndEachWitnessSaysSo) {
  const CommandResult backup = Musterd({"backup", "--out", Path("backup")});
  ASSERT_EQ(backup.exit_code, 0) << backup;
  const uint64_t kept =
      Json::parse(ReadWhole(Path("backup") + "/manifest.json")).value("log_size", uint64_t{0});
  const std::string lost = tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  ASSERT_TRUE(SeesMoreThan(kept)) << laptop_.agent().Log();
  TakeNote("laptop.checkpoint");
  const uint64_t seen = SeenSize();

  // The machine burns; what is brought back lacks entries that the laptop has seen.
  tenant_.StopController();
  fs::remove_all(tenant_.data() + "/db");
  std::vector<std::string> restore = {"restore", "--from", Path("backup"), "--witness",
                                      Path("laptop.checkpoint")};
  EXPECT_EQ(Musterd(restore).exit_code, 3);
  restore.push_back("--accept-loss");
  ASSERT_EQ(Musterd(restore).exit_code, 0);
  tenant_.StartController();
  EXPECT_TRUE(HasAlarm("AUDIT_LOG_BEHIND", "")) << laptop_.agent().Log();
  EXPECT_EQ(SeenSize(), seen) << "nothing of it is taken";

  // Only the holders of the root can begin another log.
  DraftRoot("--compromised");
  const Answer published = Publish("root-1", {"root-2.pb"});
  ASSERT_EQ(published.code(), 0) << published;
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return RefusedCode() == "EPOCH"; }))
      << Seen() << laptop_.agent().Log();
  EXPECT_TRUE(WaitUntil(kPatience, [&] { return AllVerifiedInEpoch(2); })) << laptop_.agent().Log();
  EXPECT_EQ(Seen().value("epoch", 0), 2) << Seen();
  EXPECT_TRUE(HasAlarm("AUDIT_LOG_FORKED", absl::StrCat("this device saw ", seen, " entries")));
  // The grant was in the part that is lost, and the laptop knows.
  EXPECT_TRUE(AliceBecomes(Started::kBlocked)) << lost;

  // It is a witness of the new log as it was of the old, and people work on.
  const uint64_t begun = SeenSize();
  tenant_.Grant(kAlice);
  EXPECT_TRUE(AliceBecomes(Started::kRan));
  EXPECT_TRUE(SeesMoreThan(begun)) << laptop_.agent().Log();
  EXPECT_EQ(RefusedCode(), "EPOCH") << "told of until the next";
  TakeNote("now.checkpoint");
  EXPECT_EQ(ReadWhole(Path("now.checkpoint.before")), ReadWhole(Path("laptop.checkpoint")))
      << "the laptop still has the last head of the lost log";
  Export("export");
  const std::string now = KeyFile("now.key", AuditorsKey()), then = KeyFile("then.key", old_key_);
  const CommandResult whole = Verify("export", {"--key", now, "--witness", Path("now.checkpoint")});
  EXPECT_EQ(whole.exit_code, 0) << whole;
  const CommandResult before =
      Verify("export", {"--key", now, "--key", then, "--witness", Path("laptop.checkpoint")});
  EXPECT_EQ(before.exit_code, 3) << "an auditor's own note tells of the loss: " << before;
  EXPECT_EQ(Musterd({"fsck"}).exit_code, 0);
}

}  // namespace
}  // namespace muster
