// The browsers' files byte for byte; that real browsers obey them is
// tests/integration/native_browsers_test.cc.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/controller/domain/native/native_samples.h"

namespace muster::native {
namespace {

using Json = nlohmann::json;

constexpr char kChromiumFile[] = R"({
  "3rdparty": {
    "muster": {
      "policy": {
        "tenant": "agency.example",
        "version": 12,
        "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "generated_at": "2027-01-15T08:00:00Z"
      }
    }
  },
  "URLBlocklist": [
    "chat.example.org",
    "web.whatsapp.com"
  ]
}
)";

constexpr char kFirefoxFile[] = R"({
  "muster": {
    "tenant": "agency.example",
    "version": 12,
    "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "generated_at": "2027-01-15T08:00:00Z",
    "person": "alice@agency.example"
  },
  "policies": {
    "WebsiteFilter": {
      "Block": [
        "*://*.chat.example.org/*",
        "*://*.web.whatsapp.com/*"
      ]
    }
  }
}
)";

TEST(Chromium, NamesBareHosts) {
  const auto file = Chromium(Sample());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->bytes, kChromiumFile);
  EXPECT_EQ(file->media_type, "application/json");
  ASSERT_EQ(file->notes.size(), 3u);
  EXPECT_EQ(file->notes[0], "Blocked, but the catalogue knows no web client of: gajim, signal.");
}

TEST(Firefox, NamesMatchPatterns) {
  NativeInput in = Sample();
  in.person = "alice@agency.example";
  const auto file = Firefox(in);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->bytes, kFirefoxFile);
  EXPECT_EQ(file->media_type, "application/json");
  EXPECT_EQ(file->notes.size(), 3u);
}

TEST(Browsers, AnAppThatIsOpenForItsExportAloneHasNoWebClient) {
  NativeInput in = Sample();
  for (Ruling& ruling : in.rulings) {
    if (ruling.app_id == "whatsapp") ruling.verdict = v1::Verdict::ALLOW_EXPORT_ONLY;
  }
  EXPECT_EQ(Chromium(in)->bytes, kChromiumFile);
}

// One pattern too many closes every site or none.
TEST(Browsers, NothingButHostsGetsIn) {
  const Json plain = Json::parse(kChromiumFile);
  const auto chromium = Chromium(HostileSample()), firefox = Firefox(HostileSample());
  ASSERT_TRUE(chromium.ok() && firefox.ok());
  EXPECT_EQ(Json::parse(chromium->bytes)["URLBlocklist"], plain["URLBlocklist"]);
  EXPECT_EQ(Json::parse(firefox->bytes)["policies"], Json::parse(kFirefoxFile)["policies"]);
  EXPECT_EQ(Json::parse(firefox->bytes)["muster"]["person"].get<std::string>(), kHostilePlain);
}

TEST(Browsers, NoFileThatWouldOpenEverything) {
  NativeInput in = Sample();
  for (Ruling& ruling : in.rulings) ruling.web_hosts.clear();
  for (const auto& status : {Chromium(in).status(), Firefox(in).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(status.message(), "no app with a web client is blocked"))
        << status;
  }
}

TEST(Browsers, MoreThanABrowserReadsIsSaid) {
  NativeInput in = Sample();
  for (int i = 0; i < 999; ++i) {
    in.rulings.back().web_hosts.push_back(absl::StrCat("h", 1000 + i, ".example"));
  }
  EXPECT_EQ(Json::parse(Chromium(in)->bytes)["URLBlocklist"].size(), 1000u);
  const auto firefox = Firefox(in);
  EXPECT_EQ(Json::parse(firefox->bytes)["policies"]["WebsiteFilter"]["Block"].size(), 1000u);
  EXPECT_EQ(firefox->notes[0],
            "1 hosts of web clients are not blocked: browsers read only 1000 entries.");
}

}  // namespace
}  // namespace muster::native
