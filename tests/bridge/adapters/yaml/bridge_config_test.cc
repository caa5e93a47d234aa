#include "bridge/adapters/yaml/bridge_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tests/support/temp_dir.h"

namespace muster::bridge {
namespace {

constexpr char kFile[] = "/etc/muster/bridge.yaml";

constexpr char kUem[] =
    "uem:\n"
    "  url: https://uem.example\n"
    "  token_url: https://token.example/connect/token\n"
    "  client_id_file: client-id\n"
    "  client_secret_file: /run/secret\n"
    "  tenant_code_file: tenant-code\n"
    "  organization_group: 570\n";

constexpr char kWhole[] =
    "uem:\n"
    "  kind: workspace-one\n"
    "  url: https://uem.example/\n"
    "  token_url: https://token.example/connect/token\n"
    "  client_id_file: client-id\n"
    "  client_secret_file: /run/secret\n"
    "  tenant_code_file: tenant-code\n"
    "  ca_file: ca.pem\n"
    "  organization_group: 570\n"
    "  organization_group_uuid: 0A1B2C3D-0000-4000-8000-000000000001\n"
    "  per_minute: 300\n"
    "  per_day: 50000\n"
    "  reserve_percent: 20\n"
    "  parallel: 8\n"
    "  android_management: by-ownership\n"
    "apps:\n"
    "  - app: whatsapp\n"
    "    ios: {kind: purchased, id: 0a1b2c3d-0000-4000-8000-0000000000aa, bundle: net.w.W}\n"
    "    android: {id: 301, bundle: com.w}\n"
    "    user_group: 0A1B2C3D-0000-4000-8000-0000000000CC\n"
    "    user_group_number: 9\n"
    "  - app: own\n"
    "    android: {kind: internal, id: 7, bundle: com.own}\n"
    "  - app: bare\n"
    "profile_signing:\n"
    "  certificate_file: sign.pem\n"
    "  key_file: sign.key\n"
    "hints:\n"
    "  listen: '[::]:8447'\n"
    "  user: uem\n"
    "  password_file: hint-password\n"
    "  certificate_file: hint.pem\n"
    "  key_file: hint.key\n"
    "sweep_every: 90m\nlist_every: 2m\n";

std::string Shown(const std::optional<ManagedApp>& app) {
  if (!app.has_value()) return "none";
  return absl::StrCat(app->app_id, " ", v1::Platform::Id_Name(app->platform), " ",
                      static_cast<int>(app->kind), " ", app->uem_id, " ", app->bundle_id);
}

TEST(BridgeConfig, EveryKeyIsRead) {
  const auto config = ParseBridgeConfig(kFile, kWhole);
  ASSERT_TRUE(config.ok()) << config.status();
  const auto& uem = config->uem;
  EXPECT_EQ(absl::StrJoin({uem.url, uem.token_url, uem.client_id_file, uem.client_secret_file,
                           uem.tenant_code_file, uem.ca_file, uem.organization_group_uuid,
                           uem.android_management},
                          "\n"),
            "https://uem.example\nhttps://token.example/connect/token\n/etc/muster/client-id\n"
            "/run/secret\n/etc/muster/tenant-code\n/etc/muster/ca.pem\n"
            "0a1b2c3d-0000-4000-8000-000000000001\nby-ownership");
  EXPECT_EQ(uem.organization_group, 570u);
  EXPECT_EQ(config->pace.per_minute, 300u);
  EXPECT_EQ(config->pace.per_day, 50'000u);
  EXPECT_EQ(config->pace.reserve_percent, 20u);
  EXPECT_EQ(config->pace.parallel, 8u);
  EXPECT_EQ(config->sweep_every, absl::Minutes(90));
  EXPECT_EQ(config->list_every, absl::Minutes(2));
  ASSERT_EQ(config->apps.size(), 3u);
  EXPECT_EQ(Shown(config->apps[0].ios),
            "whatsapp IOS 1 0a1b2c3d-0000-4000-8000-0000000000aa net.w.W");
  EXPECT_EQ(Shown(config->apps[0].android), "whatsapp ANDROID 0 301 com.w");
  EXPECT_EQ(config->apps[0].user_group, "0a1b2c3d-0000-4000-8000-0000000000cc");
  const std::map<std::string, uint64_t> numbers = {{"0a1b2c3d-0000-4000-8000-0000000000cc", 9}};
  EXPECT_EQ(config->user_group_numbers, numbers);
  EXPECT_EQ(Shown(config->apps[1].ios) + Shown(config->apps[1].android),
            "noneown ANDROID 2 7 com.own");
  EXPECT_EQ(config->apps[2].app_id + config->apps[2].user_group, "bare");
  ASSERT_TRUE(config->profile_signing && config->hints && config->hints->tls);
  EXPECT_EQ(config->profile_signing->certificate_file + config->profile_signing->key_file,
            "/etc/muster/sign.pem/etc/muster/sign.key");
  EXPECT_EQ(absl::StrCat(config->hints->address, " ", config->hints->port, " ", config->hints->user,
                         " ", config->hints->password_file, " ",
                         config->hints->tls->certificate_file, " ", config->hints->tls->key_file),
            ":: 8447 uem /etc/muster/hint-password /etc/muster/hint.pem /etc/muster/hint.key");
}

TEST(BridgeConfig, WhatIsLeftOutHasItsDefault) {
  const auto config = ParseBridgeConfig("bridge.yaml", kUem);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->uem.client_id_file, "client-id");
  EXPECT_EQ(config->uem.android_management, "unknown");
  EXPECT_EQ(config->pace.per_minute, PacerOptions().per_minute);
  EXPECT_EQ(config->sweep_every, absl::Hours(6));
  EXPECT_EQ(config->list_every, absl::Minutes(15));
  EXPECT_TRUE(config->apps.empty());
  EXPECT_FALSE(config->profile_signing || config->hints);
}

// A file with the one thing wrong.
struct Wrong {
  std::string text, want;
};

std::string With(const std::string& from, const std::string& to) {
  return absl::StrReplaceAll(kWhole, {{from, to}});
}

TEST(BridgeConfig, EachMistakeIsNamedWhereItStands) {
  const Wrong kCases[] = {
      {"", "1:1: the file is empty"},
      {"- a\n", "1:1: the file must be a map (key: value lines)"},
      {"apps: []\n", "1:1: the file has no 'uem'"},
      {With("  per_day: 50000", "  per_dy: 50000"),
       "12:3: unknown key 'per_dy' in uem; known are kind, url, token_url, client_id_file, "
       "client_secret_file, tenant_code_file, ca_file, organization_group, "
       "organization_group_uuid, android_management, personal_apps, per_minute, per_day, "
       "reserve_percent, parallel"},
      {With("sweep_every: 90m", "sweep: 90m"),
       "34:1: unknown key 'sweep' in the file; known are uem, apps, profile_signing, hints, "
       "list_every, sweep_every"},
      {With("kind: workspace-one", "kind: intune"), "2:3: 'kind' must be workspace-one"},
      {With("url: https://uem.example/", "url: http://uem.example"),
       "3:3: 'url' must be https://: http:// goes to this machine only"},
      {With("url: https://uem.example/", "url: http://127.0.0.1.evil.example"),
       "3:3: 'url' must be https://: http:// goes to this machine only"},
      {With("url: https://uem.example/", "url: https://me:pass@uem.example"),
       "3:3: 'url' must name a host, and no user or password"},
      {With("url: https://uem.example/", "url: https://uem.example/api"),
       "3:3: 'url' must be the host alone: the bridge adds /api/..."},
      {With("url: https://uem.example/", "url: ftp://uem.example"),
       "3:3: 'url' must begin with https://"},
      {With("connect/token", "connect?x"),
       "4:3: 'token_url' must have no blank, query or fragment"},
      {With("  client_secret_file: /run/secret\n", ""), "2:3: uem has no 'client_secret_file'"},
      {With("organization_group: 570", "organization_group: HQ"),
       "9:3: 'organization_group' must be a number from 1 to 1000000000"},
      {With("organization_group: 570", "organization_group: 0"),
       "9:3: 'organization_group' must be a number from 1 to 1000000000"},
      {With("reserve_percent: 20", "reserve_percent: 95"),
       "13:3: 'reserve_percent' must be a number from 0 to 90"},
      {With("by-ownership", "owner"),
       "15:3: 'android_management' must be one of unknown, by-ownership, by-ownership-cope"},
      {With("app: own", "app: Own"),
       "22:5: 'app' must be the app's id in the catalogue: a-z, 0-9 and -"},
      {With("app: own", "app: whatsapp"), "22:5: 'app' is there twice: whatsapp"},
      {With("id: 301, ", ""), "19:14: android: 'id' must be given: the app's number in the UEM"},
      {With("id: 301", "id: x"), "19:15: 'id' must be a number from 1 to 1000000000"},
      {With("{id: 301", "{kind: purchased, id: 0a1b2c3d-0000-4000-8000-0000000000aa"),
       "19:15: 'kind' purchased is for iOS only"},
      {With("0a1b2c3d-0000-4000-8000-0000000000aa", "301"),
       "18:28: 'id' must be a UUID, as the UEM shows it: 8-4-4-4-12 hex digits"},
      {With("    user_group: 0A1B2C3D-0000-4000-8000-0000000000CC\n", ""),
       "20:5: 'user_group_number' is of use with 'user_group' alone"},
      {With("  key_file: sign.key\n", ""), "26:3: profile_signing has no 'key_file'"},
      {With("  key_file: hint.key\n", ""),
       "29:3: hints: 'key_file' must be given: a certificate and its key belong together"},
      {With("  certificate_file: hint.pem\n  key_file: hint.key\n", ""),
       "29:3: 'listen' is no address of this machine alone: add certificate_file and key_file, or "
       "the password crosses the network in the clear"},
      {With("'[::]:8447'", "localhost"),
       "29:3: 'listen' must be an IP address and a port, like 127.0.0.1:8447"},
      {With("'[::]:8447'", "127.0.0.1:99999"),
       "29:3: 'listen' must be an IP address and a port, like 127.0.0.1:8447"},
      {With("sweep_every: 90m", "sweep_every: 5s"),
       "34:1: 'sweep_every' must be a time like 6h, from 1m to 168h"},
      {With("list_every: 2m", "list_every: 1s"),
       "35:1: 'list_every' must be a time like 6h, from 5s to 24h"},
      {With("user: uem", "user: a:b"), "30:3: 'user' must have no colon"},
      {With("user: uem", "user: [a]"),
       "30:3: 'user' must be one line of text, of at most 1024 bytes"},
      {With("user: uem", "user:"), "30:3: 'user' must be one line of text, of at most 1024 bytes"},
      {With("  user: uem\n", "  user: uem\n  user: b\n"),
       "31:3: key 'user' is there already, in line 30"},
      {With("user: uem", "user: &x uem"),
       "30:9: an anchor (&name) is not allowed; write the value out where it is used"},
      {With("user: uem", "user: !!str uem"), "30:9: a tag (!name) is not allowed"},
      {std::string(kWhole) + "---\nuem: {}\n", "36:1: a second document begins here; keep one"},
      {With("user: uem", "user: \"a\x01\""), "30:11: a control character; remove it"},
      {With("user: uem", "user: \xFF"), "1:1: the file is not UTF-8 text"},
  };
  for (const Wrong& c : kCases) {
    const auto config = ParseBridgeConfig(kFile, c.text);
    EXPECT_EQ(config.status(), absl::InvalidArgumentError(absl::StrCat(kFile, ":", c.want)));
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "[";
  EXPECT_EQ(ParseBridgeConfig(kFile, deep).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseBridgeConfig(kFile, std::string(300'000, '#')).status().message(),
            absl::StrCat(kFile, ":1:1: the file is larger than 262144 bytes"));
}

TEST(BridgeConfig, ThisMachineMayBeReachedInTheClear) {
  for (const char* url : {"http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"}) {
    const auto config = ParseBridgeConfig(
        kFile, absl::StrReplaceAll(kUem, {{"https://uem.example", url},
                                          {"https://token.example/connect/token", url}}));
    ASSERT_TRUE(config.ok()) << config.status();
    EXPECT_EQ(config->uem.url, url);
  }
}

struct SecretFile : testing::Test {
  TempDir dir;
  absl::StatusOr<std::string> Read(const std::string& text, mode_t mode) {
    std::ofstream(dir.File("s")) << text;
    chmod(dir.File("s").c_str(), mode);
    return ReadSecretFile(dir.File("s"));
  }
};

TEST_F(SecretFile, IsOneLine) {
  EXPECT_EQ(*Read("s3cret\n", 0600), "s3cret");
  EXPECT_EQ(*Read("two words", 0640), "two words");
  for (const std::string& text : {std::string(), std::string("\n"), std::string("a\nb"),
                                  std::string(5'000, 'x'), std::string("a\0b", 3)}) {
    const auto secret = Read(text, 0600);
    EXPECT_EQ(secret.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(SecretFile, MustNotBeOpenToEverybody) {
  for (const mode_t mode : {0604, 0602, 0644}) {
    EXPECT_EQ(
        Read("s3cret\n", mode).status(),
        absl::FailedPreconditionError(absl::StrCat(
            dir.File("s"), " holds a secret and is open to everybody: chmod 600 ", dir.File("s"))));
  }
}

TEST_F(SecretFile, ThatIsNotThereIsSaid) {
  EXPECT_EQ(ReadSecretFile(dir.File("none")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadSecretFile(dir.path()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace muster::bridge
