// From a file in a person's folder to the records office's receipt, over the real programs; and
// that nothing a person wrote gets any further than that folder and the repository. Needs root.
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

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine
// A message, an author, a number and a chat: none may leave the laptop but for the repository.
const Lines kPlanted = {"Zebra rendezvous", "Quentin Planted", "202 555 0143", "Heron Circle"};

std::string EverythingBelow(const std::string& folder) {
  std::string out;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file()) out += ReadWhole(entry.path()) + "\n";
  }
  return out;
}

class ArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    // What is stored is searched as it was written.
    tenant_.ApplyPolicies(laptop_.chat());
    fs::create_directories(Repository() + "/incoming");
    const std::string own = tenant_.folder() + "/policies";
    WriteWhole(own + "/retention.yaml",
               absl::StrCat("time_zone: UTC\nfolders:\n  linux: Chat exports\nrepository:\n"
                            "  id: records-it\n  path: ",
                            Repository(), "\n"));
    tenant_.Apply(own);
    const std::string home = tenant_.folder() + "/home/" + accounts_.name(0);
    fs::create_directories(home);
    ASSERT_EQ(chown(home.c_str(), accounts_.uid(0), accounts_.uid(0)), 0);
    // The tenant's folder is root's alone; people reach their homes.
    chmod(tenant_.folder().c_str(), 0711);
    folder_ = home + "/Chat exports";
  }
  std::string Repository() const { return tenant_.folder() + "/records"; }
  void Drop(const std::string& name, const std::string& text) const {
    WriteWhole(folder_ + "/" + name, text);
    ASSERT_EQ(chown((folder_ + "/" + name).c_str(), accounts_.uid(0), accounts_.uid(0)), 0);
  }
  Json Exports() { return tenant_.Get(kRecords, {"archive", "chats"})["items"]; }
  Json LaptopSays() {
    const CommandResult said =
        laptop_.agent().Ask({"archive", "status", "-o", "json"}, accounts_.uid(0));
    return Json::parse(said.out, nullptr, false);
  }
  // All that the controller stores, logs and shows, and all that the agent sent or will send.
  std::string EverythingOutside() {
    return EverythingBelow(tenant_.data()) + ReadWhole(tenant_.log()) +
           EverythingBelow(laptop_.agent().state() + "/spool") + laptop_.agent().Log() +
           tenant_.Get(kAdmin, {"audit", "list"}).dump() + Exports().dump();
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
  std::string folder_;
};

TEST_F(ArchiveTest, FromTheFolderToTheReceipt) {
  laptop_.Join(tenant_, kAlice);
  tenant_.Grant(kAlice);
  ASSERT_TRUE(WaitUntil(kSoon, [&] { return fs::exists(folder_); })) << laptop_.agent().Log();
  Drop("WhatsApp Chat with Heron Circle.txt",
       "01/02/2026, 08:01 - Quentin Planted: Zebra rendezvous at noon\n"
       "25/02/2026, 09:30 - +1 202 555 0143: agreed\n");

  // E2: seen by the agent, known to the controller, packed for the records office.
  ASSERT_TRUE(WaitUntil(kSoon,
                        [&] {
                          const Json exports = Exports();
                          return exports.size() == 1 && exports[0].value("bag_id", "") != "";
                        }))
      << Exports().dump(1) << laptop_.agent().Log() << ReadWhole(tenant_.log());
  const Json seen = Exports()[0];
  EXPECT_EQ(seen["seen"]["participants"], 2);
  EXPECT_EQ(seen["seen"]["participant_keys"].size(), 2u);
  EXPECT_TRUE(fs::exists(Repository() + "/incoming/" + seen.value("bag_id", "")));
  EXPECT_EQ(LaptopSays()["chats"][0].value("chat", ""), "Heron Circle");

  // E3: the records office files it and signs; receipt at the controller and on the laptop.
  const Answer received = tenant_.Ask(kRecords, {"records", "receive", Repository(), "--key",
                                                 tenant_.data() + "/root-keys/records.key"});
  EXPECT_EQ(received.code(), 0) << received;
  EXPECT_TRUE(WaitUntil(kSoon,
                        [&] {
                          const Json chats = LaptopSays()["chats"];
                          return !chats.empty() && chats[0].value("receipted", false);
                        }))
      << LaptopSays().dump(1) << laptop_.agent().Log();

  // Nothing that anybody wrote is anywhere else.
  tenant_.StopController();
  tenant_.StartController();
  const std::string everything = EverythingOutside();
  for (const std::string& planted : kPlanted) {
    EXPECT_FALSE(absl::StrContains(everything, planted)) << planted;
  }
  EXPECT_TRUE(
      absl::StrContains(everything, seen["seen"]["participant_keys"][0].get<std::string>()));
}

// The search above can find what it looks for.
TEST_F(ArchiveTest, WhatIsPlantedInAHostnameIsFound) {
  const CommandResult enrolled =
      laptop_.agent().Enrol(tenant_, tenant_.NewToken(kAlice), {"--hostname", "Zebra rendezvous"});
  ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
  tenant_.StopController();
  tenant_.StartController();
  EXPECT_TRUE(absl::StrContains(EverythingBelow(tenant_.data()), "Zebra rendezvous"));
}

}  // namespace
}  // namespace muster
