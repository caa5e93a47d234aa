// The store of a running controller is checked and backed up; wiped and brought back it goes on,
// and an older copy is told by what was seen outside. Real programs; needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.ApplyPolicies(laptop_.chat());
    laptop_.Join(tenant_, kAlice);
  }

  CommandResult Musterd(std::vector<std::string> args) {
    args.insert(args.begin(), ProgramPath("musterd"));
    return RunCommand(args);
  }
  std::string Path(const std::string& name) { return absl::StrCat(tenant_.folder(), "/", name); }
  void ExpectClean() {
    const CommandResult got = Musterd({"fsck", "--dir", tenant_.data(), "-o", "json"});
    EXPECT_EQ(got.exit_code, 0) << got;
    const Json json = Json::parse(got.out, nullptr, false);
    EXPECT_EQ(json.value("clean", false), true) << got;
    EXPECT_EQ(json["findings"], Json::array());
    EXPECT_GT(json.value("log_size", 0), 10);
  }
  CommandResult Backup(const std::string& name) {
    return Musterd({"backup", "--config", Path("musterd.yaml"), "--out", Path(name)});
  }
  CommandResult Restore(const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"restore", "--dir", tenant_.data(), "--from", Path(name)});
    return Musterd(more);
  }
  std::vector<std::string> Partials() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(tenant_.folder())) {
      const std::string path = entry.path().string();
      if (absl::StrContains(path, ".partial-")) out.push_back(path);
    }
    return out;
  }
  bool StoreIsThere() { return std::filesystem::exists(tenant_.data() + "/db"); }
  uint64_t LogSizeOf(const std::string& backup) {
    return Json::parse(ReadWhole(Path(backup) + "/manifest.json"))["log_size"];
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

TEST_F(StoreTest, IsCheckedBackedUpWipedAndBroughtBack) {
  ExpectClean();
  const CommandResult first = Backup("first");
  ASSERT_EQ(first.exit_code, 0) << first;
  const std::string request = tenant_.Submit(kBob);
  const CommandResult second = Backup("second");
  ASSERT_EQ(second.exit_code, 0) << second;
  ExpectClean();
  EXPECT_EQ(Backup("second").exit_code, 3);  // it overwrites none

  tenant_.StopController();
  ExpectClean();
  EXPECT_EQ(Restore("second", {}).exit_code, 3);  // a store is there
  std::filesystem::remove_all(tenant_.data() + "/db");

  // What the later backup knows of the log shows what the earlier one lacks.
  const std::string seen = Path("second") + "/checkpoint";
  const CommandResult lacks = Restore("first", {"--witness", seen});
  EXPECT_EQ(lacks.exit_code, 3) << lacks;
  EXPECT_NE(lacks.err.find(absl::StrCat("entries ", LogSizeOf("first"), " to ",
                                        LogSizeOf("second") - 1, " of the audit log are missing")),
            std::string::npos)
      << lacks;
  EXPECT_FALSE(StoreIsThere());

  const CommandResult whole = Restore("second", {"--witness", seen});
  ASSERT_EQ(whole.exit_code, 0) << whole;
  EXPECT_NE(whole.out.find("nothing is missing up to"), std::string::npos) << whole;
  ExpectClean();
  tenant_.StartController();
  EXPECT_EQ(tenant_.RequestState(request), "AWAITING_APPROVAL");
  tenant_.Grant(kAlice);
  EXPECT_TRUE(tenant_.WaitForVerifiedPolicy(laptop_.device()));
  ExpectClean();
}

TEST_F(StoreTest, ALossThatIsAcceptedIsSaid) {
  ASSERT_EQ(Backup("first").exit_code, 0);
  tenant_.Submit(kBob);
  ASSERT_EQ(Backup("second").exit_code, 0);
  tenant_.StopController();
  std::filesystem::remove_all(tenant_.data() + "/db");
  const CommandResult got = Restore("first", {"--witness", Path("second"), "--accept-loss"});
  ASSERT_EQ(got.exit_code, 0) << got;
  EXPECT_NE(got.out.find("are missing"), std::string::npos) << got;
  EXPECT_NE(got.out.find("musterctl trust rotate log --compromised"), std::string::npos) << got;
  ExpectClean();
  tenant_.StartController();
}

TEST_F(StoreTest, WhatAKilledBackupLeftGoesWithTheNext) {
  // It waits for a key that nobody writes into the pipe, and so cannot come to its end.
  const std::string key = tenant_.data() + "/keys/log.key", kept = Path("log.key");
  std::filesystem::rename(key, kept);
  ASSERT_EQ(mkfifo(key.c_str(), 0600), 0);
  const auto first = Program::Start(
      {ProgramPath("musterd"), "backup", "--dir", tenant_.data(), "--out", Path("mon")},
      Path("backup.log"));
  ASSERT_TRUE(first.ok()) << first.status();
  int writer = -1;  // can be opened as soon as it reads
  EXPECT_TRUE(WaitUntil(absl::Seconds(150), [&] {
    writer = open(key.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return writer >= 0;
  })) << ReadWhole(Path("backup.log"));
  ASSERT_EQ(Partials().size(), 1u);
  std::filesystem::remove(key);
  std::filesystem::rename(kept, key);
  const std::string partial = Partials()[0];
  EXPECT_EQ(Backup("tue").exit_code, 0);
  EXPECT_EQ(Partials(), std::vector<std::string>{partial}) << "its backup still runs";
  (*first)->Kill();
  close(writer);
  EXPECT_EQ(Partials(), std::vector<std::string>{partial}) << "killed, it cleans nothing up";
  const CommandResult third = Backup("wed");
  EXPECT_EQ(third.exit_code, 0) << third;
  EXPECT_TRUE(absl::StrContains(third.out, absl::StrCat("removed ", partial))) << third;
  EXPECT_EQ(Partials(), std::vector<std::string>{});
}

}  // namespace
}  // namespace muster
