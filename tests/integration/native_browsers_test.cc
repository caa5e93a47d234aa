// What `musterctl policy export` writes, in front of the programs it is for: a real Chromium and a
// real Firefox, offline and from a real controller, and OpenSSL for the signature. Needs root.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr char kWhatsApp[] = "web.whatsapp.com", kBelow[] = "login.web.whatsapp.com";
constexpr char kTelegram[] = "web.telegram.org", kOther[] = "open.example";
constexpr char kTime[] = "2026-11-28T08:00:00Z";

using Said = std::map<std::string, std::string>;  // host -> "open" or "blocked"; "policy"

const std::string& Policies() {
  static const std::string& kFolder =
      *new std::string(absl::StrCat(MUSTER_SOURCE_DIR, "/policies"));
  return kFolder;
}

std::string ShortOf(const std::string& browser, const std::string& said) {
  const std::string blocked = browser == "chromium" ? "net::ERR_BLOCKED_BY_ADMINISTRATOR"
                                                    : "about:neterror?e=blockedByPolicy";
  return absl::StrContains(said, blocked) ? "blocked" : said;
}

// A copy of this machine's /etc without browser policy, which only the browsers of a test see.
class BrowserMachine {
 public:
  explicit BrowserMachine(const std::string& folder) : folder_(folder) {
    EXPECT_EQ(RunCommand({"cp", "-a", "/etc", folder_}).exit_code, 0);
    fs::remove_all(folder_ + "/etc/chromium/policies");
    fs::remove_all(folder_ + "/etc/firefox");
    fs::create_directories(folder_ + "/etc/chromium/policies/managed");
    fs::create_directories(folder_ + "/etc/firefox/policies");
  }
  std::string File(const std::string& browser) const {
    return absl::StrCat(
        folder_, "/etc/", browser,
        browser == "chromium" ? "/policies/managed/zz-muster.json" : "/policies/policies.json");
  }
  // What the browser makes of the pages, and says of its policy.
  Said Open(const std::string& browser, const std::vector<std::string>& hosts) const {
    std::vector<std::string> argv = {"python3",
                                     MUSTER_SOURCE_DIR "/tests/integration/browser_probe.py",
                                     "--policy", browser, folder_ + "/etc"};
    argv.insert(argv.end(), hosts.begin(), hosts.end());
    CommandOptions options;
    options.deadline = absl::Minutes(3);
    const CommandResult result = RunCommand(argv, options);
    EXPECT_EQ(result.exit_code, 0) << result;
    Said out;
    const Json said = Json::parse(result.out, nullptr, false);
    if (!said.is_object()) return out;
    for (const auto& [host, word] : said.items()) {
      out[host] = ShortOf(browser, word.get<std::string>());
    }
    return out;
  }

 private:
  const std::string folder_;
};

CommandResult ExportOffline(std::vector<std::string> more) {
  std::vector<std::string> argv = {ProgramPath("musterctl"), "policy", "export", "-f", Policies()};
  argv.insert(argv.end(), more.begin(), more.end());
  return RunCommand(argv);
}

// Open without a policy, closed with ours alone, and nothing in ours that the browser minds.
void Story(const std::string& browser, const std::string& policy, const std::string& unknown,
           const std::string& complaint) {
  const TestFolder folder;
  const BrowserMachine machine(folder.path());
  const std::vector<std::string> hosts = {kWhatsApp, kBelow, kTelegram, kOther};
  EXPECT_EQ(machine.Open(browser, hosts), (Said{{kWhatsApp, "open"},
                                                {kBelow, "open"},
                                                {kTelegram, "open"},
                                                {kOther, "open"},
                                                {"policy", ""}}));
  const CommandResult made =
      ExportOffline({"--format", browser, "--out", machine.File(browser), "--generated-at", kTime});
  ASSERT_EQ(made.exit_code, 0) << made;
  EXPECT_EQ(machine.Open(browser, hosts), (Said{{kWhatsApp, "blocked"},
                                                {kBelow, "blocked"},
                                                {kTelegram, "blocked"},
                                                {kOther, "open"},
                                                {"policy", policy}}));
  // That a complaint would have been seen.
  WriteWhole(machine.File(browser), unknown);
  EXPECT_EQ(machine.Open(browser, {kOther}), (Said{{kOther, "open"}, {"policy", complaint}}));
}

TEST(NativeBrowsersTest, ChromiumRefusesWebClientsAndMindsNothingElse) {
  Story("chromium", "URLBlocklist: OK", R"({"Muster": 12, "URLBlocklist": ["web.whatsapp.com"]})",
        "URLBlocklist: OK\nMuster: Error");
}

TEST(NativeBrowsersTest, FirefoxRefusesWebClientsAndMindsNothingElse) {
  Story("firefox", "WebsiteFilter",
        R"({"policies": {"Muster": 12, "WebsiteFilter": {"Block": ["*://*.web.whatsapp.com/*"]}}})",
        "WebsiteFilter\nUnknown policy: Muster");
}

TEST(NativeExportTest, EqualInputGivesEqualBytes) {
  for (const char* format : {"apple-profile", "apple-declaration", "android-policy", "ws1-appgroup",
                             "chromium", "firefox"}) {
    const CommandResult once = ExportOffline({"--format", format, "--generated-at", kTime});
    EXPECT_EQ(once.exit_code, 0) << once;
    EXPECT_EQ(ExportOffline({"--format", format, "--generated-at", kTime}).out, once.out);
    EXPECT_NE(ExportOffline({"--format", format, "--generated-at", "2026-11-28T09:00:00Z"}).out,
              once.out);
  }
}

// A key of `algorithm` and its certificate.
void MakeSigner(const std::string& folder, const std::vector<std::string>& algorithm) {
  std::vector<std::string> argv = {"openssl", "req",
                                   "-x509",   "-nodes",
                                   "-keyout", folder + "/key.pem",
                                   "-out",    folder + "/cert.pem",
                                   "-days",   "2",
                                   "-subj",   "/CN=Profiles"};
  argv.insert(argv.end(), algorithm.begin(), algorithm.end());
  const CommandResult made = RunCommand(argv);
  ASSERT_EQ(made.exit_code, 0) << made;
  fs::permissions(folder + "/key.pem", fs::perms::owner_read | fs::perms::owner_write);
}

TEST(NativeExportTest, ASignedProfileHoldsTheUnsignedOne) {
  const std::vector<std::string> kAlgorithms[] = {
      {"-newkey", "rsa:2048"}, {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}};
  for (const std::vector<std::string>& algorithm : kAlgorithms) {
    const TestFolder folder;
    MakeSigner(folder.path(), algorithm);
    const std::string cert = folder.path() + "/cert.pem", signed_file = folder.path() + "/signed";
    const CommandResult made =
        ExportOffline({"--format", "apple-profile", "--generated-at", kTime, "--sign-cert", cert,
                       "--sign-key", folder.path() + "/key.pem", "--out", signed_file});
    ASSERT_EQ(made.exit_code, 0) << made;
    const auto verify = [&] {
      return RunCommand({"openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
                         signed_file, "-CAfile", cert, "-purpose", "any"});
    };
    const CommandResult verified = verify();
    EXPECT_EQ(verified.exit_code, 0) << verified;
    EXPECT_EQ(verified.out,
              ExportOffline({"--format", "apple-profile", "--generated-at", kTime}).out);
    std::string bytes = ReadWhole(signed_file);
    const size_t at = bytes.find("net.whatsapp.WhatsApp");
    ASSERT_NE(at, std::string::npos);
    bytes[at] = 'N';
    WriteWhole(signed_file, bytes);
    EXPECT_NE(verify().exit_code, 0);
  }
}

class OnlineExportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenant_.ControllerRuns());
    tenant_.Apply(Policies());
  }
  Answer Export(const std::string& role, std::vector<std::string> more) {
    more.insert(more.begin(), {"policy", "export", "--format", "chromium"});
    return tenant_.Ask(role, std::move(more));
  }
  TestTenant tenant_{DirectoryKind::kLdif, "alice", "bob"};
};

TEST_F(OnlineExportTest, AGrantOpensTheFileOfItsPersonAlone) {
  const BrowserMachine machine(tenant_.folder());
  const std::string file = machine.File("chromium");
  const std::vector<std::string> hosts = {kWhatsApp, kTelegram, kOther};
  tenant_.Grant(kAlice, "whatsapp");
  const Answer bobs = Export(kAdmin, {"--person", kBob, "--out", file});
  ASSERT_EQ(bobs.code(), 0) << bobs;
  EXPECT_GT(bobs.json["version"].get<uint64_t>(), 0u);
  EXPECT_EQ(bobs.json["person_upn"], kBob);
  EXPECT_EQ(machine.Open("chromium", hosts), (Said{{kWhatsApp, "blocked"},
                                                   {kTelegram, "blocked"},
                                                   {kOther, "open"},
                                                   {"policy", "URLBlocklist: OK"}}));
  const Answer alices = Export(kAdmin, {"--person", kAlice, "--out", file});
  ASSERT_EQ(alices.code(), 0) << alices;
  EXPECT_EQ(machine.Open("chromium", hosts), (Said{{kWhatsApp, "open"},
                                                   {kTelegram, "blocked"},
                                                   {kOther, "open"},
                                                   {"policy", "URLBlocklist: OK"}}));
  // Who asked for whose file is an entry.
  const Json entries = tenant_.Items({"audit", "list", "--verb", "read.export-policy"});
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_TRUE(absl::StrContains(
      entries[0]["query"].get<std::string>() + entries[1]["query"].get<std::string>(), kBob));
}

TEST_F(OnlineExportTest, TheControllerAndItsFilesSayTheSame) {
  const Answer online = Export(kAdmin, {"--out", tenant_.folder() + "/online.json"});
  ASSERT_EQ(online.code(), 0) << online;
  const CommandResult offline = ExportOffline({"--format", "chromium"});
  ASSERT_EQ(offline.exit_code, 0) << offline;
  const Json one = Json::parse(ReadWhole(tenant_.folder() + "/online.json"));
  const Json two = Json::parse(offline.out);
  EXPECT_EQ(one["URLBlocklist"], two["URLBlocklist"]);
  EXPECT_EQ(one["3rdparty"]["muster"]["policy"]["sha256"],
            two["3rdparty"]["muster"]["policy"]["sha256"]);
}

TEST_F(OnlineExportTest, RefusalsHaveTheirExitCodes) {
  EXPECT_EQ(Export(kServiceDesk, {}).code(), 4);
  EXPECT_EQ(Export(kAdmin, {"--person", "nobody@mdm.test"}).code(), 5);
  EXPECT_EQ(Export(kAdmin, {"--person", kBob, "-f", Policies()}).code(), 2);
}

}  // namespace
}  // namespace muster
