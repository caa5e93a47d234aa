// Phones from end to end: a real controller, a real bridge, and a UEM that is a simulator behind
// HTTP. Everything on loopback.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/phones.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr absl::Duration kPhoneSoon = absl::Seconds(150);  // of a loaded machine

class BridgeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.Apply(absl::StrCat(MUSTER_SOURCE_DIR, "/policies"));
  }

  void Join() {
    const CommandResult enrolled = bridge_.Enroll(bridge_.NewToken());
    ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
    EXPECT_TRUE(absl::StrContains(enrolled.out, "Enrolled as bridge dev-")) << enrolled;
    bridge_.Start();
  }

  // "VERDICT STATE PRESENCE" of WhatsApp on their phone, as the controller has it.
  std::string Phone(const std::string& upn) {
    // The report leaves out what is as it should be, unless it is asked for.
    for (const char* state : {"", "COMPLIANT"}) {
      std::vector<std::string> args = {"report", "phones", "--app", "whatsapp", "--person", upn};
      if (*state != 0) args.insert(args.end(), {"--state", state});
      const Json listed = tenant_.Get(kServiceDesk, args);
      for (const Json& row : listed.at("items")) {
        device_ = row.value("device_id", "");
        const Json& app = row["app"];
        why_ = app.value("why", "");
        return absl::StrCat(app.value("verdict", ""), " ", app.value("state", ""), " ",
                            app.value("presence", ""));
      }
    }
    return "none";
  }
  // With hints, if it hears them: a reading that came before the phone was seen again proves
  // nothing, and without them the next one may come an hour later.
  bool Becomes(const std::string& upn, const std::string& wanted) {
    return WaitUntil(kPhoneSoon, [&] {
      if (upn != kBob) bridge_.Hint(upn == kAlice ? kAlicesPhone : kCrewsPhone);
      return Phone(upn) == wanted;
    });
  }
  bool BecomesOn(const char* phone, const std::string& wanted) {
    return WaitUntil(kPhoneSoon, [&] { return uem_.WhatsAppOn(phone) == wanted; });
  }
  // Who is in the approval group, for the UEM's next sync. A real UEM reads the directory itself;
  // what the simulator would read must be there before the bridge asks for that sync, or the person
  // is missed until the next one.
  void TellUem(const Json& members) {
    uem_.Post(absl::StrCat("user-groups/", kUemGroup, "/directory"), {{"members", members}});
  }
  // How often the audit log tells this of the phone that was last asked for.
  size_t Audited(const std::string& verb) {
    return tenant_.Items({"audit", "list", "--device", device_, "--verb", verb}).size();
  }
  std::string Told() { return absl::StrCat(ReadWhole(bridge_.log()), ReadWhole(tenant_.log())); }

  TestTenant tenant_{DirectoryKind::kLdif, "alice-of-it", "bob-of-it"};
  TestUem uem_{tenant_.folder() + "/uem"};
  TestBridge bridge_{&tenant_, &uem_, tenant_.folder() + "/bridge"};
  std::string device_, why_;  // of the phone that was last asked for
};

TEST_F(BridgeTest, SeenHiddenApprovedInstalledRevokedHidden) {
  Join();
  EXPECT_TRUE(Becomes(kAlice, "BLOCK COMPLIANT HIDDEN")) << Phone(kAlice) << Told();
  // It was a violation until then, and that is kept, however soon it was over.
  EXPECT_EQ(Audited("phone.violation"), 1u);
  EXPECT_EQ(Audited("phone.resolved"), 1u);
  EXPECT_EQ(uem_.WhatsAppOn(kAlicesPhone), "by-person hidden");
  EXPECT_EQ(tenant_.Explain(kAlice, device_, "whatsapp"), "BLOCK NO_GRANT");
  EXPECT_TRUE(Becomes(kBob, "BLOCK NOT_ENFORCEABLE BY_PERSON")) << Phone(kBob) << Told();
  EXPECT_EQ(uem_.WhatsAppOn(kBobsPhone), "by-person");

  const std::string crew = CrewUpn(1);
  EXPECT_TRUE(Becomes(crew, "BLOCK COMPLIANT ABSENT")) << Phone(crew) << Told();
  const std::string phone = device_;
  TellUem(Json::array({crew}));
  const std::string grant = tenant_.Grant(crew, "whatsapp");
  EXPECT_TRUE(Becomes(crew, "ALLOW COMPLIANT MANAGED")) << Phone(crew) << Told();
  EXPECT_EQ(uem_.WhatsAppOn(kCrewsPhone), "managed");
  EXPECT_EQ(tenant_.Explain(crew, phone, "whatsapp"), "ALLOW GRANT " + grant);
  const std::string shown = tenant_.Get(kAdmin, {"device", "show", phone}).dump();
  EXPECT_TRUE(absl::StrContains(shown, "\"ALLOW\"")) << shown;

  // Killed in the middle of the next change, it goes on where it was. What was written with the app
  // is a record and not saved yet: it is hidden, not removed.
  TellUem(Json::array());
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  bridge_.program().Kill();
  bridge_.Start();
  EXPECT_TRUE(BecomesOn(kCrewsPhone, "managed hidden")) << Phone(crew) << Told();
  EXPECT_TRUE(Becomes(crew, "BLOCK COMPLIANT HIDDEN")) << Phone(crew) << Told();
  EXPECT_TRUE(absl::StrContains(why_, "Its messages are not shown to be saved")) << why_;
  EXPECT_EQ(uem_.CallsTo("/uninstall"), 0u);
  EXPECT_EQ(uem_.WhatsAppOn(kAlicesPhone), "by-person hidden");
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] { return tenant_.GrantState(grant) == "REVOKED"; }));

  // What a hint names is read at once, not with the next sweep.
  EXPECT_TRUE(bridge_.Hint(kBobsPhone));
  uem_.Post(absl::StrCat("phones/", kBobsPhone, "/remove"), {{"bundle_id", kIosWhatsApp}});
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] {
    return bridge_.Hint(kBobsPhone) && Phone(kBob) == "BLOCK NOT_ENFORCEABLE ABSENT";
  })) << Phone(kBob);
  EXPECT_EQ(bridge_.program().Stop(), 0) << ReadWhole(bridge_.log());
}

// Nothing was ever written with it that has to be kept: it is taken away, and that is read back.
TEST_F(BridgeTest, WhatTheUemInstalledWithoutAGrantIsRemovedAndReadBack) {
  Join();
  const std::string crew = CrewUpn(1);
  EXPECT_TRUE(Becomes(crew, "BLOCK COMPLIANT ABSENT")) << Phone(crew) << Told();
  EXPECT_EQ(Audited("app.removed"), 0u);
  uem_.Post(absl::StrCat("phones/", kCrewsPhone, "/install-managed"),
            {{"bundle_id", kIosWhatsApp}});
  EXPECT_TRUE(WaitUntil(
      kPhoneSoon, [&] { return bridge_.Hint(kCrewsPhone) && uem_.CallsTo("/uninstall") == 1; }))
      << Phone(crew) << Told();
  EXPECT_TRUE(BecomesOn(kCrewsPhone, "absent")) << Told();
  // It was seen there, and then seen to be gone.
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] { return Audited("app.removed") == 1; })) << Told();
  EXPECT_TRUE(WaitUntil(
      kPhoneSoon,
      [&] { return bridge_.Hint(kCrewsPhone) && Phone(crew) == "BLOCK COMPLIANT ABSENT"; }))
      << Phone(crew) << Told();
  EXPECT_EQ(uem_.CallsTo("/uninstall"), 1u);
  EXPECT_EQ(bridge_.program().Stop(), 0) << ReadWhole(bridge_.log());
}

TEST_F(BridgeTest, StatusSaysWhatItKnowsAndSigtermEndsIt) {
  const CommandResult none = bridge_.Status();
  EXPECT_EQ(none.exit_code, 5) << none;
  EXPECT_TRUE(absl::StrContains(none.err, "there is no ")) << none;
  Join();
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] { return bridge_.StatusJson().value("simulator", false); }))
      << Told();
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] {
    const Json said = bridge_.StatusJson();
    return said["phones"] == Json({{"ios", 3}}) && said["operations"].empty() &&
           said["swept_at"].is_string();
  })) << bridge_.StatusJson().dump(1);
  const Json said = bridge_.StatusJson();
  EXPECT_EQ(said.value("tenant", ""), "it");
  EXPECT_EQ(said.value("uem", ""), "workspace-one " + uem_.url());
  EXPECT_EQ(said.value("last_error", "?"), "");
  const CommandResult table = bridge_.Status();
  EXPECT_EQ(table.exit_code, 0) << table;
  for (const char* line : {" of tenant it\n", "(a SIMULATOR, not the real service)\n",
                           "\nphones        3 ios\n", "\nopen          0 changes\n"}) {
    EXPECT_TRUE(absl::StrContains(table.out, line)) << line << table;
  }
  EXPECT_EQ(bridge_.program().Stop(absl::Seconds(60)), 0);
  EXPECT_EQ(bridge_.Status().exit_code, 0) << "it can be asked while nothing runs";
}

TEST_F(BridgeTest, EnrolmentIsOnceAndWithABridgesToken) {
  const CommandResult laptop = bridge_.Enroll(tenant_.NewToken(kAlice));
  EXPECT_EQ(laptop.exit_code, 3) << laptop;
  EXPECT_TRUE(absl::StrContains(laptop.err, "--bridge")) << laptop;
  const CommandResult early = bridge_.RunToEnd();
  EXPECT_EQ(early.exit_code, 5) << early;
  EXPECT_TRUE(absl::StrContains(early.err, "run `muster-bridge enroll` first")) << early;

  const std::string token = bridge_.NewToken();
  EXPECT_EQ(bridge_.Enroll(token).exit_code, 0);
  const Json before = tenant_.Items({"device", "list"});
  const CommandResult again = bridge_.Enroll(bridge_.NewToken());
  EXPECT_EQ(again.exit_code, 3) << again;
  EXPECT_TRUE(absl::StrContains(again.err, "already holds an enrolled bridge")) << again;
  EXPECT_EQ(tenant_.Items({"device", "list"}), before);
  bridge_.Start();
  EXPECT_TRUE(WaitUntil(kPhoneSoon, [&] {
    return absl::StrContains(ReadWhole(bridge_.log()), "connected to the controller");
  })) << Told();
  const CommandResult beside = bridge_.Enroll(token, {"--force"});
  EXPECT_EQ(beside.exit_code, 3) << beside;
  EXPECT_TRUE(absl::StrContains(beside.err, "another muster-bridge runs")) << beside;
}

TEST_F(BridgeTest, AWrongConfigurationIsNamedAndNothingStarts) {
  ASSERT_EQ(bridge_.Enroll(bridge_.NewToken()).exit_code, 0);
  const std::string secret = uem_.folder() + "/client-secret";
  const auto refused = [&](int code, const std::string& words) {
    const CommandResult ended = bridge_.RunToEnd();
    EXPECT_EQ(ended.exit_code, code) << ended;
    EXPECT_TRUE(absl::StrContains(ended.err, words)) << words << ended;
  };
  chmod(secret.c_str(), 0644);
  refused(3, secret + " holds a secret and is open to everybody: chmod 600 " + secret);
  unlink(secret.c_str());
  refused(5, "cannot read " + secret);
  bridge_.WriteConfig(absl::StrCat("uem:\n", bridge_.UemLines(), "  per_hour: 3\n"));
  refused(2, "bridge.yaml:10:3: unknown key 'per_hour' in uem");
  unlink(bridge_.config().c_str());
  refused(5, "cannot read " + bridge_.config());
}

}  // namespace
}  // namespace muster
