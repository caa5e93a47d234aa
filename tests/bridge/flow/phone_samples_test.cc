// What is reported, and what is kept, of a reading of a phone's apps.
#include "bridge/flow/phone_samples.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/bridge/domain/phone_world.h"

namespace muster::bridge {
namespace {

UemApp Installed(const std::string& id, const std::string& name, const std::string& version = "1") {
  UemApp out;
  out.bundle_id = id;
  out.name = name;
  out.version = version;
  out.installed = true;
  return out;
}

UemApp Assigned(const std::string& id) {
  UemApp out;
  out.bundle_id = id;
  out.assigned = true;
  return out;
}

v1::InventoryItem Item(v1::Origin::Kind origin, const char* id, const char* name,
                       const char* version, const char* app_id) {
  v1::InventoryItem out;
  out.set_origin(origin);
  out.set_package_id(id);
  out.set_name(name);
  out.set_version(version);
  out.set_app_id(app_id);
  return out;
}

// A record without apps, after that reading.
v1::PhoneRecord After(std::vector<UemApp> apps) {
  v1::PhoneRecord out;
  KeepReading({kNow, std::move(apps)}, out);
  return out;
}

TEST(PhoneSamples, AReadingIsKeptWholeUntilThereIsAPolicy) {
  UemApp chat = Installed("com.chat", "Chat", "2");
  chat.assigned = true;
  chat.latest_action = "InstallCommandDispatched";
  chat.latest_action_at = kNow;
  chat.reason = "Managed";
  const v1::PhoneRecord record = After({chat, Installed("org.other", "Other")});
  EXPECT_TRUE(HoldsWholeReading(record));
  EXPECT_EQ(FromProto(record.facts().apps_read_at()), kNow);
  v1::PhoneRecord want;
  v1::SampledApp& kept = *want.add_apps();
  kept.set_bundle_id("com.chat");
  kept.set_name("Chat");
  kept.set_version("2");
  kept.set_installed(true);
  kept.set_assigned(true);
  kept.set_latest_action("InstallCommandDispatched");
  *kept.mutable_latest_action_at() = ToProto(kNow);
  kept.set_reason("Managed");
  v1::SampledApp& other = *want.add_apps();
  other.set_bundle_id("org.other");
  other.set_name("Other");
  other.set_version("1");
  other.set_installed(true);
  ASSERT_EQ(record.apps_size(), 2);
  EXPECT_EQ(record.apps(0).DebugString(), want.apps(0).DebugString());
  EXPECT_EQ(record.apps(1).DebugString(), want.apps(1).DebugString());
}

TEST(PhoneSamples, AnInventoryIsEverythingInstalledEachOnce) {
  const std::vector<UemApp> apps = {Installed("org.other", "Other"),
                                    Installed("com.chat", "Chat", "2"),
                                    Assigned("com.assigned"),
                                    Installed("com.chat", "Chat of a page that shifted"),
                                    Assigned("com.chat"),
                                    Installed("Com.Chat", "Another")};
  for (const auto& [platform, origin] :
       {std::pair(kAndroid, v1::Origin::ANDROID_PACKAGE), std::pair(kIos, v1::Origin::BUNDLE)}) {
    const PhoneWorld world(platform);
    v1::PhoneRecord record = After(apps);
    v1::InventoryReport want;
    want.set_full(true);
    *want.add_installed() = Item(origin, "Com.Chat", "Another", "1", "");
    *want.add_installed() = Item(origin, "com.chat", "Chat", "2", "chat");
    *want.add_installed() = Item(origin, "org.other", "Other", "1", "");
    const auto got = TakeInventory(world.policy, record);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->DebugString(), want.DebugString());
  }
}

TEST(PhoneSamples, ARecordKeepsEachRowThatThePolicyNames) {
  const PhoneWorld world(kAndroid);
  // Two copies may be two: the UEM's, and the person's own.
  UemApp managed = Installed("com.chat", "Chat");
  managed.reason = "Managed";
  v1::PhoneRecord record = After({Assigned("com.chat.mod"), managed,
                                  Installed("org.other", "Other"), Installed("com.chat", "Chat")});
  ASSERT_TRUE(TakeInventory(world.policy, record).has_value());
  EXPECT_FALSE(HoldsWholeReading(record));
  std::string kept;
  for (const v1::SampledApp& app : record.apps())
    kept += app.bundle_id() + " " + app.reason() + ";";
  EXPECT_EQ(kept, "com.chat Managed;com.chat ;com.chat.mod ;");
}

TEST(PhoneSamples, TheSameInventoryIsReportedOnce) {
  const PhoneWorld world(kAndroid);
  std::vector<UemApp> apps = {Installed("com.chat", "Chat"), Installed("org.other", "Other")};
  v1::PhoneRecord record = After(apps);
  ASSERT_TRUE(TakeInventory(world.policy, record).has_value());
  std::swap(apps[0], apps[1]);
  apps.push_back(Assigned("com.assigned"));
  KeepReading({kNow, apps}, record);
  EXPECT_TRUE(HoldsWholeReading(record));
  EXPECT_FALSE(TakeInventory(world.policy, record).has_value());
  apps[0].version = "2";
  KeepReading({kNow, apps}, record);
  EXPECT_TRUE(TakeInventory(world.policy, record).has_value());
}

TEST(PhoneSamples, AnotherCatalogueForgetsWhatItDidNotChoose) {
  PhoneWorld world(kAndroid);
  v1::PhoneRecord record = After({Installed("com.chat", "Chat")});
  EXPECT_FALSE(ForgetOtherCatalogue(world.policy, record)) << "all of it is there";
  ASSERT_TRUE(TakeInventory(world.policy, record).has_value());
  EXPECT_FALSE(ForgetOtherCatalogue(world.policy, record));
  world.policy.by_bundle["org.other"] = 0;
  EXPECT_TRUE(ForgetOtherCatalogue(world.policy, record));
  EXPECT_EQ(record.apps_size(), 0);
  EXPECT_FALSE(record.facts().has_apps_read_at());
  EXPECT_FALSE(ForgetOtherCatalogue(world.policy, record)) << "once";
}

// Sites are closed by a profile, which Android has none of.
TEST(PhoneSamples, AnotherSiteIsAnotherCatalogueOfAnIphone) {
  for (const v1::Platform::Id platform : {kIos, kAndroid}) {
    PhoneWorld world(platform);
    v1::PhoneRecord record = After({Installed("com.chat", "Chat")});
    ASSERT_TRUE(TakeInventory(world.policy, record).has_value());
    world.policy.apps[0].web_hosts = {"web.chat.example"};
    EXPECT_EQ(ForgetOtherCatalogue(world.policy, record), platform == kIos);
  }
}

}  // namespace
}  // namespace muster::bridge
