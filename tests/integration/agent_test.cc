// What the agent does beside the main job: inventory, disarm, monitor, missing rights, and who a
// process's person is. Real programs, real fanotify on a tmpfs; needs root.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less

class AgentTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
  }

  uid_t alice() const { return accounts_.uid(0); }
  uid_t bob() const { return accounts_.uid(1); }
  Started Chat(uid_t uid, std::optional<uint32_t> login_uid = std::nullopt) {
    return TryRun({laptop_.chat()}, uid, login_uid);
  }
  bool Becomes(uid_t uid, Started wanted) {
    return WaitUntil(kSoon, [&] { return Chat(uid) == wanted; });
  }
  Json Device() { return tenant_.Get(kAdmin, {"device", "show", laptop_.device()}); }
  std::string Mode() { return Device().value("mode", ""); }
  bool ModeBecomes(const std::string& mode) {
    return WaitUntil(kSoon, [&] { return Mode() == mode; });
  }

  // Package -> app of everything that the controller knows to be installed.
  using Apps = std::map<std::string, std::string>;
  Apps Inventory() {
    Apps out;
    const Json device = Device();
    for (const Json& item : device["inventory"]) {
      out[item.value("package_id", "")] = item.value("app_id", "");
    }
    return out;
  }
  bool InventoryBecomes(const Apps& wanted) {
    return WaitUntil(kSoon, [&] { return Inventory() == wanted; });
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

TEST_F(AgentTest, InventoryFollowsPackagesAndCatalogue) {
  laptop_.InstallPackage("toxic", "0.11.1-3+b1");
  laptop_.InstallPackage("slack", "1:0.15.2-11");  // Debian's, which is no messenger
  laptop_.Join(tenant_, kAlice);
  EXPECT_TRUE(InventoryBecomes({{"toxic", "tox"}, {"slack", ""}}))
      << "installed before the agent knew any policy: " << Device()["inventory"];
  laptop_.InstallPackage("dino-im", "0.4.0-1");
  laptop_.InstallPackage("it-chat", "1");
  EXPECT_TRUE(
      InventoryBecomes({{"toxic", "tox"}, {"slack", ""}, {"dino-im", "dino"}, {"it-chat", ""}}))
      << Device()["inventory"];
  // The catalogue learns of a package that is here already.
  const std::string file = tenant_.folder() + "/policies/catalogue/it-chat.yaml";
  WriteWhole(file, ReadWhole(file) +
                       "  - platform: linux\n    dpkg: it-chat\n    verified: by this test\n");
  tenant_.Apply(tenant_.folder() + "/policies");
  EXPECT_TRUE(InventoryBecomes(
      {{"toxic", "tox"}, {"slack", ""}, {"dino-im", "dino"}, {"it-chat", "it-chat"}}))
      << Device()["inventory"];
  EXPECT_EQ(tenant_.Items({"device", "list", "--app", "it-chat"}).size(), 1u);
  laptop_.RemoveAllPackages();
  EXPECT_TRUE(InventoryBecomes({})) << Device()["inventory"];
  EXPECT_EQ(tenant_.Items({"device", "list", "--app", "tox"}).size(), 0u);
}

TEST_F(AgentTest, DisarmIsRootsAuditedAndTimed) {
  laptop_.Join(tenant_, kAlice);
  EXPECT_EQ(Chat(bob()), Started::kBlocked);
  const std::vector<std::string> disarm = {"disarm", "--reason", "Payroll program blocked"};
  const CommandResult refused = laptop_.agent().Ask(disarm, bob());
  EXPECT_EQ(refused.exit_code, 4) << refused;
  EXPECT_EQ(laptop_.agent().Ask({"disarm"}).exit_code, 2);
  EXPECT_EQ(laptop_.agent().Ask({"disarm", "--reason", "x", "--for", "9h"}).exit_code, 2);
  EXPECT_EQ(Chat(bob()), Started::kBlocked);

  const CommandResult done = laptop_.agent().Ask(disarm);
  EXPECT_EQ(done.exit_code, 0) << done;
  EXPECT_EQ(Chat(bob()), Started::kRan);
  EXPECT_TRUE(ModeBecomes("DISARMED"));
  const CommandResult rearmed =
      laptop_.agent().Ask({"disarm", "--rearm", "--reason", "The policy is corrected"});
  EXPECT_EQ(rearmed.exit_code, 0) << rearmed;
  EXPECT_EQ(Chat(bob()), Started::kBlocked);
  EXPECT_TRUE(ModeBecomes("ENFORCING"));

  EXPECT_EQ(laptop_.agent().Ask({"disarm", "--reason", "Briefly", "--for", "1s"}).exit_code, 0);
  EXPECT_TRUE(Becomes(bob(), Started::kBlocked)) << "the time is over";
  std::vector<std::string> reasons;
  for (const Json& entry :
       tenant_.Items({"audit", "list", "--object", "device/" + laptop_.device()})) {
    const std::string verb = entry.value("verb", "");
    if (verb == "device.disarm" || verb == "device.rearm") {
      reasons.push_back(absl::StrCat(verb, ": ", entry.value("reason", "")));
    }
  }
  ASSERT_GE(reasons.size(), 3u);
  reasons.resize(3);
  EXPECT_EQ(reasons, (std::vector<std::string>{"device.disarm: Payroll program blocked",
                                               "device.rearm: The policy is corrected",
                                               "device.disarm: Briefly"}));
}

TEST_F(AgentTest, ADisarmOutlivesARestartAndEndsInTime) {
  laptop_.Join(tenant_, kAlice);
  EXPECT_EQ(laptop_.agent().Ask({"disarm", "--reason", "Wrong block", "--for", "6s"}).exit_code, 0);
  laptop_.agent().Kill();
  laptop_.StartAgent();
  EXPECT_EQ(Chat(bob()), Started::kRan);
  EXPECT_TRUE(Becomes(bob(), Started::kBlocked));
  EXPECT_EQ(laptop_.agent().Status().value("mode", ""), "ENFORCING");
}

TEST_F(AgentTest, AMonitorOnlyReports) {
  // A program that stays: a monitor holds nobody up, and one that has ended was nobody known.
  std::filesystem::copy_file(std::filesystem::canonical("/bin/sleep"), laptop_.chat(),
                             std::filesystem::copy_options::overwrite_existing);
  laptop_.Join(tenant_, kAlice);
  EXPECT_EQ(TryRun({laptop_.chat(), "0"}, bob()), Started::kBlocked);
  laptop_.agent().Stop();
  laptop_.StartMonitor();
  const auto running = Program::Start(
      {"setpriv", absl::StrCat("--reuid=", bob()), "--clear-groups", laptop_.chat(), "60"},
      tenant_.folder() + "/chat.log");
  ASSERT_TRUE(running.ok()) << running.status();
  EXPECT_TRUE(ModeBecomes("MONITORING"));
  const auto reported = [&] {
    const Json device = Device();
    if (device["recent_execs"].empty()) return std::string();
    const Json& newest = device["recent_execs"][0]["item"];
    return absl::StrCat(newest.value("account_name", ""), " ", newest.value("verdict", ""), " ",
                        newest.value("denied", true) ? "denied" : "ran");
  };
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return reported() == accounts_.name(1) + " BLOCK ran"; }))
      << reported();
  EXPECT_TRUE((*running)->Running());
}

TEST_F(AgentTest, WithoutTheRightItSaysSoAndOnlyReports) {
  laptop_.Join(tenant_, kAlice);
  laptop_.agent().Stop();
  laptop_.StartAgent({"setpriv", "--bounding-set=-sys_admin"});
  EXPECT_EQ(Chat(bob()), Started::kRan);
  const Json status = laptop_.agent().Status();
  EXPECT_EQ(status.value("mode", ""), "REPORT_ONLY");
  EXPECT_TRUE(absl::StrContains(status["cannot_enforce"].dump(), "CAP_SYS_ADMIN")) << status;
  EXPECT_TRUE(ModeBecomes("REPORT_ONLY"));
}

TEST_F(AgentTest, ThePersonIsWhoLoggedIn) {
  laptop_.Join(tenant_, kAlice);
  tenant_.Grant(kAlice);
  EXPECT_TRUE(Becomes(alice(), Started::kRan));
  EXPECT_EQ(Chat(alice(), alice()), Started::kRan);
  EXPECT_EQ(Chat(bob(), bob()), Started::kBlocked);
  // One of the two is not who it says it is: nobody's entitlement counts.
  EXPECT_EQ(Chat(bob(), alice()), Started::kBlocked);
  EXPECT_EQ(Chat(alice(), bob()), Started::kBlocked);
  EXPECT_EQ(Chat(0, alice()), Started::kBlocked);
  EXPECT_EQ(Chat(0), Started::kBlocked);
}

TEST_F(AgentTest, EveryoneMayAskWhy) {
  laptop_.Join(tenant_, kAlice);
  const CommandResult own = laptop_.agent().Ask({"explain", "it-chat"}, bob());
  EXPECT_EQ(own.exit_code, 0) << own;
  EXPECT_TRUE(absl::StartsWith(own.out, "BLOCK  NO_GRANT\n")) << own;
  EXPECT_TRUE(absl::StrContains(own.out, "Ask the service desk.")) << own;
  EXPECT_EQ(laptop_.agent().Ask({"explain", "no-such-app"}, bob()).exit_code, 5);
  EXPECT_EQ(
      laptop_.agent().Ask({"explain", "it-chat", "--user", accounts_.name(0)}, bob()).exit_code, 4);
  EXPECT_EQ(laptop_.agent().Ask({"status"}, bob()).exit_code, 0);
}

}  // namespace
}  // namespace muster
