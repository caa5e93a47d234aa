// Operators by directory password and by smart card, over real TLS. Needs root.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "tests/integration/tenant.h"

namespace muster {
namespace {

class SignInTest : public ::testing::TestWithParam<DirectoryKind> {
 protected:
  void SetUp() override { ASSERT_TRUE(tenant_.ControllerRuns()); }

  std::string WriteProfile(const std::string& role, const std::string& identity) {
    WriteWhole(tenant_.Profile(role),
               absl::StrCat("server: ", tenant_.server(), "\nca: ", tenant_.ca(), "\n", identity));
    return tenant_.Profile(role);
  }
  CommandResult Login(const std::string& account, const std::string& password) {
    const std::string profile = WriteProfile("by-password", "token: by-password.token\n");
    CommandOptions options;
    options.input = password + "\n";
    return RunCommand({ProgramPath("musterctl"), "--profile", profile, "login", "--user",
                       absl::StrCat(account, "@mdm.test"), "-o", "json"},
                      options);
  }
  Json You(const std::string& role) { return tenant_.Get(role, {"roles", "show"})["you"]; }

  TestTenant tenant_{GetParam(), "it-alice", "it-bob"};
};

INSTANTIATE_TEST_SUITE_P(Directories, SignInTest,
                         ::testing::Values(DirectoryKind::kLdaps, DirectoryKind::kSamba),
                         [](const auto& info) -> std::string {
                           return info.param == DirectoryKind::kSamba ? "Samba" : "SlapdLdaps";
                         });

TEST_P(SignInTest, ByPasswordUntilSignedOut) {
  const CommandResult in = Login("soc", PasswordOf("soc"));
  ASSERT_EQ(in.exit_code, 0) << in;
  const std::string token_file = tenant_.folder() + "/operators/by-password.token";
  struct stat st;
  ASSERT_EQ(stat(token_file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  const std::string token = ReadWhole(token_file).substr(0, 64);
  EXPECT_FALSE(absl::StrContains(in.out, token));
  const Json you = You("by-password");
  EXPECT_EQ(you["upn"], "soc@mdm.test");
  EXPECT_TRUE(absl::StartsWith(you["signed_in_by"].get<std::string>(), "password ")) << you;
  EXPECT_EQ(you["roles"], Json{"soc-approver"});
  // Enough to decide, and no more.
  tenant_.ApplyPolicies("/opt/it-chat/chat");
  const std::string request = tenant_.Submit(kAlice);
  EXPECT_EQ(
      tenant_.Ask("by-password", {"device", "token", "--platform", "linux", "--owner", kAlice})
          .code(),
      4);
  EXPECT_EQ(tenant_.Ask("by-password", {"request", "deny", request, "--reason", "x"}).code(), 0);
  const Json entries =
      tenant_.Items({"audit", "list", "--no-reads", "--object", "request/" + request});
  EXPECT_EQ(entries.back()["signed_in_by"], you["signed_in_by"]);
  EXPECT_EQ(tenant_.Ask("by-password", {"logout"}).code(), 0);
  WriteWhole(token_file, token + "\n", 0600);
  const Answer after = tenant_.Ask("by-password", {"app", "list"});
  EXPECT_EQ(after.code(), 4) << after;
  EXPECT_TRUE(absl::StrContains(after.command.err, "sign in again")) << after;
  EXPECT_FALSE(absl::StrContains(ReadWhole(tenant_.log()), PasswordOf("soc")));
  EXPECT_FALSE(absl::StrContains(ReadWhole(tenant_.log()), token));
}

TEST_P(SignInTest, WrongPasswordsLockTheAccountHere) {
  EXPECT_EQ(Login("soc", "").exit_code, 2);  // no anonymous bind
  for (uint32_t i = 0; i < limits::kSignInFailures; ++i) {
    const CommandResult wrong = Login("soc", "wrong");
    EXPECT_EQ(wrong.exit_code, 4) << wrong;
    EXPECT_TRUE(absl::StrContains(wrong.err, "the name or the password is wrong")) << wrong;
  }
  const CommandResult locked = Login("soc", PasswordOf("soc"));
  EXPECT_EQ(locked.exit_code, 4) << locked;
  EXPECT_TRUE(absl::StrContains(locked.err, "is locked until")) << locked;
  EXPECT_EQ(Login("soc2", PasswordOf("soc2")).exit_code, 0);
  const CommandResult no_role = Login("it-alice", PasswordOf("it-alice"));
  EXPECT_EQ(no_role.exit_code, 4) << no_role;
}

class CardTest : public SignInTest {
 protected:
  // An authority of the agency's, and cards of it.
  void SetUp() override {
    SignInTest::SetUp();
    Openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=Agency CA", "-keyout", File("ca.key"), "-out",
             File("ca.pem")});
  }
  std::string File(const std::string& name) { return tenant_.folder() + "/card-" + name; }
  static void Openssl(std::vector<std::string> args) {
    args.insert(args.begin(), "openssl");
    const CommandResult done = RunCommand(args);
    EXPECT_EQ(done.exit_code, 0) << done;
  }
  // Signed by card-<issuer>; the profile `card`.
  void MakeCard(const std::string& names, const std::string& issuer = "ca") {
    WriteWhole(File("ext"), absl::StrCat("extendedKeyUsage=clientAuth\n", names));
    Openssl({"req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Card", "-keyout",
             File("card.key"), "-out", File("card.csr")});
    Openssl({"x509", "-req", "-in", File("card.csr"), "-CA", File(issuer + ".pem"), "-CAkey",
             File(issuer + ".key"), "-CAcreateserial", "-days", "1", "-extfile", File("ext"),
             "-out", File("card.pem")});
    WriteProfile(
        "card", absl::StrCat("certificate: ", File("card.pem"), "\nkey: ", File("card.key"), "\n"));
  }
  static std::string Upn(const std::string& upn) {
    // Cards carry a URI of their own too.
    return absl::StrCat("subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:", upn,
                        ",URI:urn:uuid:6fd2c7f1-0000-4000-8000-000000000001\n");
  }
};

INSTANTIATE_TEST_SUITE_P(Directories, CardTest, ::testing::Values(DirectoryKind::kLdif),
                         [](const auto&) -> std::string { return "Ldif"; });

TEST_P(CardTest, ByTheNameOnTheCard) {
  MakeCard(Upn("SOC@mdm.test"));
  EXPECT_EQ(tenant_.Ask("card", {"roles", "show"}).code(), 4);  // no authority is trusted yet
  tenant_.RestartController(absl::StrCat("operators:\n  ca_file: ", File("ca.pem"), "\n"));
  EXPECT_EQ(You("card")["roles"], Json{"soc-approver"});
  EXPECT_EQ(You(kAdmin)["roles"], (Json{"trm-officer", "admin"}));  // Muster's own still count

  MakeCard("");  // no name
  const Answer nameless = tenant_.Ask("card", {"roles", "show"});
  EXPECT_EQ(nameless.code(), 4) << nameless;
  const std::string marker = "SHA-256 ";
  const size_t at = nameless.command.err.find(marker);
  ASSERT_NE(at, std::string::npos) << nameless;
  const std::string sha256 = nameless.command.err.substr(at + marker.size(), 64);
  tenant_.RestartController(absl::StrCat("operators:\n  ca_file: ", File("ca.pem"),
                                         "\n  certificates:\n    ", sha256, ": tsd@mdm.test\n"));
  EXPECT_EQ(You("card")["roles"], Json{"service-desk"});

  // Somebody else's authority, and a card that names two.
  Openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "2", "-subj", "/CN=Agency CA", "-keyout", File("other.key"), "-out",
           File("other.pem")});
  MakeCard(Upn("soc@mdm.test"), "other");
  EXPECT_EQ(tenant_.Ask("card", {"roles", "show"}).code(), 4);
  MakeCard(
      "subjectAltName=@n\n[n]\notherName.1=1.3.6.1.4.1.311.20.2.3;UTF8:soc@mdm.test\n"
      "otherName.2=1.3.6.1.4.1.311.20.2.3;UTF8:admin@mdm.test\n");
  EXPECT_EQ(tenant_.Ask("card", {"roles", "show"}).code(), 4);
}

TEST_P(CardTest, ARevokedCardIsNoLongerTaken) {
  MakeCard(Upn("soc@mdm.test"));
  WriteWhole(File("index"), "");
  WriteWhole(File("number"), "01\n");
  WriteWhole(File("cnf"), absl::StrCat("[ca]\ndefault_ca=d\n[d]\ndatabase=", File("index"),
                                       "\ncrlnumber=", File("number"),
                                       "\ndefault_md=sha256\ndefault_crl_days=1\n"));
  const auto list = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args = {"ca",           "-config",  File("cnf"),   "-cert",
                                     File("ca.pem"), "-keyfile", File("ca.key")};
    args.insert(args.end(), more.begin(), more.end());
    Openssl(args);
  };
  list({"-gencrl", "-out", File("crl.pem")});
  tenant_.RestartController(absl::StrCat("operators:\n  ca_file: ", File("ca.pem"),
                                         "\n  crl_file: ", File("crl.pem"), "\n"));
  EXPECT_EQ(You("card")["roles"], Json{"soc-approver"});
  list({"-revoke", File("card.pem")});
  list({"-gencrl", "-out", File("crl.pem")});
  const Answer revoked = tenant_.Ask("card", {"roles", "show"});  // without a restart
  EXPECT_EQ(revoked.code(), 4) << revoked;
  EXPECT_TRUE(absl::StrContains(revoked.command.err, "certificate revoked")) << revoked;
  WriteWhole(File("crl.pem"), "damaged");
  EXPECT_EQ(tenant_.Ask("card", {"roles", "show"}).code(), 4);
  EXPECT_EQ(tenant_.Ask(kAdmin, {"roles", "show"}).code(), 0);  // Muster's own do not need it
}

TEST_P(CardTest, AnAdminByCertificateAloneSetsUp) {
  const CommandResult issued =
      RunCommand({ProgramPath("musterd"), "operator", "--dir", tenant_.data(), "--name", "setup",
                  "--upn", "nobody@elsewhere.test", "--admin", "--server", tenant_.server(),
                  "--out", tenant_.folder() + "/operators"});
  ASSERT_EQ(issued.exit_code, 0) << issued;
  EXPECT_EQ(You("setup")["roles"], Json{"admin"});
  tenant_.ApplyPolicies("/opt/it-chat/chat");
  const std::string request = tenant_.Submit(kAlice);
  const Answer refused = tenant_.Ask("setup", {"request", "approve", request, "--reason", "x"});
  EXPECT_EQ(refused.code(), 4) << refused;
  EXPECT_TRUE(absl::StrContains(refused.command.err, "needs the role soc-approver")) << refused;
}

}  // namespace
}  // namespace muster
