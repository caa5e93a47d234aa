// What happens on phones, as the interface shows it and as it is.
#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "common/clock.h"
#include "common/crypto.h"
#include "tests/support/uem_simulator/profile.h"
#include "tests/support/uem_simulator/test_client.h"

namespace muster::uemsim {
namespace {

using Facts = v1::PhoneFacts;

class Phones : public ::testing::Test {
 protected:
  Phones() : simulator_(SimOptions(), &clock_), client_(&simulator_) {
    simulator_.AddManagedApp({.id = 77, .bundle_id = "com.chat", .assigned_to_all = true});
    simulator_.AddManagedApp({.id = 78,
                              .platform = v1::Platform::ANDROID,
                              .bundle_id = "com.droid",
                              .assigned_to_all = true});
  }
  std::string Add(Facts::Management management, SimPhone phone = {}) {
    phone.management = management;
    return simulator_.AddPhone(phone);
  }
  int App(const std::string& uuid, const char* verb) {
    return client_
        .Call("POST", absl::StrCat("/api/mam/apps/public/77/", verb),
              {{"DeviceId", simulator_.Phone(uuid)->number}})
        .status;
  }
  int Command(const std::string& uuid, const std::string& command, const Json& body = nullptr) {
    return client_
        .Call("POST",
              absl::StrCat("/api/mdm/devices/", simulator_.Phone(uuid)->number,
                           "/commands?command=", command),
              body)
        .status;
  }
  // Action and whether it is installed, by the interface.
  std::string Shown(const std::string& uuid, const std::string& bundle_id = "com.chat") {
    client_.SignIn();  // hours may have gone by
    const Json items =
        client_.Get(absl::StrCat("/api/mdm/devices/", uuid, "/apps/search")).json["app_items"];
    for (const Json& item : items) {
      if (item["bundle_id"] != bundle_id) continue;
      return absl::StrCat(item["latest_uem_action"].get<std::string>(), " ",
                          item["installed_status"].get<std::string>());
    }
    return "";
  }
  std::string Reason(const std::string& uuid, const std::string& bundle_id = "com.chat") {
    const Got got =
        client_.Get(absl::StrCat("/api/mdm/devices/", uuid, "/apps?bundleid=", bundle_id));
    if (got.status != 200) return absl::StrCat(got.status, "/", got.code());
    return got.json["device_sample_info"]["latest_app_reason"];
  }

  FakeClock clock_{TestStart()};
  Simulator simulator_;
  TestClient client_;
};

TEST_F(Phones, AnInstallationGoesItsWay) {
  const std::string phone = Add(Facts::SUPERVISED);
  EXPECT_EQ(App(phone, "install"), 202);
  EXPECT_EQ(Shown(phone), "InstallCommandReadyForDevice NotInstalled");
  EXPECT_EQ(simulator_.Phone(phone)->queue, std::vector<std::string>{"install com.chat"});
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Shown(phone), "InstallCommandDispatched NotInstalled");
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(Shown(phone), "InstallCommandDispatched Installed");
  EXPECT_EQ(Reason(phone), "Managed");
  EXPECT_TRUE(simulator_.Phone(phone)->Find("com.chat")->managed);
  EXPECT_EQ(App(phone, "uninstall"), 204);
  EXPECT_EQ(Shown(phone), "PendingRemoval Installed");
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Shown(phone), "RemoveCommandSuccessful NotInstalled");
  EXPECT_EQ(simulator_.Phone(phone)->Find("com.chat"), nullptr);
}

TEST_F(Phones, RepeatedEffectsAreSeen) {
  const std::string phone = Add(Facts::SUPERVISED);
  const auto redundant = [&] { return simulator_.Calls().back().redundant; };
  App(phone, "uninstall");
  EXPECT_TRUE(redundant());  // it is not there
  App(phone, "install");
  EXPECT_FALSE(redundant());
  App(phone, "install");
  EXPECT_TRUE(redundant());  // queued
  clock_.Advance(absl::Seconds(6));
  App(phone, "install");
  EXPECT_TRUE(redundant());  // under way
  App(phone, "uninstall");
  EXPECT_FALSE(redundant());
  App(phone, "install");
  EXPECT_FALSE(redundant());  // after a removal in the queue
  EXPECT_EQ(simulator_.effects(), 6u);
  EXPECT_EQ(simulator_.redundant(), 3u);
}

TEST_F(Phones, APhoneThatIsOffKeepsItsQueue) {
  const std::string phone = Add(Facts::SUPERVISED, {.online = false});
  EXPECT_EQ(App(phone, "install"), 202);
  clock_.Advance(absl::Hours(48));
  EXPECT_EQ(Shown(phone), "InstallCommandReadyForDevice NotInstalled");
  EXPECT_EQ(simulator_.Phone(phone)->last_seen, TestStart());
  ASSERT_TRUE(simulator_.SetOnline(phone, true).ok());
  clock_.Advance(absl::Seconds(25));
  EXPECT_EQ(Shown(phone), "InstallCommandDispatched Installed");
}

TEST_F(Phones, WhatAPersonInstalledIsSeenWithTheNextSampleAndCannotBeRemoved) {
  const std::string phone = Add(Facts::UNSUPERVISED);
  ASSERT_TRUE(simulator_.InstallByPerson(phone, "com.chat", "2.0").ok());
  EXPECT_EQ(Shown(phone), "Unknown NotInstalled");
  EXPECT_EQ(Command(phone, "DeviceQuery"), 202);
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Shown(phone), "Unknown Installed");
  EXPECT_EQ(Reason(phone), "UserInstalledApp");
  EXPECT_EQ(App(phone, "uninstall"), 403);
  // An unsupervised phone does not let the UEM take the app over.
  EXPECT_EQ(App(phone, "install"), 202);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Shown(phone), "InstallCommandFailed Installed");
  EXPECT_EQ(Reason(phone), "ManagementRejected");
  EXPECT_FALSE(simulator_.Phone(phone)->Find("com.chat")->managed);
}

TEST_F(Phones, ARemovalFailsWhereThePersonWasFaster) {
  const std::string phone = Add(Facts::SUPERVISED);
  ASSERT_TRUE(simulator_.InstallByPerson(phone, "com.chat").ok());
  EXPECT_EQ(App(phone, "uninstall"), 204);  // the UEM does not know yet
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Shown(phone), "RemoveApplicationFailed Installed");
}

TEST_F(Phones, APersonDeclinesOrDeletes) {
  const std::string phone = Add(Facts::UNSUPERVISED, {.person_rejects = {"com.chat"}});
  App(phone, "install");
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(Shown(phone), "InstallCommandFailed NotInstalled");
  EXPECT_EQ(Reason(phone), "UserRejected");
  const std::string other = Add(Facts::SUPERVISED);
  App(other, "install");
  clock_.Advance(absl::Seconds(30));
  ASSERT_TRUE(simulator_.RemoveByPerson(other, "com.chat").ok());
  Command(other, "SyncDevice");
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Reason(other), "ManagedButUninstalled");
}

TEST_F(Phones, AProfileHidesOnSupervisedPhonesAlone) {
  for (const bool supervised : {true, false}) {
    const std::string phone = Add(supervised ? Facts::SUPERVISED : Facts::UNSUPERVISED);
    ASSERT_TRUE(simulator_.InstallByPerson(phone, "com.chat").ok());
    const Json command = ProfileCommand(TestProfile("com.chat"));
    EXPECT_EQ(Command(phone, "CustomMdmCommand", command), 202);
    EXPECT_FALSE(simulator_.Calls().back().redundant);
    clock_.Advance(absl::Seconds(5));
    EXPECT_EQ(Shown(phone), "Unknown Installed");
    EXPECT_EQ(simulator_.Phone(phone)->Find("com.chat")->hidden, supervised);
    EXPECT_EQ(simulator_.InstallByPerson(phone, "com.chat").ok(), !supervised);
    EXPECT_EQ(simulator_.RemoveProfileByPerson(phone, "org.muster").ok(), !supervised);
    if (!supervised) continue;
    EXPECT_EQ(Command(phone, "CustomMdmCommand", command), 202);
    EXPECT_TRUE(simulator_.Calls().back().redundant);
    // The next of this name takes its place; one of another name adds up.
    Command(phone, "CustomMdmCommand", ProfileCommand(TestProfile("com.other")));
    Command(phone, "CustomMdmCommand", ProfileCommand(TestProfile("com.third", "org.else")));
    clock_.Advance(absl::Seconds(5));
    EXPECT_FALSE(simulator_.Phone(phone)->Find("com.chat")->hidden);
    EXPECT_EQ(simulator_.Phone(phone)->profiles.size(), 2u);
  }
}

TEST_F(Phones, ASignedProfileIsTheSameProfile) {
  const auto key = PrivateKey::Generate(kEcdsaP256Sha256);
  ASSERT_TRUE(key.ok());
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key->handle());
  X509_sign(certificate, key->handle(), EVP_sha256());
  const std::string plain = TestProfile("com.chat");
  BIO* in = BIO_new_mem_buf(plain.data(), static_cast<int>(plain.size()));
  CMS_ContentInfo* cms = CMS_sign(certificate, key->handle(), nullptr, in, CMS_BINARY);
  ASSERT_NE(cms, nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(cms, &der);
  const auto profile =
      ParseProfile(absl::string_view(reinterpret_cast<char*>(der), static_cast<size_t>(size)));
  OPENSSL_free(der);
  CMS_ContentInfo_free(cms);
  BIO_free(in);
  X509_free(certificate);
  ASSERT_TRUE(profile.ok()) << profile.status();
  EXPECT_TRUE(profile->is_signed);
  EXPECT_EQ(profile->sha256, Sha256Hex(plain));
  EXPECT_EQ(profile->blocked_bundle_ids, std::vector<std::string>{"com.chat"});
  EXPECT_TRUE(profile->removal_disallowed);
}

TEST_F(Phones, BreakingMdmTakesWhatWasManaged) {
  const std::string phone = Add(Facts::SUPERVISED);
  App(phone, "install");
  Command(phone, "CustomMdmCommand", ProfileCommand(TestProfile("com.mine")));
  ASSERT_TRUE(simulator_.InstallByPerson(phone, "com.mine").ok());
  clock_.Advance(absl::Seconds(30));
  EXPECT_TRUE(simulator_.Phone(phone)->Find("com.mine")->hidden);
  ASSERT_TRUE(simulator_.Unenroll(phone).ok());
  const PhoneTruth truth = *simulator_.Phone(phone);
  EXPECT_EQ(truth.Find("com.chat"), nullptr);
  EXPECT_FALSE(truth.Find("com.mine")->hidden);
  EXPECT_EQ(App(phone, "install"), 400);
  EXPECT_EQ(client_.Get("/api/mdm/devices/search").json["Devices"][0]["EnrollmentStatus"],
            "Unenrolled");
  ASSERT_TRUE(simulator_.ReEnroll(phone, Facts::UNSUPERVISED).ok());
  EXPECT_EQ(App(phone, "install"), 202);
}

TEST_F(Phones, WhatPrivacyHidesIsInNoSample) {
  const std::string phone = Add(Facts::SUPERVISED, {.personal_apps_hidden = true});
  ASSERT_TRUE(simulator_.InstallByPerson(phone, "com.mine").ok());
  Command(phone, "DeviceQuery");
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(Shown(phone, "com.mine"), "");
  EXPECT_EQ(Reason(phone, "com.mine"), "404/5005");
  ASSERT_TRUE(simulator_.SetPersonalAppsHidden(phone, false).ok());
  clock_.Advance(absl::Hours(4));
  EXPECT_EQ(Shown(phone, "com.mine"), "Unknown Installed");
}

TEST(PhoneSamples, ACheckInNeedNotBringOne) {
  FakeClock clock(TestStart());
  Simulator simulator({.sample_at_check_in = false}, &clock);
  const std::string phone = simulator.AddPhone({});
  ASSERT_TRUE(simulator.InstallByPerson(phone, "com.mine").ok());
  clock.Advance(absl::Hours(9));
  EXPECT_GT(simulator.Phone(phone)->last_seen, TestStart());
  EXPECT_EQ(simulator.Phone(phone)->sampled_at, TestStart());
}

TEST(PhoneControl, AnAgencysProfileBlocksOnAndroidWhatAGroupNames) {
  FakeClock clock(TestStart());
  const std::string group = "22222222-2222-4222-8222-222222222222";
  Simulator simulator({.android_app_control = {{"Muster blocked android", group}}}, &clock);
  TestClient client(&simulator);
  simulator.AddUserGroup({.uuid = group, .members = {"ada"}});
  const Json body = {{"Name", "Muster blocked android"},
                     {"Platform", "Android"},
                     {"AppGroupType", "Blacklist"},
                     {"Applications", Json::array({{{"Name", "x"}, {"BundleId", "com.x"}}})}};
  ASSERT_EQ(client.Call("POST", "/api/mam/apps/appgroups", body).status, 200);
  const struct {
    const char* user;
    Facts::Management management;
    bool hidden;
  } kCases[] = {{"bob", Facts::DEVICE_OWNER, true},
                {"ada", Facts::DEVICE_OWNER, false},
                {"bob", Facts::PERSONAL_WORK_PROFILE, false}};
  for (const auto& each : kCases) {
    const std::string phone = simulator.AddPhone(
        {.user = each.user, .platform = v1::Platform::ANDROID, .management = each.management});
    ASSERT_TRUE(simulator.InstallByPerson(phone, "com.x").ok());
    clock.Advance(absl::Hours(5));
    EXPECT_EQ(simulator.Phone(phone)->Find("com.x")->hidden, each.hidden) << each.user;
  }
}

TEST(PhonePlist, WrongOnesAreSaidToBe) {
  for (const char* xml :
       {"", "<dict>", "<dict><key>a</key></dict>", "<dict><string>a</string></dict>",
        "<plist version=\"1.0\"><dict></dict>", "<dict></dict>x", "<integer>x</integer>",
        "<data>%</data>", "<dict><key>a</key><true/><key>a</key><true/></dict>"}) {
    EXPECT_EQ(ParsePlist(xml).status().code(), absl::StatusCode::kInvalidArgument) << xml;
  }
  EXPECT_EQ(*ParsePlist("<plist version=\"1.0\"><array><string>a&amp;b</string><integer>-4"
                        "</integer><false/><array/></array></plist>"),
            Json::array({"a&b", -4, false, Json::array()}));
}

}  // namespace
}  // namespace muster::uemsim
