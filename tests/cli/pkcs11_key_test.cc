// A real token: SoftHSM2 in a temporary folder, keys made by pkcs11-tool.
#include "cli/pkcs11_key.h"

#include <sys/stat.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/trust_documents.h"
#include "tests/cli/fake_controller.h"

namespace muster::cli {
namespace {

constexpr char kModule[] = "/usr/lib/softhsm/libsofthsm2.so";

TEST(TokenUri, TheObjectAndItsModule) {
  const auto uri = ParseTokenUri("pkcs11:token=t;object=o?module-path=/a%20b.so", "/default.so");
  ASSERT_TRUE(uri.ok()) << uri.status();
  EXPECT_EQ(uri->object, "pkcs11:token=t;object=o");
  EXPECT_EQ(uri->module, "/a b.so");
  EXPECT_EQ(ParseTokenUri("pkcs11:object=o", "/default.so")->module, "/default.so");
}

TEST(TokenUri, Refusals) {
  for (const char* uri :
       {"pkcs11:object=o", "pkcs11:object=o?pin-value=1234&module-path=/m",
        "pkcs11:object=o?pin-source=file:/p&module-path=/m",
        "pkcs11:object=o;pin-value=1234?module-path=/m", "pkcs11:object=o?module-name=softhsm2"}) {
    EXPECT_EQ(ParseTokenUri(uri, "").status().code(), absl::StatusCode::kInvalidArgument) << uri;
  }
}

class TokenTest : public testing::Test {
 protected:
  TokenTest() {
    std::filesystem::create_directory(dir_ / "tokens");
    WriteFile(dir_ / "softhsm2.conf", absl::StrCat("directories.tokendir = ", dir_.string(),
                                                   "/tokens\nobjectstore.backend = file\n"));
    setenv("SOFTHSM2_CONF", (dir_ / "softhsm2.conf").c_str(), 1);
    Shell("softhsm2-util --init-token --free --label muster --pin 1234 --so-pin 5678");
    WriteSecret("pin", "1234\n");
    WriteSecret("wrong", "9999\n");
  }
  ~TokenTest() override { std::filesystem::remove_all(dir_); }

  void Shell(const std::string& command) const {
    const std::string all = absl::StrCat(command, " >", dir_.string(), "/log 2>&1");
    ASSERT_EQ(std::system(all.c_str()), 0) << command;
  }
  void MakeKey(const std::string& kind, const std::string& label) const {
    Shell(absl::StrCat("pkcs11-tool --module ", kModule,
                       " --token-label muster --login --pin 1234 --keypairgen --key-type ", kind,
                       " --label ", label, " --id 0", label.size()));
  }
  void WriteSecret(const std::string& name, const std::string& text) const {
    WriteFile(dir_ / name, text);
    chmod((dir_ / name).c_str(), 0600);
  }
  std::string Path(const std::string& name) const { return (dir_ / name).string(); }
  static std::string Uri(const std::string& label) {
    return absl::StrCat("pkcs11:token=muster;object=", label, "?module-path=", kModule);
  }
  Ran Trust(std::vector<std::string> args) {
    args.insert(args.begin(), "trust");
    args.insert(args.end(), {"-o", "json"});
    return RunCtl(&controller_, args);
  }

  std::filesystem::path dir_ = TempFolder();
  FakeController controller_;
};

// One test: the engine keeps a token's login for the life of the process.
TEST_F(TokenTest, SignsARootAndSaysWhatIsWrong) {
  MakeKey("EC:prime256v1", "root");
  const std::string uri = Uri("root");
  Ran ran = Trust({"key", "--pkcs11", uri, "--public", Path("x.pub")});
  EXPECT_EQ(ran.code, kExitUsage) << "no PIN file";
  ran = Trust({"key", "--pkcs11", uri, "--public", Path("x.pub"), "--pin-file", Path("wrong")});
  EXPECT_EQ(ran.code, kExitNotAllowed);
  EXPECT_TRUE(absl::StartsWith(ran.err, "musterctl: the token refuses the PIN: PIN incorrect"))
      << ran.err;
  EXPECT_FALSE(std::filesystem::exists(Path("x.pub")));

  for (const char* name : {"r2", "policy", "assignment", "beacon", "emergency"}) {
    ASSERT_EQ(Trust({"key", "--out", Path(name)}).code, 0);
  }
  ran = Trust({"key", "--pkcs11", uri, "--public", Path("r1.pub"), "--pin-file", Path("pin")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const std::string id = Json::parse(ran.out).at("key_id");
  ran =
      Trust({"init", "--tenant", "agency", "--out", Path("root.pb"), "--root", Path("r1.pub"),
             Path("r2.pub"), "--policy", Path("policy.pub"), "--assignment", Path("assignment.pub"),
             "--beacon", Path("beacon.pub"), "--emergency", Path("emergency.pub")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  ASSERT_EQ(Trust({"sign", Path("root.pb"), "--key", Path("r2")}).code, 0);
  ran = Trust({"sign", Path("root.pb"), "--key", uri, "--pin-file", Path("pin")});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(Json::parse(ran.out).at("accepted"), "OK");
  EXPECT_EQ(ReadTrustDocument(Path("root.pb"))->signatures(1).key_id(), id);

  ran = Trust({"sign", Path("root.pb"), "--key", Uri("none"), "--pin-file", Path("pin")});
  EXPECT_EQ(ran.code, kExitNotFound);
  EXPECT_TRUE(absl::StrContains(ran.err, "a token for Muster holds P-256 keys only")) << ran.err;
}

}  // namespace
}  // namespace muster::cli
