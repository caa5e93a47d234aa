// The ceremonies of docs/operations.md, as command lines: keys on separate "machines", a real
// controller, a real agent that nobody touches. Needs root.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/ceremony_fixture.h"

namespace muster {
namespace {

constexpr char kModule[] = "/usr/lib/softhsm/libsofthsm2.so";
// Whoever has a stolen key can count as high as there are numbers.
constexpr char kFastForward[] = "9223372036854775808";

TEST_F(TrustTest, ARootKeyIsReplacedAndTheAgentWalksAlong) {
  const pid_t agent = laptop_.agent().pid();
  fs::create_directories(Machine("root-4"));
  Trust(Machine("root-4"), "key --out own.key");
  for (const char* name : {"root-2", "root-3", "root-4"}) {
    fs::copy_file(Machine(name) + "/own.pub", absl::StrCat(Machine("root-1"), "/", name, ".pub"));
  }
  Trust(Machine("root-1"),
        "rotate root --root root-1.pb --public root-4.pub root-2.pub root-3.pub --out root-2.pb");
  SignOn({"root-1"}, "root-2.pb", "root-1.pb");
  Answer refused = Publish("root-1", {"root-2.pb"});
  EXPECT_EQ(refused.code(), 3) << refused;
  EXPECT_TRUE(absl::StrContains(refused.command.err, "THRESHOLD")) << refused;
  SignOn({"root-1", "root-2", "root-4"}, "root-2.pb", "root-1.pb");
  const Answer published = Publish("root-1", {"root-2.pb"});
  EXPECT_EQ(published.code(), 0) << published;
  EXPECT_TRUE(AgentGets("root", 2)) << laptop_.agent().Log();
  EXPECT_EQ(tenant_.Get(kAdmin, {"trust", "show"}).value("version", 0), 2);
  EXPECT_EQ(laptop_.agent().pid(), agent) << "nobody touched it";

  // The old key has no say any more: with one other it is not two.
  Trust(Machine("root-1"), "add-key root --root root-2.pb --public own.pub --out back.pb");
  EXPECT_EQ(TrustIn(Machine("root-1"), "sign back.pb --key own.key --previous root-2.pb").exit_code,
            0);
  SignOn({"root-1", "root-2"}, "back.pb", "root-2.pb");
  refused = Publish("root-1", {"back.pb"});
  EXPECT_EQ(refused.code(), 3) << refused;
  EXPECT_TRUE(absl::StrContains(refused.command.err, "THRESHOLD")) << refused;

  // Two more roots while the laptop is away: it walks through both.
  laptop_.agent().Stop();
  Carry("root-2.pb", "root-1", "root-2");
  Trust(Machine("root-2"),
        "add-key root --root root-2.pb --public ../machine-root-1/own.pub "
        "--threshold 3 --out root-3.pb");
  SignOn({"root-2", "root-3", "root-4"}, "root-3.pb", "root-2.pb");
  v1::SignedDoc second;
  ASSERT_TRUE(second.ParseFromString(ReadWhole(Machine("root-1") + "/root-2.pb")));
  const auto three = PrivateKey::FromPem(ReadWhole(Machine("root-3") + "/own.key"));
  ASSERT_TRUE(three.ok());
  Trust(Machine("root-2"),
        absl::StrCat("remove-key root ", three->key_id(), " --root root-3.pb --out root-4.pb"));
  Carry("root-3.pb", "root-2", "root-1");
  SignOn({"root-2", "root-1", "root-4"}, "root-4.pb", "root-3.pb");
  const Answer both = Publish("root-2", {"root-3.pb", "root-4.pb"});
  EXPECT_EQ(both.code(), 0) << both;
  laptop_.StartAgent();
  EXPECT_TRUE(AgentGets("root", 4)) << laptop_.agent().Log();
  EXPECT_EQ(Verify(Machine("root-2") + "/root-4.pb", second), "ROLLBACK");
}

TEST_F(TrustTest, AStolenPolicyKeyIsOutlived) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  // What a thief signs, the highest version there is, is good until the root says otherwise.
  v1::SignedDoc cohort;
  ASSERT_TRUE(cohort.ParseFromString(ReadWhole(laptop_.agent().state() + "/cohort.pb")));
  v1::CohortPolicy forged;
  ASSERT_TRUE(forged.ParseFromString(cohort.payload()));
  forged.mutable_header()->set_version(uint64_t{1} << 63);
  const auto stolen = PrivateKey::FromPem(ReadWhole(tenant_.data() + "/keys/policy.key"));
  ASSERT_TRUE(stolen.ok());
  const v1::SignedDoc forgery = *MakeSignedDoc(forged, {*stolen});
  EXPECT_EQ(Verify(Machine("root-1") + "/root-1.pb", forgery), "OK");

  // A new key beside the old one, then a root with a new epoch.
  Trust(tenant_.data() + "/keys", "key --out policy-2.key");
  fs::copy_file(tenant_.data() + "/keys/policy-2.pub", Machine("root-1") + "/policy-2.pub");
  Trust(Machine("root-1"),
        "rotate policy --root root-1.pb --public policy-2.pub --compromised --out root-2.pb");
  SignOn({"root-1", "root-3"}, "root-2.pb", "root-1.pb");
  const Answer dry =
      tenant_.Ask(kAdmin, {"trust", "publish", Machine("root-1") + "/root-2.pb", "--dry-run"});
  EXPECT_EQ(dry.code(), 0) << dry;
  EXPECT_EQ(dry.json.value("devices", 0), 1) << dry;
  EXPECT_EQ(AgentHas("root"), 1U);
  const Answer published = Publish("root-1", {"root-2.pb"});
  EXPECT_EQ(published.code(), 0) << published;
  EXPECT_TRUE(AgentGets("root", 2)) << laptop_.agent().Log();
  EXPECT_TRUE(AllVerifiedInEpoch(2)) << laptop_.agent().Log();
  EXPECT_EQ(Verify(Machine("root-1") + "/root-2.pb", forgery), "UNKNOWN_KEY");
  EXPECT_EQ(Verify(Machine("root-1") + "/root-2.pb", cohort), "UNKNOWN_KEY") << "what it was";
  EXPECT_EQ(TryRun({laptop_.chat()}, accounts_.uid(0)), Started::kRan) << "she keeps her grant";
  // The stolen key leaves the controller for good; later roots do not need it.
  fs::remove(tenant_.data() + "/keys/policy.key");
  tenant_.StopController();
  tenant_.StartController();
  EXPECT_TRUE(laptop_.WaitForConnection(true));
  EXPECT_EQ(tenant_.Get(kAdmin, {"trust", "show"}).value("epoch", 0), 2);
}

// Fast-forward and recovery, through the wire: the emergency key is the one whose documents an
// operator may publish as they are.
TEST_F(TrustTest, AStolenEmergencyKeyThatRanAheadIsOutlived) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  Trust(Machine("emergency"), absl::StrCat("deny it-chat --root root-1.pb --reason stolen --key "
                                           "own.key --out deny.pb --version ",
                                           kFastForward));
  EXPECT_EQ(Publish("emergency", {"deny.pb"}).code(), 0);
  EXPECT_TRUE(AliceBecomes(Started::kBlocked));
  Trust(Machine("emergency"),
        "deny --lift-all --root root-1.pb --reason lifted --key own.key --out lift.pb");
  const Answer behind = Publish("emergency", {"lift.pb"});
  EXPECT_EQ(behind.code(), 3) << behind;
  EXPECT_TRUE(absl::StrContains(behind.command.err, "ROLLBACK")) << behind;

  fs::create_directories(Machine("emergency-2"));
  Trust(Machine("emergency-2"), "key --out own.key");
  fs::copy_file(Machine("emergency-2") + "/own.pub", Machine("root-1") + "/emergency-2.pub");
  Trust(Machine("root-1"),
        "rotate emergency --root root-1.pb --public emergency-2.pub "
        "--compromised --out root-2.pb");
  SignOn({"root-1", "root-2"}, "root-2.pb", "root-1.pb");
  Carry("root-2.pb", "root-1", "emergency-2");
  Trust(Machine("emergency-2"),
        "deny --lift-all --root root-2.pb --reason lifted --key own.key --out lift.pb");
  Carry("lift.pb", "emergency-2", "root-1");
  const Answer published = Publish("root-1", {"root-2.pb", "lift.pb"});
  EXPECT_EQ(published.code(), 0) << published;
  EXPECT_TRUE(AliceBecomes(Started::kRan)) << laptop_.agent().Log();
  EXPECT_TRUE(AllVerifiedInEpoch(2));
}

TEST_F(TrustTest, AnEmergencyDenyBlocksWhoeverHoldsAGrantUntilItIsLifted) {
  tenant_.Grant(kAlice);
  ASSERT_TRUE(AliceBecomes(Started::kRan));
  Trust(Machine("emergency"),
        "deny it-chat --root root-1.pb --reason 'A hole in it.' --key own.key --out deny.pb");
  const Answer denied = Publish("emergency", {"deny.pb"});
  EXPECT_EQ(denied.code(), 0) << denied;
  EXPECT_EQ(denied.json["impact"].value("persons", 0), 1) << denied;
  EXPECT_TRUE(AliceBecomes(Started::kBlocked)) << laptop_.agent().Log();
  EXPECT_EQ(laptop_.agent().Explain("it-chat", accounts_.name(0)), "BLOCK EMERGENCY_DENY");
  EXPECT_EQ(tenant_.Explain(kAlice, laptop_.device()), "BLOCK EMERGENCY_DENY");
  EXPECT_EQ(TryRun({laptop_.editor()}, accounts_.uid(0)), Started::kRan) << "and nothing else";
  // It holds without the controller, and when the agent starts anew.
  tenant_.StopController();
  laptop_.agent().Stop();
  laptop_.StartAgent();
  EXPECT_TRUE(AliceBecomes(Started::kBlocked)) << laptop_.agent().Log();
  tenant_.StartController();

  // Two documents of one second would be of one version.
  Trust(Machine("emergency"),
        "deny --lift-all --root root-1.pb --reason 'It is mended.' --key "
        "own.key --out lift.pb --version 4000000000");
  EXPECT_EQ(Publish("emergency", {"lift.pb"}).code(), 0);
  EXPECT_TRUE(AliceBecomes(Started::kRan)) << laptop_.agent().Log();
  const Answer again = Publish("emergency", {"deny.pb"});
  EXPECT_EQ(again.code(), 3) << "a replay: " << again;
}

TEST_F(TrustTest, ATokensKeySignsARoot) {
  const std::string machine = Machine("root-1");
  fs::create_directories(machine + "/tokens");
  WriteWhole(machine + "/softhsm2.conf", absl::StrCat("directories.tokendir = ", machine,
                                                      "/tokens\nobjectstore.backend = file\n"));
  WriteWhole(machine + "/pin", "1234\n", 0600);
  setenv("SOFTHSM2_CONF", (machine + "/softhsm2.conf").c_str(), 1);
  ASSERT_EQ(RunCommand({"softhsm2-util", "--init-token", "--free", "--label", "muster", "--pin",
                        "1234", "--so-pin", "5678"})
                .exit_code,
            0);
  const CommandResult made = RunCommand(
      {"pkcs11-tool", "--module", kModule, "--token-label", "muster", "--login", "--pin", "1234",
       "--keypairgen", "--key-type", "EC:prime256v1", "--label", "root-4", "--id", "01"});
  ASSERT_EQ(made.exit_code, 0) << made;
  const std::string token =
      absl::StrCat("'pkcs11:token=muster;object=root-4?module-path=", kModule, "'");
  Trust(machine, absl::StrCat("key --pkcs11 ", token, " --pin-file pin --public token.pub"));
  Trust(machine, "add-key root --root root-1.pb --public token.pub --out root-2.pb");
  SignOn({"root-1", "root-2"}, "root-2.pb", "root-1.pb");
  // Its first signature on a root of its own: root 3, with one other holder.
  Trust(machine, "key --out emergency-2.key");
  Trust(machine, "add-key emergency --root root-2.pb --public emergency-2.pub --out root-3.pb");
  Trust(machine, absl::StrCat("sign root-3.pb --previous root-2.pb --pin-file pin --key ", token));
  Carry("root-2.pb", "root-1", "root-2");
  Carry("root-3.pb", "root-1", "root-2");
  Trust(Machine("root-2"), "sign root-3.pb --key own.key --previous root-2.pb");
  Carry("root-3.pb", "root-2", "root-1");
  const Answer published = Publish("root-1", {"root-2.pb", "root-3.pb"});
  EXPECT_EQ(published.code(), 0) << published;
  EXPECT_TRUE(AgentGets("root", 3)) << laptop_.agent().Log();
}

// From nothing to a running controller, without a root key on its machine at any time.
TEST(ExternalRootTest, ACeremonyMakesATenant) {
  TestFolder folder;
  const std::string dir = folder.path() + "/tenant", room = folder.path() + "/room";
  auto directory =
      TestDirectory::Start(DirectoryKind::kLdif, folder.path(), {{"admin", "admin@mdm.test"}});
  ASSERT_TRUE(directory.ok()) << directory.status();
  const CommandResult init = RunCommand(
      {ProgramPath("musterd"), "init", "--dir", dir, "--tenant", "it", "--external-root"});
  ASSERT_EQ(init.exit_code, 0) << init;
  EXPECT_TRUE(absl::StrContains(init.out, "musterctl trust init")) << init;
  EXPECT_FALSE(fs::exists(dir + "/root-keys"));
  const std::string server = absl::StrCat("127.0.0.1:", FreePort());
  const std::string config = folder.path() + "/musterd.yaml";
  WriteWhole(config, absl::StrCat("listen: ", server, "\ndata_dir: tenant\ndirectory:\n",
                                  (*directory)->Config(), RolesConfig(),
                                  "  groups:\n    it-chat: ", kChatGroup, "\n"));
  const CommandResult early = RunCommand({ProgramPath("musterd"), "run", "--config", config});
  EXPECT_EQ(early.exit_code, 3) << early;
  EXPECT_TRUE(absl::StrContains(early.err, "musterctl trust init")) << early;

  fs::create_directories(room);
  for (const char* name : {"root-1", "root-2", "root-3", "emergency"}) {
    Trust(room, absl::StrCat("key --out ", name, ".key"));
  }
  for (const std::string role : {"policy", "assignment", "beacon", "log"}) {
    fs::copy_file(dir + "/keys/" + role + ".pub", room + "/" + role + ".pub");
  }
  Trust(room,
        "init --tenant it --out root-1.pb --root root-1.pub root-2.pub root-3.pub --policy "
        "policy.pub --assignment assignment.pub --beacon beacon.pub --log log.pub --emergency "
        "emergency.pub");
  Trust(room, "sign root-1.pb --key root-1.key");
  const CommandResult one = TrustIn(room, "publish --dir ../tenant root-1.pb");
  EXPECT_EQ(one.exit_code, 3) << one;
  Trust(room, "sign root-1.pb --key root-3.key");
  Trust(room, "publish --dir ../tenant root-1.pb");

  const CommandResult issued =
      RunCommand({ProgramPath("musterd"), "operator", "--dir", dir, "--name", "admin", "--upn",
                  "admin@mdm.test", "--server", server});
  ASSERT_EQ(issued.exit_code, 0) << issued;
  auto controller = Program::Start({ProgramPath("musterd"), "run", "--config", config},
                                   folder.path() + "/musterd.log");
  ASSERT_TRUE(controller.ok()) << controller.status();
  Json shown;
  EXPECT_TRUE(WaitUntil(kSoon, [&] {
    const CommandResult show =
        RunCommand({ProgramPath("musterctl"), "--profile", dir + "/operators/admin.yaml", "-o",
                    "json", "trust", "show"});
    shown = Json::parse(show.out, nullptr, false);
    return show.exit_code == 0;
  })) << ReadWhole(folder.path() + "/musterd.log");
  ASSERT_TRUE(shown.is_object());
  EXPECT_EQ(shown.value("version", 0), 1);
  EXPECT_EQ(shown.at("audit_log_keys").at(0).get<std::string>() + "\n",
            ReadWhole(dir + "/trust/audit-log.vkey"));
  EXPECT_EQ(shown["keys"].size(), 8U);
  EXPECT_EQ((*controller)->Stop(), 0);
}

}  // namespace
}  // namespace muster
