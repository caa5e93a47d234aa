// The Android policy and the Workspace ONE groups, against what is known of their fields.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/integration/process.h"
#include "tests/native/phone_inputs.h"
#include "tests/support/temp_dir.h"

namespace muster::native {
namespace {

class JsonFormats : public testing::Test {
 protected:
  std::string Check(const std::string& schema, const std::string& bytes) {
    const std::string path = dir_.File("checked.json");
    EXPECT_TRUE(WriteWhole(path, bytes));
    return RunCommand({"/usr/bin/python3", MUSTER_SOURCE_DIR "/tests/native/json_schema.py",
                       absl::StrCat(MUSTER_SOURCE_DIR "/tests/data/schemas/", schema), path})
        .out;
  }

  TempDir dir_;
};

constexpr char kAndroid[] = "android/policy.schema.json";
constexpr char kGroups[] = "workspace-one/appgroups.schema.json";

TEST_F(JsonFormats, FilesAreWhatTheVendorsDescribe) {
  for (const NamedInput& input : PhoneInputs()) {
    const absl::StatusOr<NativeFile> policy = AndroidPolicy(input.in);
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(Check(kAndroid, policy->bytes), "OK\n") << input.name;
    const absl::StatusOr<NativeFile> groups = Ws1AppGroup(input.in);
    ASSERT_TRUE(groups.ok()) << groups.status();
    EXPECT_EQ(Check(kGroups, groups->bytes), "OK\n") << input.name;
  }
}

TEST_F(JsonFormats, AWrongPolicyIsFound) {
  const std::string good = AndroidPolicy(Sample())->bytes;
  const Seed kSeeds[] = {
      {"\"BLOCKED\"", "\"BLOCK\"", "$.applications[0].installType: enum\n"},
      {"\"BLACKLIST\"", "\"BLOCKLIST\"", "$.playStoreMode: enum\n"},
      {"\"BLOCKLIST\"", "\"DENYLIST\"", "$.personalUsagePolicies.personalPlayStoreMode: enum\n"},
      {"playStoreMode", "playStoremode",
       "$: 'playStoreMode' is a required property\n"
       "$: Additional properties are not allowed ('playStoremode' was unexpected)\n"},
      {"untrustedAppsPolicy", "untrustedAppPolicy",
       "$.advancedSecurityOverrides: Additional properties are not allowed ('untrustedAppPolicy' "
       "was unexpected)\n"},
      {"com.gbwhatsapp", "", "$.applications[0].packageName: pattern\n"},
      {"com.gbwhatsapp", "com.*", "$.applications[0].packageName: pattern\n"},
      {R"("[\"chat.example.org\",\"web.whatsapp.com\"]")", R"(["chat.example.org"])",
       "$.applications[3].managedConfiguration.URLBlocklist: type\n"},
      {"\"defaultMessage\"", "\"message\"",
       "$.longSupportMessage: Additional properties are not allowed ('message' was unexpected)\n"},
      {": true", ": \"true\"", "$.statusReportingSettings.applicationReportsEnabled: type\n"},
      {"\"applications\"", "\"playStoreMode\"", "not read: a key stands twice in one object\n"},
  };
  for (const Seed& seed : kSeeds) {
    EXPECT_EQ(Check(kAndroid, Spoilt(good, seed.from, seed.to)), seed.complaint) << seed.to;
  }
}

TEST_F(JsonFormats, AWrongGroupIsFound) {
  const std::string good = Ws1AppGroup(Sample())->bytes;
  const Seed kSeeds[] = {
      {"\"Blacklist\"", "\"Denylist\"", "$[0].AppGroupType: enum\n"},
      {"\"Apple\"", "\"iOS\"", "$[0].Platform: enum\n"},
      {"BundleId", "BundleID",
       "$[0].Applications[0]: 'BundleId' is a required property\n"
       "$[0].Applications[0]: Additional properties are not allowed ('BundleID' was unexpected)\n"},
      {"net.whatsapp.WhatsApp", "", "$[0].Applications[0].BundleId: minLength\n"},
      {": true", ": 1", "$[0].IsActive: type\n"},
      {"\"Description\"", "\"Comment\"",
       "$[0]: Additional properties are not allowed ('Comment' was unexpected)\n"},
  };
  for (const Seed& seed : kSeeds) {
    EXPECT_EQ(Check(kGroups, Spoilt(good, seed.from, seed.to)), seed.complaint) << seed.to;
  }
  EXPECT_EQ(Check(kGroups, "[]"), "$: minItems\n");
  EXPECT_EQ(Check(kGroups, R"([{"Name": "a", "Platform": "Apple", "AppGroupType": "Blacklist",
                               "Applications": []}])"),
            "$[0].Applications: minItems\n");
}

// All that is blocked and has an id there is in the file: none of the 42 is lost on the way.
TEST_F(JsonFormats, ShippedPoliciesBlockOnPhones) {
  const NativeInput in = Shipped();
  EXPECT_EQ(std::count_if(in.rulings.begin(), in.rulings.end(),
                          [](const Ruling& ruling) { return ruling.blocked(); }),
            42);
  const std::string policy = AndroidPolicy(in)->bytes;
  const std::string profile = AppleProfile(in)->bytes;
  const std::string declaration = AppleDeclaration(in)->bytes;
  const std::string groups = Ws1AppGroup(in)->bytes;
  const auto has = [](const std::string& text, const std::string& quoted) {
    return text.find(quoted) != std::string::npos;
  };
  EXPECT_FALSE(BlockedIds(in, v1::Platform::IOS).empty());
  for (const std::string& id : BlockedIds(in, v1::Platform::IOS)) {
    EXPECT_TRUE(has(profile, absl::StrCat("<string>", id, "</string>"))) << id;
    EXPECT_TRUE(has(declaration, absl::StrCat("\"", id, "\""))) << id;
    EXPECT_TRUE(has(groups, absl::StrCat("\"", id, "\""))) << id;
  }
  EXPECT_FALSE(BlockedIds(in, v1::Platform::ANDROID).empty());
  for (const std::string& id : BlockedIds(in, v1::Platform::ANDROID)) {
    EXPECT_TRUE(has(policy, absl::StrCat("\"", id, "\""))) << id;
    EXPECT_TRUE(has(groups, absl::StrCat("\"", id, "\""))) << id;
  }
  EXPECT_FALSE(BlockedHosts(in).empty());
  for (const std::string& host : BlockedHosts(in)) {
    EXPECT_TRUE(has(profile, absl::StrCat("<string>https://", host, "</string>"))) << host;
    EXPECT_TRUE(has(policy, absl::StrCat("\\\"", host, "\\\""))) << host;
  }
}

}  // namespace
}  // namespace muster::native
