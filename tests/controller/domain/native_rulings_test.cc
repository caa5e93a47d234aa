#include "controller/domain/native_rulings.h"

#include <gtest/gtest.h>

#include "common/time_proto.h"
#include "tests/support/now.h"

namespace muster {
namespace {

using Texts = std::vector<std::string>;

PolicySet Policies() {
  PolicySet set;
  const auto add = [&set](const std::string& id, v1::Trm::Status trm, bool blocklisted) {
    v1::App app;
    app.set_id(id);
    app.set_name("Name of " + id);
    for (const auto platform : {v1::Platform::IOS, v1::Platform::LINUX}) {
      v1::AppIdentity* identity = app.add_identities();
      identity->set_platform(platform);
      identity->set_package_id("org." + id);
    }
    app.add_web_hosts(id + ".example");
    set.apps[id] = std::move(app);
    if (trm != v1::Trm::UNLISTED) {
      set.trm[id].set_app_id(id);
      set.trm[id].set_status(trm);
    }
    if (blocklisted) set.blocklist.insert(id);
  };
  add("asked", v1::Trm::RESTRICTED, true);
  add("banned", v1::Trm::PROHIBITED, true);
  add("fine", v1::Trm::PERMITTED, false);
  add("listed", v1::Trm::UNLISTED, true);
  add("unknown", v1::Trm::UNLISTED, false);
  return set;
}

// "app VERDICT reason".
Texts Said(const std::vector<native::Ruling>& rulings) {
  Texts out;
  for (const native::Ruling& r : rulings) {
    out.push_back(absl::StrCat(r.app_id, " ", v1::Verdict::Kind_Name(r.verdict), " ", r.reason));
  }
  return out;
}

TEST(MakeRulings, DecidesForNobody) {
  const std::vector<native::Ruling> rulings = MakeRulings(Policies(), {}, {}, kNow);
  EXPECT_EQ(Said(rulings), (Texts{"asked BLOCK NO_GRANT", "banned BLOCK TRM_PROHIBITED",
                                  "fine ALLOW TRM_PERMITTED", "listed BLOCK BLOCKLISTED",
                                  "unknown REPORT UNLISTED"}));
  EXPECT_EQ(rulings[0].name, "Name of asked");
  EXPECT_EQ(rulings[0].identities.size(), 2u);
  EXPECT_EQ(rulings[0].web_hosts, Texts{"asked.example"});
}

TEST(MakeRulings, APersonsGrantCountsUntilItsEnd) {
  const absl::Time later = kNow + absl::Hours(1);
  const Entitlements live = {{"asked", {.grant_id = "GRT-1", .not_after = later}},
                             {"listed", {.grant_id = "GRT-2", .not_after = later}}};
  EXPECT_EQ(
      Said(MakeRulings(Policies(), live, {}, kNow)),
      (Texts{"asked ALLOW GRANT GRT-1", "banned BLOCK TRM_PROHIBITED", "fine ALLOW TRM_PERMITTED",
             "listed BLOCK BLOCKLISTED", "unknown REPORT UNLISTED"}));
  EXPECT_EQ(Said(MakeRulings(Policies(), live, {}, later))[0], "asked BLOCK NO_GRANT");
  const Entitlements suspended = {
      {"asked", {.grant_id = "GRT-1", .not_after = later, .suspended_archive_overdue = true}},
      {"banned",
       {.grant_id = "GRT-3", .not_after = later, .suspended_by_trm = true, .export_until = later}}};
  const Texts said = Said(MakeRulings(Policies(), suspended, {}, kNow));
  EXPECT_EQ(said[0], "asked ALLOW_EXPORT_ONLY ARCHIVE_OVERDUE");
  EXPECT_EQ(said[1], "banned ALLOW_EXPORT_ONLY TRM_PROHIBITED_EXPORT");
}

TEST(MakeRulings, AnEmergencyDenyIsBeforeAll) {
  const Entitlements live = {{"asked", {.grant_id = "GRT-1", .not_after = kNow + absl::Hours(1)}}};
  const Texts said = Said(MakeRulings(Policies(), live, {"asked", "fine"}, kNow));
  EXPECT_EQ(said[0], "asked BLOCK EMERGENCY_DENY");
  EXPECT_EQ(said[2], "fine BLOCK EMERGENCY_DENY");
}

TEST(PolicySha256, ChangesWithWhatIsSaid) {
  const std::string before = PolicySha256(Policies());
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(PolicySha256(Policies()), before);
  PolicySet other = Policies();
  other.blocklist.erase("asked");
  EXPECT_NE(PolicySha256(other), before);
  other = Policies();
  other.apps["fine"].mutable_identities(0)->set_package_id("org.other");
  EXPECT_NE(PolicySha256(other), before);
  other = Policies();
  other.trm["fine"].set_status(v1::Trm::RESTRICTED);
  EXPECT_NE(PolicySha256(other), before);
  other = Policies();
  *other.trm["banned"].mutable_export_until() = ToProto(kNow);
  EXPECT_EQ(PolicySha256(other), before);
}

TEST(MakeNativeFile, EveryFormatHasItsNameItsPlatformAndItsGenerator) {
  native::NativeInput in;
  in.tenant = "agency";
  in.generated_at = kNow;
  in.rulings = MakeRulings(Policies(), {}, {"asked"}, kNow);
  for (native::Ruling& ruling : in.rulings) {
    v1::AppIdentity android;
    android.set_platform(v1::Platform::ANDROID);
    android.set_package_id("org." + ruling.app_id);
    ruling.identities.push_back(android);
  }
  std::set<std::string> files, names;
  for (const v1::NativePolicy::Format format : kNativeFormats) {
    const auto file = MakeNativeFile(format, in);
    ASSERT_TRUE(file.ok()) << NativeFormatName(format) << " " << file.status();
    files.insert(file->bytes);
    names.insert(std::string(NativeFormatName(format)));
    EXPECT_FALSE(PlatformsOf(format).empty());
  }
  EXPECT_EQ(files.size(), std::size(kNativeFormats));
  EXPECT_EQ(names, (std::set<std::string>{"apple-profile", "apple-declaration", "android-policy",
                                          "ws1-appgroup", "chromium", "firefox"}));
  EXPECT_EQ(v1::NativePolicy::Format_descriptor()->value_count(),
            static_cast<int>(std::size(kNativeFormats)) + 1);
  EXPECT_EQ(MakeNativeFile(v1::NativePolicy::UNSPECIFIED, in).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PlatformsOf(v1::NativePolicy::UNSPECIFIED), std::vector<v1::Platform::Id>());
}

}  // namespace
}  // namespace muster
