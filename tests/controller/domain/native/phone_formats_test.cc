// The files for phones, whole. Whether vendors would take them is tests/native.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "controller/domain/native/native_policy.h"
#include "controller/domain/native/phone_file.h"
#include "tests/controller/domain/native/native_samples.h"

namespace muster::native {
namespace {

struct Format {
  std::string golden;
  absl::StatusOr<NativeFile> (*make)(const NativeInput&);
  std::string media_type;
};
const Format kFormats[] = {
    {"apple_profile.mobileconfig", AppleProfile, "application/x-apple-aspen-config"},
    {"apple_declaration.json", AppleDeclaration, "application/json"},
    {"android_policy.json", AndroidPolicy, "application/json"},
    {"ws1_appgroup.json", Ws1AppGroup, "application/json"},
};

// Bytes and notes.
std::string Whole(const Format& format, const NativeInput& in) {
  const absl::StatusOr<NativeFile> file = format.make(in);
  if (!file.ok()) return file.status().ToString();
  std::string out = file->bytes;
  for (const std::string& note : file->notes) absl::StrAppend(&out, "- ", note, "\n");
  return out;
}

//   MUSTER_WRITE_DOCS=1 build/bin/controller_domain_native_tests --gtest_filter=PhoneFormats.Golden
void ExpectGolden(const std::string& name, const std::string& got) {
  const std::string path =
      absl::StrCat(MUSTER_SOURCE_DIR, "/tests/controller/domain/native/golden/", name);
  if (std::getenv("MUSTER_WRITE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << got;
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream want;
  want << in.rdbuf();
  EXPECT_EQ(got, want.str()) << name;
}

TEST(PhoneFormats, Golden) {
  for (const Format& format : kFormats) {
    const absl::StatusOr<NativeFile> plain = format.make(Sample());
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_EQ(plain->media_type, format.media_type);
    ExpectGolden(format.golden, plain->bytes);
    const absl::StatusOr<NativeFile> hostile = format.make(HostileSample());
    ASSERT_TRUE(hostile.ok()) << hostile.status();
    ExpectGolden("hostile_" + format.golden, hostile->bytes);
  }
}

TEST(PhoneFormats, GoldenNotes) {
  std::string all;
  for (const Format& format : kFormats) {
    for (const NativeInput& in : {Sample(), HostileSample()}) {
      const absl::StatusOr<NativeFile> file = format.make(in);
      ASSERT_TRUE(file.ok()) << file.status();
      absl::StrAppend(&all, "== ", in.person.empty() ? "" : "hostile_", format.golden, "\n");
      for (const std::string& note : file->notes) {
        EXPECT_EQ(note.find('\n'), std::string::npos) << note;
        absl::StrAppend(&all, note, "\n");
      }
    }
  }
  ExpectGolden("notes.txt", all);
}

TEST(PhoneFormats, EqualInputGivesEqualBytesInAnyOrder) {
  for (const Format& format : kFormats) {
    NativeInput in = HostileSample();
    const std::string want = Whole(format, in);
    EXPECT_EQ(Whole(format, in), want);
    for (int turn = 0; turn < 20; ++turn) {
      std::next_permutation(in.rulings.begin(), in.rulings.end(),
                            [](const Ruling& a, const Ruling& b) { return a.app_id > b.app_id; });
      for (Ruling& ruling : in.rulings) {
        std::reverse(ruling.identities.begin(), ruling.identities.end());
        std::reverse(ruling.web_hosts.begin(), ruling.web_hosts.end());
      }
      EXPECT_EQ(Whole(format, in), want) << format.golden;
    }
  }
}

TEST(PhoneFormats, EachCarriesVersionHashAndTime) {
  for (const Format& format : kFormats) {
    NativeInput in = Sample();
    in.version = 987654321;
    in.sha256 = std::string(32, '1') + std::string(32, '2');
    in.generated_at = kNow + absl::Hours(25);
    const absl::StatusOr<NativeFile> file = format.make(in);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(absl::StrContains(file->bytes, "987654321")) << format.golden;
    EXPECT_TRUE(absl::StrContains(file->bytes, in.sha256)) << format.golden;
    EXPECT_TRUE(absl::StrContains(file->bytes, "2027-01-16T09:00:00Z") ||
                absl::StrContains(file->bytes, "20270116T090000Z"))
        << format.golden;
  }
}

TEST(PhoneFormats, NothingBlockedMakesNoFile) {
  NativeInput nobody = Sample(), others = Sample();
  for (Ruling& ruling : nobody.rulings) ruling.verdict = v1::Verdict::ALLOW;
  for (Ruling& ruling : others.rulings) {
    ruling.web_hosts.clear();
    for (v1::AppIdentity& identity : ruling.identities) identity.set_platform(v1::Platform::LINUX);
  }
  NativeInput empty = Sample();
  empty.rulings.clear();
  const std::string kPlatform[] = {"iOS", "iOS", "Android", "iOS or Android"};
  for (size_t i = 0; i < std::size(kFormats); ++i) {
    for (const NativeInput& in : {nobody, others, empty}) {
      EXPECT_EQ(kFormats[i].make(in).status(),
                absl::InvalidArgumentError(absl::StrCat(
                    "nothing that ", kPlatform[i],
                    " knows is blocked: an empty file would lift every block, so none is made; "
                    "to lift them, take the old one away")))
          << kFormats[i].golden;
    }
  }
}

// For a phone whose last block has ended: it takes the place of the one before.
TEST(AppleOpenProfile, HasTheSameNamesAndBlocksNothing) {
  const std::string blocks = AppleProfile(Sample())->bytes;
  const NativeFile open = AppleOpenProfile(Sample());
  EXPECT_EQ(open.media_type, "application/x-apple-aspen-config");
  const auto identifiers = [](const std::string& profile) {
    std::vector<std::string> out;
    for (const absl::string_view line : absl::StrSplit(profile, '\n')) {
      if (absl::StrContains(line, "<string>muster.")) out.emplace_back(line);
    }
    return out;
  };
  ASSERT_EQ(identifiers(blocks).size(), 3u);  // restrictions, web filter, the profile itself
  ASSERT_EQ(identifiers(open.bytes).size(), 2u);
  for (const std::string& each : identifiers(open.bytes)) {
    EXPECT_TRUE(absl::StrContains(blocks, each)) << each;
  }
  for (const char* none : {"BundleIDs", "URLs", "webcontent-filter", "<false/>", "whatsapp"}) {
    EXPECT_FALSE(absl::StrContains(open.bytes, none)) << none;
  }
  EXPECT_TRUE(absl::StrContains(open.bytes, "Closes no app: nothing is blocked any more."));
  EXPECT_EQ(AppleOpenProfile(Sample()).bytes, open.bytes);
}

// Markup out of the way, nothing is left that could be any.
std::string TextOf(std::string profile) {
  for (const char* tag : {"dict", "array", "key", "string", "integer"}) {
    profile = absl::StrReplaceAll(
        profile, {{absl::StrCat("<", tag, ">"), ""}, {absl::StrCat("</", tag, ">"), ""}});
  }
  profile.erase(0, profile.find("<plist version=\"1.0\">"));
  return absl::StrReplaceAll(profile, {{"<plist version=\"1.0\">", ""},
                                       {"</plist>", ""},
                                       {"<true/>", ""},
                                       {"<false/>", ""},
                                       {"&amp;", ""},
                                       {"&lt;", ""},
                                       {"&gt;", ""}});
}

TEST(PhoneFormats, NoTextEndsWhatItStandsIn) {
  const auto plain = nlohmann::json::parse(AndroidPolicy(Sample())->bytes);
  for (uint32_t seed = 1; seed <= 2'000; ++seed) {
    const std::string noise = "<" + Noise(seed, seed % 97);
    const NativeInput in = SampleWith(noise);
    const std::string text = PlainText(noise);
    const std::string profile = AppleProfile(in)->bytes;
    EXPECT_EQ(TextOf(profile).find_first_of("<>&"), std::string::npos) << seed;
    EXPECT_EQ(PlainText(profile), profile) << seed;
    const auto policy = nlohmann::json::parse(AndroidPolicy(in)->bytes);
    EXPECT_EQ(policy["shortSupportMessage"]["defaultMessage"], text) << seed;
    EXPECT_EQ(policy["applications"], plain["applications"]) << seed;
    const auto groups = nlohmann::json::parse(Ws1AppGroup(in)->bytes);
    EXPECT_EQ(groups[0]["Name"], "Muster blocked ios for " + text) << seed;
    const auto declaration = nlohmann::json::parse(AppleDeclaration(in)->bytes);
    EXPECT_EQ(declaration["Payload"]["Allowed"]["DeniedApps"].size(), 2u) << seed;
  }
}

// A blocked web client without an app of its own is worth a file where the format can close it.
TEST(PhoneFormats, AWebClientAlone) {
  NativeInput in = Sample();
  std::erase_if(in.rulings, [](const Ruling& ruling) { return ruling.app_id != "webchat"; });
  EXPECT_EQ(AppleDeclaration(in).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Ws1AppGroup(in).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::StatusOr<NativeFile> profile = AppleProfile(in);
  ASSERT_TRUE(profile.ok());
  EXPECT_FALSE(absl::StrContains(profile->bytes, "AppBundleIDs"));
  EXPECT_TRUE(absl::StrContains(profile->bytes, "<string>https://chat.example.org</string>"));
  const absl::StatusOr<NativeFile> policy = AndroidPolicy(in);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(nlohmann::json::parse(policy->bytes)["applications"],
            nlohmann::json::parse(R"([{"installType": "AVAILABLE",
              "managedConfiguration": {"URLBlocklist": "[\"chat.example.org\"]"},
              "packageName": "com.android.chrome"}])"));
}

TEST(AppleProfile, WithoutWebClientsHasNoFilter) {
  NativeInput in = Sample();
  for (Ruling& ruling : in.rulings) ruling.web_hosts.clear();
  const absl::StatusOr<NativeFile> file = AppleProfile(in);
  ASSERT_TRUE(file.ok());
  EXPECT_FALSE(absl::StrContains(file->bytes, "com.apple.webcontent-filter"));
  for (const std::string& note : file->notes) EXPECT_FALSE(absl::StrContains(note, "filter"));
}

// That key beside no list of permitted URLs closes the whole web.
TEST(AppleProfile, NeverTurnsTheAutomaticFilterOn) {
  EXPECT_FALSE(absl::StrContains(AppleProfile(Sample())->bytes, "AutoFilterEnabled"));
}

TEST(AppleProfile, NeverClosesEveryWebClip) {
  NativeInput in = Sample();
  in.rulings.back().identities.push_back(Named(v1::Platform::IOS, "com.apple.webapp"));
  for (const auto make : {AppleProfile, AppleDeclaration, Ws1AppGroup}) {
    const absl::StatusOr<NativeFile> file = make(in);
    ASSERT_TRUE(file.ok());
    EXPECT_FALSE(absl::StrContains(file->bytes, "com.apple.webapp"));
    EXPECT_EQ(file->notes[0], "Left out: com.apple.webapp, which would close every web clip.");
  }
}

std::string ValueAfter(const std::string& profile, const std::string& key, int nth = 0) {
  size_t at = 0;
  for (int i = 0; i <= nth; ++i) {
    at = profile.find(absl::StrCat("<key>", key, "</key>"), at);
    if (at == std::string::npos) return "";
    at += key.size();
  }
  const size_t from = profile.find("<string>", at) + 8;
  return profile.substr(from, profile.find("</string>", from) - from);
}

// The phone replaces the profile with the same identifier, and updates its payloads in place.
TEST(AppleProfile, ANewerOneReplacesTheOneBefore) {
  const std::string before = AppleProfile(Sample())->bytes;
  NativeInput in = Sample();
  in.version = 13;
  in.person = "alice@agency.example";
  in.rulings.pop_back();
  const std::string after = AppleProfile(in)->bytes;
  for (int nth : {0, 1, 2}) {
    EXPECT_EQ(ValueAfter(after, "PayloadIdentifier", nth),
              ValueAfter(before, "PayloadIdentifier", nth));
  }
  EXPECT_NE(ValueAfter(after, "PayloadUUID", 0), ValueAfter(before, "PayloadUUID", 0));
  EXPECT_EQ(ValueAfter(after, "PayloadUUID", 1), ValueAfter(before, "PayloadUUID", 1));
  EXPECT_EQ(ValueAfter(after, "PayloadUUID", 2), ValueAfter(before, "PayloadUUID", 2));
}

TEST(AppleProfile, TenantsDoNotReplaceEachOthersProfiles) {
  std::set<std::string> seen;
  for (const std::string tenant : {"agency.example", "Agency.Example", "agency example",
                                   "agency-example", "agency/example", ""}) {
    NativeInput in = Sample();
    in.tenant = tenant;
    const std::string identifier = ValueAfter(AppleProfile(in)->bytes, "PayloadIdentifier");
    EXPECT_TRUE(seen.insert(identifier).second) << identifier;
    EXPECT_EQ(identifier.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-"),
              std::string::npos);
  }
}

TEST(AppleProfile, AListThatIsTooLongSaysSo) {
  NativeInput in = Sample();
  for (int i = 0; i < 300; ++i) {
    in.rulings.back().web_hosts.push_back(absl::StrCat("h", i, ".example.net"));
  }
  const absl::StatusOr<NativeFile> file = AppleProfile(in);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->notes[1],
            "52 hosts of web clients are not blocked: Apple limits the list to about 500 URLs, two "
            "for each host.");
}

TEST(AppleDeclaration, TokenChangesWithContentAndIdentifierDoesNot) {
  const auto before = nlohmann::json::parse(AppleDeclaration(Sample())->bytes);
  NativeInput in = Sample();
  in.rulings.pop_back();
  const auto after = nlohmann::json::parse(AppleDeclaration(in)->bytes);
  EXPECT_EQ(before["Identifier"], after["Identifier"]);
  EXPECT_NE(before["ServerToken"], after["ServerToken"]);
  EXPECT_EQ(after["Payload"],
            nlohmann::json::parse(R"({"Allowed": {"DeniedApps": ["org.whispersystems.signal"]}})"));
}

TEST(AndroidPolicy, ChromeThatIsBlockedItselfIsNotConfigured) {
  NativeInput in = Sample();
  in.rulings.back().identities.push_back(Named(v1::Platform::ANDROID, "com.android.chrome"));
  const auto policy = nlohmann::json::parse(AndroidPolicy(in)->bytes);
  EXPECT_EQ(
      policy["applications"][0],
      nlohmann::json::parse(R"({"installType": "BLOCKED", "packageName": "com.android.chrome"})"));
  EXPECT_EQ(policy["applications"].size(), 4u);
}

TEST(AndroidPolicy, SaysWithoutAWayToAskNothingOfIt) {
  NativeInput in = Sample();
  in.how_to_ask.clear();
  EXPECT_FALSE(nlohmann::json::parse(AndroidPolicy(in)->bytes).contains("shortSupportMessage"));
}

// Names and a person in the file for one person; the group of everybody keeps its name.
TEST(Ws1AppGroup, OfOnePersonIsAnotherGroup) {
  NativeInput in = Sample();
  in.person = "alice@agency.example";
  const auto groups = nlohmann::json::parse(Ws1AppGroup(in)->bytes);
  EXPECT_EQ(groups[0]["Name"], "Muster blocked ios for alice@agency.example");
  EXPECT_EQ(groups[1]["Name"], "Muster blocked android for alice@agency.example");
}

TEST(Ws1AppGroup, LeavesOutAPlatformWithNothingBlocked) {
  NativeInput in = Sample();
  for (Ruling& ruling : in.rulings) {
    std::erase_if(ruling.identities, [](const v1::AppIdentity& identity) {
      return identity.platform() == v1::Platform::ANDROID;
    });
  }
  const absl::StatusOr<NativeFile> file = Ws1AppGroup(in);
  ASSERT_TRUE(file.ok());
  const auto groups = nlohmann::json::parse(file->bytes);
  ASSERT_EQ(groups.size(), 1u);
  EXPECT_EQ(groups[0]["Platform"], "Apple");
  EXPECT_NE(std::find(file->notes.begin(), file->notes.end(),
                      "No group for Android: nothing is blocked there."),
            file->notes.end());
}

}  // namespace
}  // namespace muster::native
