// Messages on a phone from the revocation to the records office's receipt, over the real programs:
// the app is hidden until they are safe, and taken away then. Needs root.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/laptop.h"
#include "tests/integration/phones.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kNewPhone[] = "a11ce000-0000-4000-8000-000000000009";
constexpr absl::Duration kSoonSafe = absl::Seconds(150);  // of a loaded machine

class BridgeRecordsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.Apply(absl::StrCat(MUSTER_SOURCE_DIR, "/policies"));
    fs::create_directories(Repository() + "/incoming");
    const std::string own = tenant_.folder() + "/policies";
    fs::create_directories(own);
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
    // Her phone is one without it.
    uem_.Post(absl::StrCat("phones/", kAlicesPhone, "/delete"), Json::object());
    uem_.Post("phones", {{"uuid", kNewPhone}, {"user", kAlice}, {"management", "SUPERVISED"}});
    ASSERT_EQ(bridge_.Enroll(bridge_.NewToken()).exit_code, 0);
    bridge_.Start();
  }
  std::string Repository() const { return tenant_.folder() + "/records"; }

  // "VERDICT STATE PRESENCE" of WhatsApp on Alice's phone, as the controller has it.
  std::string Phone() {
    for (const char* state : {"", "COMPLIANT"}) {
      std::vector<std::string> args = {"report", "phones", "--app", "whatsapp", "--person", kAlice};
      if (*state != 0) args.insert(args.end(), {"--state", state});
      const Json listed = tenant_.Get(kServiceDesk, args);
      for (const Json& row : listed.at("items")) {
        const Json& app = row["app"];
        return absl::StrCat(app.value("verdict", ""), " ", app.value("state", ""), " ",
                            app.value("presence", ""));
      }
    }
    return "none";
  }
  // With hints: a reading that came before the phone was seen again proves nothing, and without
  // them the next one may come an hour later.
  bool Becomes(const std::string& wanted) {
    return WaitUntil(kSoonSafe, [&] { return bridge_.Hint(kNewPhone) && Phone() == wanted; });
  }
  std::string Told() {
    return absl::StrCat(Phone(), "\n", tenant_.Get(kRecords, {"archive", "chats"}).dump(1),
                        ReadWhole(bridge_.log()), laptop_.agent().Log(), ReadWhole(tenant_.log()));
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
  TestUem uem_{tenant_.folder() + "/uem"};
  TestBridge bridge_{&tenant_, &uem_, tenant_.folder() + "/bridge"};
  std::string folder_;
};

TEST_F(BridgeRecordsTest, HiddenUntilTheMessagesAreSafeThenRemovedAndReadBack) {
  laptop_.Join(tenant_, kAlice);
  ASSERT_TRUE(Becomes("BLOCK COMPLIANT ABSENT")) << Told();
  uem_.Post(absl::StrCat("user-groups/", kUemGroup, "/directory"),
            {{"members", Json::array({kAlice})}});
  const std::string grant = tenant_.Grant(kAlice, "whatsapp");
  ASSERT_TRUE(Becomes("ALLOW COMPLIANT MANAGED")) << Told();
  ASSERT_TRUE(WaitUntil(kSoonSafe, [&] { return fs::exists(folder_); })) << Told();

  uem_.Post(absl::StrCat("user-groups/", kUemGroup, "/directory"), {{"members", Json::array()}});
  tenant_.Get(kApprover, {"grant", "revoke", grant, "--reason", "The need has ended"});
  ASSERT_TRUE(Becomes("BLOCK COMPLIANT HIDDEN")) << Told();
  EXPECT_EQ(uem_.WhatsAppOn(kNewPhone), "managed hidden");
  EXPECT_EQ(uem_.CallsTo("/uninstall"), 0u);

  // She exports what is on the phone, and the records office files it.
  const std::string chat = folder_ + "/WhatsApp Chat with Heron Circle.txt";
  WriteWhole(chat,
             "01/02/2026, 08:01 - Quentin Planted: at noon\n"
             "25/02/2026, 09:30 - +1 202 555 0143: agreed\n");
  ASSERT_EQ(chown(chat.c_str(), accounts_.uid(0), accounts_.uid(0)), 0);
  ASSERT_TRUE(WaitUntil(kSoonSafe, [&] {
    const Json chats = tenant_.Get(kRecords, {"archive", "chats"})["items"];
    return chats.size() == 1 && chats[0].value("bag_id", "") != "";
  })) << Told();
  EXPECT_EQ(uem_.CallsTo("/uninstall"), 0u);
  const Answer received = tenant_.Ask(kRecords, {"records", "receive", Repository(), "--key",
                                                 tenant_.data() + "/root-keys/records.key"});
  ASSERT_EQ(received.code(), 0) << received;
  ASSERT_TRUE(Becomes("BLOCK COMPLIANT ABSENT")) << Told();
  EXPECT_EQ(uem_.WhatsAppOn(kNewPhone), "absent");
  EXPECT_EQ(uem_.CallsTo("/uninstall"), 1u);
  EXPECT_EQ(bridge_.program().Stop(), 0) << ReadWhole(bridge_.log());
}

}  // namespace
}  // namespace muster
