// `musterctl policy export`: where the file goes, what is said beside it, and what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/native_sign.h"
#include "common/time_proto.h"
#include "tests/agent/certificates.h"
#include "tests/cli/fake_controller.h"
#include "tests/support/now.h"

namespace muster::cli {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

v1::ExportPolicyResponse Answered() {
  v1::ExportPolicyResponse out;
  out.set_file("{\"a\":1}\n");
  out.set_media_type("application/json");
  out.set_sha256("ab12");
  out.set_version(12);
  *out.mutable_generated_at() = ToProto(kNow);
  out.add_notes("Not everything.");
  return out;
}

Ran Online(const Strings& more) {
  FakeController controller;
  controller.Answer(Answered());
  Strings args = {"policy", "export", "--format", "chromium"};
  args.insert(args.end(), more.begin(), more.end());
  return RunCtl(&controller, args);
}

std::string Read(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class Folder {
 public:
  Folder() : path(TempFolder()) {}
  ~Folder() { fs::remove_all(path); }
  const fs::path path;
};

fs::path Policies(const Folder& folder) {
  const fs::path out = folder.path / "policies";
  WriteFile(out / "catalogue/tox.yaml",
            "id: tox\nname: Tox\nidentities:\n  - platform: ios\n    bundle: chat.tox.app\n"
            "    verified: made by this test\n"
            "web:\n  - host: web.tox.example\n    verified: made by this test\n");
  WriteFile(out / "blocklist.yaml", "apps: [tox]\n");
  return out;
}

TEST(PolicyExport, TheFileHasStandardOutputToItself) {
  const Ran ran = Online({});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "{\"a\":1}\n");
  EXPECT_EQ(ran.err,
            "note: Not everything.\n"
            "chromium for nobody in particular, policy version 12, generated "
            "2027-01-15T08:00:00Z, 8 bytes, unsigned, SHA-256 ab12\n");
}

TEST(PolicyExport, IntoAFileWholeOrNotAtAll) {
  const Folder folder;
  const std::string file = folder.path / "policy.json";
  WriteFile(file, "before");
  const Ran ran = Online({"--person", "a@x", "--out", file});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(Read(file), "{\"a\":1}\n");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms(0644));
  EXPECT_TRUE(absl::StrContains(ran.err, absl::StrCat("chromium for a@x, policy version 12, ")));
  EXPECT_TRUE(absl::EndsWith(ran.err, absl::StrCat(": written to ", file, "\n")));
  EXPECT_EQ(Online({"--out", folder.path / "none/policy.json"}).code, kExitUsage);
}

TEST(PolicyExport, ForProgramsEverythingInOneObject) {
  const Json said = Json::parse(Online({"-o", "json"}).out);
  EXPECT_EQ(said, Json::parse(R"({"format":"chromium","media_type":"application/json",
    "sha256":"ab12","version":12,"generated_at":"2027-01-15T08:00:00Z",
    "notes":["Not everything."],"person_upn":"","signed":false,"bytes":8,
    "file_base64":"eyJhIjoxfQo="})"));
  const Folder folder;
  const std::string file = folder.path / "policy.json";
  const Json written = Json::parse(Online({"-o", "json", "--out", file}).out);
  EXPECT_EQ(written["out"], file);
  EXPECT_FALSE(written.contains("file_base64"));
}

TEST(PolicyExport, OfflineNeedsNoController) {
  const Folder folder;
  FakeController controller;
  const Strings args = {
      "policy",         "export",   "--format", "chromium",       "-f",
      Policies(folder), "--tenant", "agency",   "--generated-at", "2027-01-15T08:00:00Z"};
  const Ran ran = RunCtl(&controller, args);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(controller.calls, Strings{});
  const Json file = Json::parse(ran.out);
  EXPECT_EQ(file["URLBlocklist"], Json::array({"web.tox.example"}));
  EXPECT_EQ(file["3rdparty"]["muster"]["policy"]["tenant"], "agency");
  EXPECT_EQ(file["3rdparty"]["muster"]["policy"]["generated_at"], "2027-01-15T08:00:00Z");
  EXPECT_TRUE(absl::StrContains(ran.err, "no policy version")) << ran.err;
  EXPECT_EQ(RunCtl(&controller, args).out, ran.out);
}

TEST(PolicyExport, BadPolicyFilesGiveNoFile) {
  const Folder folder;
  const fs::path policies = Policies(folder);
  WriteFile(policies / "blocklist.yaml", "apps: [tox, unheard-of]\n");
  FakeController controller;
  const std::string out = folder.path / "out";
  const Ran ran = RunCtl(
      &controller, {"policy", "export", "--format", "chromium", "-f", policies, "--out", out});
  EXPECT_EQ(ran.code, kExitUsage);
  EXPECT_TRUE(absl::StrContains(ran.err, "error: blocklist.yaml:1:13: app 'unheard-of'"))
      << ran.err;
  EXPECT_TRUE(absl::StrContains(ran.err, "nothing was exported")) << ran.err;
  EXPECT_FALSE(fs::exists(out));
}

TEST(PolicyExport, RefusesWhatDoesNotGoTogether) {
  const Folder folder;
  const std::string policies = Policies(folder);
  const std::pair<Strings, const char*> kCases[] = {
      {{"--format", "pdf"},
       "'pdf' is none of apple-profile, apple-declaration, android-policy, "
       "ws1-appgroup, chromium, firefox"},
      {{"--format", ""}, "--format: must not be empty"},
      {{}, "--format is required"},
      {{"--format", "firefox", "-f", policies, "--person", "a@x"},
       "who holds a grant is known to the controller only"},
      {{"--format", "firefox", "--generated-at", "2027-01-15T08:00:00Z"}, "go with -f alone"},
      {{"--format", "firefox", "--tenant", "t"}, "go with -f alone"},
      {{"--format", "firefox", "-f", policies, "--generated-at", "noon"}, "'noon' is not a time"},
      {{"--format", "firefox", "--sign-cert", "c", "--sign-key", "k"},
       "only apple-profile can be signed"},
      {{"--format", "apple-profile", "--sign-cert", "c"}, "a signature takes both"},
      {{"--format", "apple-profile", "--sign-key", "k"}, "a signature takes both"},
      {{"--format", "firefox", "--person", ""}, "it is empty"},
      {{"--format", "apple-profile", "--sign-cert", "/none", "--sign-key", "/none"},
       "cannot read the signing certificate /none"},
  };
  for (const auto& [more, want] : kCases) {
    FakeController controller;
    Strings args = {"policy", "export"};
    args.insert(args.end(), more.begin(), more.end());
    const Ran ran = RunCtl(&controller, args);
    EXPECT_EQ(ran.code, kExitUsage) << want;
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(absl::StrContains(ran.err, want)) << ran.err;
    EXPECT_EQ(controller.calls, Strings{});
  }
}

// That a signature verifies is tests/integration/native_browsers_test.cc.
TEST(ProfileSigner, RefusesWhatDevicesWouldRefuse) {
  const Folder folder;
  const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
  const PrivateKey other = *PrivateKey::Generate(kEcdsaP256Sha256);
  const auto write = [&](const std::string& name, const std::string& text) {
    WriteFile(folder.path / name, text);
    fs::permissions(folder.path / name, fs::perms(0600));
    return (folder.path / name).string();
  };
  const absl::Time until = kNow + absl::Hours(1);
  const std::string cert =
      write("cert", agent::TestCertificate(key, "signer", kNow - absl::Hours(1), until));
  const std::string key_file = write("key", *key.ToPem());
  const std::string other_file = write("other", *other.ToPem());
  const std::string open_file = write("open", *key.ToPem());
  fs::permissions(open_file, fs::perms(0640));
  const auto code = [&](const std::string& c, const std::string& k, absl::Time now) {
    return LoadProfileSigner(c, k, now).status().code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kNotNow = absl::StatusCode::kFailedPrecondition;
  EXPECT_EQ(code(cert, key_file, kNow), absl::StatusCode::kOk);
  EXPECT_EQ(code(cert, key_file, until), kNotNow);
  EXPECT_EQ(code(cert, key_file, kNow - absl::Hours(2)), kNotNow);
  EXPECT_EQ(code(cert, open_file, kNow), kNotNow);
  EXPECT_EQ(code(cert, other_file, kNow), kInvalid);
  EXPECT_EQ(code(key_file, key_file, kNow), kInvalid);
  EXPECT_EQ(code(cert, cert, kNow), kInvalid);
  EXPECT_EQ(code(cert, folder.path / "none", kNow), kInvalid);
  EXPECT_EQ(code(folder.path, key_file, kNow), kInvalid);
}

// A program that runs for months signs with what it read at its start.
TEST(ProfileSigner, LooksAtTheDatesEachTimeAndWarnsBeforeTheEnd) {
  const PrivateKey key = *PrivateKey::Generate(kEcdsaP256Sha256);
  const absl::Time from = absl::FromUnixSeconds(1'800'000'000);
  const absl::Time until = from + absl::Hours(24 * 365);
  const auto signer = ProfileSigner::New({"c.pem", agent::TestCertificate(key, "s", from, until)},
                                         {"k.pem", *key.ToPem()});
  ASSERT_TRUE(signer.ok()) << signer.status();
  const std::string refusal =
      absl::StrCat("the signing certificate c.pem holds from ", TimeText(from), " to ",
                   TimeText(until), ": devices refuse what it signs; take one that holds now");
  const auto days_left = [&](int days) {
    return absl::StrCat("the signing certificate c.pem holds until ", TimeText(until), ", for ",
                        days, " more days: then nothing is signed any more; take a newer one");
  };
  struct Row {
    absl::Time now;
    bool signs;
    std::string trouble;
  };
  const Row kRows[] = {
      {from - absl::Seconds(1), false, refusal},
      {from, true, ""},
      {until - absl::Hours(24 * 30) - absl::Seconds(1), true, ""},
      {until - absl::Hours(24 * 30), true, days_left(30)},
      {until - absl::Hours(24 * 12) - absl::Hours(3), true, days_left(12)},
      {until - absl::Seconds(1), true, days_left(0)},
      {until, false, refusal},
  };
  for (const Row& row : kRows) {
    const auto got = signer->Sign("profile", row.now);
    EXPECT_EQ(got.status(), row.signs ? absl::OkStatus() : absl::FailedPreconditionError(refusal));
    EXPECT_EQ(signer->Trouble(row.now), row.trouble) << row.now;
  }
}

}  // namespace
}  // namespace muster::cli
