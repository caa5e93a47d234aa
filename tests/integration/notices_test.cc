// What a person sees when their app is blocked: a real agent, a real session bus. Needs root.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/session_bus.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less

TEST(NoticesTest, ABlockedPersonIsToldWhyByWhichPolicyAndHowToAsk) {
  TestAccounts accounts(2);
  TestTenant tenant(DirectoryKind::kLdif, accounts.name(0), accounts.name(1));
  TestLaptop laptop(tenant.folder());
  TestDesktops desktops(MUSTER_BIN_DIR);
  ASSERT_TRUE(tenant.ControllerRuns());
  tenant.ApplyPolicies(laptop.chat());
  const uid_t bob = accounts.uid(1);
  desktops.StartDesktop(bob, false);
  laptop.Join(tenant, kAlice);
  laptop.agent().Stop();
  laptop.agent().Start(
      {"--filesystems", laptop.mount(), "--run-user-dir", desktops.run_user_dir()});

  EXPECT_EQ(TryRun({laptop.chat()}, bob), Started::kBlocked);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return absl::StrContains(desktops.Shown(bob), "\nbody "); }))
      << laptop.agent().Log();
  std::string version;
  const Json status = laptop.agent().Status();
  for (const Json& document : status["documents"]) {
    if (document["name"] == "cohort/linux") version = document["version"].dump();
  }
  EXPECT_EQ(
      desktops.Shown(bob),
      absl::StrCat("app Muster\ntitle Test Chat was blocked\nbody Reason NO_GRANT: you have no "
                   "approval for it. Ask the service desk. Policy cohort/linux version ",
                   version, ". Why in full: muster-agent explain it-chat\n"));
  // And that very command, by that very person.
  const CommandResult why = laptop.agent().Ask({"explain", "it-chat"}, bob);
  EXPECT_EQ(why.exit_code, 0) << why;
  EXPECT_TRUE(absl::StartsWith(why.out, "BLOCK  NO_GRANT\n")) << why;
  EXPECT_TRUE(absl::StrContains(why.out, absl::StrCat("cohort/linux version ", version, ",")))
      << why;
  EXPECT_TRUE(absl::EndsWith(why.out, "\nAsk the service desk.\n")) << why;

  EXPECT_EQ(TryRun({laptop.editor()}, bob), Started::kRan);
  EXPECT_EQ(TryRun({laptop.chat()}, bob), Started::kBlocked);
  EXPECT_EQ(TryRun({laptop.chat()}, accounts.uid(0)), Started::kBlocked);
  laptop.agent().Stop();  // what it decided is told by then
  EXPECT_FALSE(absl::StrContains(desktops.Shown(bob).substr(5), "\napp ")) << "once is enough";
}

}  // namespace
}  // namespace muster
