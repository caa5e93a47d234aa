// Web clients in a real Chromium and a real Firefox, from the policy that arrives at a real agent
// to the page that does not open. Needs root.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/laptop.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kSoon = absl::Seconds(150);  // of a loaded machine; usually far less
constexpr char kChat[] = "web.it-chat.example", kBelow[] = "login.web.it-chat.example";
constexpr char kWhatsApp[] = "web.whatsapp.com", kOther[] = "open.example";

using Pages = std::map<std::string, std::string>;  // host -> "open" or "blocked"

class BrowsersTest : public ::testing::Test {
 protected:
  // The laptop's /etc is a copy of this machine's, which only the browsers of this test see.
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    fs::create_directories(root());
    ASSERT_EQ(RunCommand({"cp", "-a", "/etc", root()}).exit_code, 0);
    fs::remove_all(etc() + "/chromium/policies");
    fs::remove_all(etc() + "/firefox");
    tenant_.ApplyPolicies(laptop_.chat());
    const std::string file = tenant_.folder() + "/policies/catalogue/it-chat.yaml";
    WriteWhole(file, absl::StrCat(ReadWhole(file), "web:\n  - host: ", kChat,
                                  "\n    verified: made by this test\n"));
    tenant_.Apply(tenant_.folder() + "/policies");
    EXPECT_EQ(tenant_.Get(kAdmin, {"app", "show", "it-chat"})["web_hosts"], Json::array({kChat}));
    WritePasswd({accounts_.name(0)});
  }

  std::string root() { return laptop_.agent().browser_root(); }
  std::string etc() { return root() + "/etc"; }
  std::string Chromium() { return etc() + "/chromium/policies/managed/zz-muster.json"; }
  std::string Firefox() { return etc() + "/firefox/policies/policies.json"; }
  std::string Passwd() { return tenant_.folder() + "/passwd"; }

  // The persons of this laptop.
  void WritePasswd(const std::vector<std::string>& names) {
    std::string text = "root:x:0:0::/root:/bin/bash\nbackup:x:1500:1500::/:/usr/sbin/nologin\n";
    for (size_t i = 0; i < names.size(); ++i) {
      absl::StrAppend(&text, names[i], ":x:", accounts_.uid(i), ":", accounts_.uid(i),
                      "::/:/bin/bash\n");
    }
    WriteWhole(Passwd(), text);
  }
  void Join() {
    const CommandResult enrolled = laptop_.agent().Enrol(tenant_, tenant_.NewToken(kAlice));
    ASSERT_EQ(enrolled.exit_code, 0) << enrolled;
    laptop_.agent().Start({"--filesystems", laptop_.mount(), "--passwd", Passwd()});
    ASSERT_TRUE(tenant_.WaitForVerifiedPolicy(laptop_.agent().DeviceId())) << laptop_.agent().Log();
  }

  // What the browser makes of the four pages. The browser's own word for a block counts alone.
  Pages Open(const std::string& browser) {
    const std::string blocked = browser == "chromium" ? "net::ERR_BLOCKED_BY_ADMINISTRATOR"
                                                      : "about:neterror?e=blockedByPolicy";
    const std::string probe =
        std::string(MUSTER_SOURCE_DIR) + "/tests/integration/browser_probe.py";
    CommandOptions options;
    options.deadline = absl::Minutes(3);
    const CommandResult result =
        RunCommand({"python3", probe, browser, etc(), kChat, kBelow, kWhatsApp, kOther}, options);
    EXPECT_EQ(result.exit_code, 0) << result;
    Pages out;
    const Json said = Json::parse(result.out, nullptr, false);
    if (!said.is_object()) return out;
    for (const auto& [host, word] : said.items()) {
      const std::string text = word.get<std::string>();
      out[host] = absl::StrContains(text, blocked) ? "blocked" : text;
    }
    return out;
  }
  static Pages Expect(const std::string& chat, const std::string& whatsapp) {
    return {{kChat, chat}, {kBelow, chat}, {kWhatsApp, whatsapp}, {kOther, "open"}};
  }
  bool Says(const std::string& file, const std::string& text, bool there) {
    return WaitUntil(kSoon, [&] { return absl::StrContains(ReadWhole(file), text) == there; });
  }
  std::vector<std::string> Tampering() {
    std::vector<std::string> out;
    const Json status = laptop_.agent().Status();
    for (const Json& t : status.value("tampering", Json::array())) {
      out.push_back(t.value("what", ""));
    }
    return out;
  }

  // Without policy, blocked, opened by a grant to the only person, and blocked again when a second
  // person comes.
  void Story(const std::string& browser, const std::string& file) {
    EXPECT_EQ(Open(browser), Expect("open", "open"));
    Join();
    EXPECT_TRUE(Says(file, kChat, true)) << laptop_.agent().Log();
    EXPECT_EQ(Open(browser), Expect("blocked", "blocked"));
    tenant_.Grant(kAlice);
    EXPECT_TRUE(Says(file, kChat, false)) << laptop_.agent().Log();
    EXPECT_EQ(Open(browser), Expect("open", "blocked"));
    WritePasswd({accounts_.name(0), accounts_.name(1)});
    EXPECT_TRUE(Says(file, kChat, true)) << laptop_.agent().Log();
    EXPECT_EQ(Tampering(), std::vector<std::string>{});
  }

  TestAccounts accounts_{2};
  TestTenant tenant_{DirectoryKind::kLdif, accounts_.name(0), accounts_.name(1)};
  TestLaptop laptop_{tenant_.folder()};
};

TEST_F(BrowsersTest, ChromiumFollowsThePolicy) { Story("chromium", Chromium()); }

TEST_F(BrowsersTest, FirefoxFollowsThePolicyBesideTheAgencysOwn) {
  fs::create_directories(etc() + "/firefox/policies");
  WriteWhole(Firefox(), R"({"policies":{"DisableTelemetry":true,"WebsiteFilter":{
    "Block":["*://ads.example/*"]}}})");
  Story("firefox", Firefox());
  EXPECT_TRUE(absl::StrContains(ReadWhole(Firefox()), "DisableTelemetry"));
  EXPECT_TRUE(absl::StrContains(ReadWhole(Firefox()), "*://ads.example/*"));
}

TEST_F(BrowsersTest, AnEditIsPutBackWithinASecondAndReported) {
  Join();
  ASSERT_TRUE(Says(Firefox(), kChat, true)) << laptop_.agent().Log();  // the last that is written
  const std::string chromium = ReadWhole(Chromium()), firefox = ReadWhole(Firefox());
  const auto back = [&] {
    return ReadWhole(Chromium()) == chromium && ReadWhole(Firefox()) == firefox;
  };
  const struct {
    const char* what;
    std::function<void()> change;
  } kChanges[] = {
      {"edited", [&] { WriteWhole(Chromium(), "{}"); }},
      {"removed", [&] { fs::remove(Firefox()); }},
      {"broken", [&] { WriteWhole(Firefox(), "{"); }},
      {"its directory is gone", [&] { fs::remove_all(etc() + "/chromium/policies"); }},
      {"all of it is moved away", [&] { fs::rename(etc() + "/firefox", etc() + "/firefox-old"); }},
  };
  for (const auto& c : kChanges) {
    const absl::Time start = absl::Now();
    c.change();
    EXPECT_TRUE(WaitUntil(kSoon, back)) << c.what << "\n" << laptop_.agent().Log();
    RecordProperty(c.what, absl::FormatDuration(absl::Now() - start));
  }
  const std::vector<std::string> said = Tampering();
  const std::vector<std::string> want = {
      "/etc/chromium/policies/managed/zz-muster.json was edited and has been put back",
      "/etc/firefox/policies/policies.json was removed and has been put back",
      "/etc/firefox/policies/policies.json was edited and has been put back",
      "/etc/chromium/policies/managed/zz-muster.json was removed and has been put back"};
  EXPECT_EQ(said, want);
  const Json status = laptop_.agent().Status();
  EXPECT_EQ(status["browser_files"], Json({"/etc/chromium/policies/managed/zz-muster.json",
                                           "/etc/opt/chrome/policies/managed/zz-muster.json",
                                           "/etc/opt/edge/policies/managed/zz-muster.json",
                                           "/etc/firefox/policies/policies.json"}));
  // Disarmed, nothing is blocked.
  EXPECT_EQ(laptop_.agent().Ask({"disarm", "--reason", "Wrong block"}).exit_code, 0);
  EXPECT_TRUE(WaitUntil(kSoon, [&] { return !fs::exists(Chromium()) && !fs::exists(Firefox()); }));
  EXPECT_EQ(Tampering(), want);
}

TEST_F(BrowsersTest, FilesOutliveACrashOfTheAgentAndHealWithItsStart) {
  Join();
  ASSERT_TRUE(Says(Chromium(), kChat, true)) << laptop_.agent().Log();
  laptop_.agent().Kill();
  EXPECT_TRUE(absl::StrContains(ReadWhole(Chromium()), kChat));
  WriteWhole(Chromium(), "{}");
  laptop_.agent().Start({"--filesystems", laptop_.mount(), "--passwd", Passwd()});
  EXPECT_TRUE(Says(Chromium(), kChat, true)) << laptop_.agent().Log();
  const std::vector<std::string> tampering = Tampering();
  ASSERT_EQ(tampering.size(), 2u);
  EXPECT_TRUE(absl::StartsWith(tampering[0], "the agent was ended without being stopped"));
  EXPECT_EQ(tampering[1],
            "/etc/chromium/policies/managed/zz-muster.json was edited and has been put back");
}

}  // namespace
}  // namespace muster
