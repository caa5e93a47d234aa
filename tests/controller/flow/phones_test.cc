// Which phones there are, whose they are, and what is told of them.
#include "controller/flow/phones.h"

#include <gtest/gtest.h>

#include "common/bridge_limits.h"
#include "tests/controller/flow/phone_world.h"

namespace muster {
namespace {

using Strings = std::vector<std::string>;

class PhonesTest : public PhoneWorld {
 protected:
  PhonesTest() { Connect(); }
  std::string Owner(const std::string& id) { return DeviceNow(id).owner_upn(); }
};

TEST_F(PhonesTest, ATokenIsForADeviceOrForABridge) {
  const auto ios = v1::Platform::IOS, none = v1::Platform::UNSPECIFIED;
  const auto enrol = [&](v1::Platform::Id for_platform, bool for_bridge, v1::Platform::Id platform,
                         bool bridge) {
    const auto token = CreateToken(*services_, Who("soc"),
                                   {.platform = for_platform,
                                    .owner_upn = "soc@agency.test",
                                    .group = "",
                                    .ttl = absl::Hours(1),
                                    .bridge = for_bridge},
                                   false);
    if (!token.ok()) return token.status();
    const TestDevice device;
    return EnrollDevice(*services_, *ca_,
                        {.token = token->token,
                         .csr_der = MakeCsr(device.key),
                         .hostname = "h",
                         .platform = platform,
                         .local_accounts = {},
                         .from = "test",
                         .bridge = bridge})
        .status();
  };
  EXPECT_EQ(enrol(none, true, none, false).message(),
            "this enrolment token is for a bridge; enrol it with `muster-bridge enroll`");
  EXPECT_EQ(enrol(ios, false, none, true).message(),
            "this enrolment token is for a device of platform IOS; a bridge needs one of "
            "`musterctl device token --bridge`");
  EXPECT_EQ(enrol(none, true, ios, true).message(),
            "this enrolment token is for a bridge, which has no platform, the device is IOS");
  EXPECT_EQ(enrol(ios, true, none, true).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(enrol(none, false, none, false).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(enrol(none, true, none, true).ok());
}

TEST_F(PhonesTest, NothingWaitsForABridge) {
  EXPECT_TRUE(DeviceNow(bridge_.id).bridge());
  EXPECT_EQ(*EnrolledDevices(*store_->Read()), Strings());
  EXPECT_EQ(Entitlements(bridge_.id), Strings({"nothing published"}));
  EXPECT_TRUE(hub_->Connected(bridge_.id)) << "it was enrolled, woken for, and not cut off";
  const auto second = LoadPersonByUpn(*store_->Read(), "second@agency.test");
  EXPECT_TRUE(DevicesOfPerson(*store_->Read(), *second)->empty());
  const auto request = SubmitFor("second");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  Settle();
  EXPECT_EQ(RequestNow(request->request_id()).state(), v1::Request::ACTIVE);
}

TEST_F(PhonesTest, TheFirstHelloRegisters) {
  const std::string id = Phone("u-1", "alice@agency.test");
  const v1::Device device = DeviceNow(id);
  EXPECT_EQ(device.state(), v1::Device::ENROLLED);
  EXPECT_EQ(device.platform(), v1::Platform::IOS);
  EXPECT_EQ(device.bridge_id(), bridge_.id);
  EXPECT_EQ(device.owner_id(), IdOf(kAlice));
  EXPECT_EQ(device.certificate_key_sha256(), bridge_.key.key_id());
  EXPECT_EQ(device.hostname(), "alice@agency.test's phone");
  EXPECT_EQ(device.group(), "phones");
  ASSERT_EQ(Audited("device.register").size(), 1u);
  EXPECT_EQ(Audited("device.register")[0].actor_id(), "device/" + bridge_.id);
  EXPECT_EQ(Entitlements(id), Strings()) << "published, without a grant";
  // Said again, it changes nothing.
  const int before = store_->commits();
  EXPECT_TRUE(SayHello(id, Identity("u-1", "alice@agency.test")).ok());
  EXPECT_EQ(store_->commits(), before);
  const auto alice = LoadPersonByUpn(*store_->Read(), "alice@agency.test");
  EXPECT_EQ(*DevicesOfPerson(*store_->Read(), *alice), std::set<std::string>({id}));
}

TEST_F(PhonesTest, TheOwnerIsOnePersonByTheUemsName) {
  const std::pair<const char*, const char*> kCases[] = {
      {"alice@agency.test", "alice@agency.test"},  // UPN
      {"ALICE@agency.test", "alice@agency.test"},
      {"bob", "bob@agency.test"},  // account
      {"nobody@agency.test", ""},
      {"", ""},
      {"ali", ""},  // never a part of a name
  };
  for (const auto& [user, owner] : kCases) {
    const std::string id = Phone(absl::StrCat("u-", user), user);
    EXPECT_EQ(Owner(id), owner) << user;
  }
  EXPECT_EQ(Audited("device.register").back().reason(),
            "a phone without an owner: nobody in the directory as last read has the name 'ali' "
            "that the UEM gives its user");
}

TEST_F(PhonesTest, SeveralPersonsOfOneNameAreNobody) {
  Mutation mutation;
  PutMark(mutation, AliasKey("duty@agency.test", IdOf(kAlice)));
  PutMark(mutation, AliasKey("duty@agency.test", IdOf(kBob)));
  ASSERT_TRUE(store_->Commit(std::move(mutation)).ok());
  const auto found = FindPhoneOwner(*store_->Read(), "duty@agency.test");
  EXPECT_FALSE(found->person.has_value());
  EXPECT_EQ(found->why_none,
            "2 persons have the name 'duty@agency.test' that the UEM gives its user");
  breaks_store_ = true;
}

TEST_F(PhonesTest, AnotherUserIsAnotherOwnerAndAnotherAssignment) {
  const auto request = SubmitFor("bob");
  ASSERT_TRUE(ApproveBy("soc", request->request_id()).ok());
  const std::string id = Phone("u-1", "alice@agency.test");
  EXPECT_EQ(Entitlements(id), Strings());
  EXPECT_TRUE(SayHello(id, Identity("u-1", "bob")).ok());
  Settle();
  EXPECT_EQ(Owner(id), "bob@agency.test");
  EXPECT_EQ(Entitlements(id),
            Strings({RequestNow(request->request_id()).grant_id() + " whatsapp"}));
  ASSERT_EQ(Audited("device.owner").size(), 1u);
  EXPECT_TRUE(SayHello(id, Identity("u-1", "nobody")).ok());
  Settle();
  EXPECT_EQ(Owner(id), "");
  EXPECT_EQ(Entitlements(id), Strings());
}

TEST_F(PhonesTest, APersonWhoComesLaterGetsThePhoneWithItsNextReport) {
  WriteDirectory({}, {"alice"});
  Run();
  const std::string id = Phone("u-1", "alice");
  EXPECT_EQ(Owner(id), "");
  WriteDirectory({});
  Run();
  ASSERT_TRUE(Send(id, StateOf("whatsapp", v1::PhoneApp::COMPLIANT)).ok());
  EXPECT_EQ(Owner(id), "alice@agency.test");
}

TEST_F(PhonesTest, WhatIsNotItsPhoneIsRefused) {
  const std::string id = PhoneId("u-1");
  const std::pair<v1::PhoneIdentity, absl::StatusCode> kCases[] = {
      {Identity("", "alice"), absl::StatusCode::kInvalidArgument},
      {Identity(std::string(129, 'x'), "alice"), absl::StatusCode::kInvalidArgument},
      {Identity("u-1", "alice", v1::Platform::LINUX), absl::StatusCode::kInvalidArgument},
      {Identity("u-2", "alice"), absl::StatusCode::kPermissionDenied},
  };
  PhoneRegistrar registrar(*services_);
  for (const auto& [identity, code] : kCases) {
    v1::Hello hello;
    *hello.mutable_phone() = identity;
    EXPECT_EQ(registrar.Hello({bridge_.id, "test"}, id, hello).code(), code);
  }
  // A laptop is no bridge, whatever it says.
  TestDevice laptop;
  laptop.id = EnrolDevice(laptop.key, "bob").device.device_id();
  v1::Hello hello;
  *hello.mutable_phone() = Identity("u-1", "bob");
  EXPECT_EQ(
      registrar.Hello({laptop.id, "test"}, PhoneDeviceId("agency", laptop.id, "u-1"), hello).code(),
      absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(Audited("device.register").empty());
}

TEST_F(PhonesTest, ABridgeIsRetiredWithItsPhones) {
  const std::string one = Phone("u-1", "alice"), two = Phone("u-2", "bob");
  const auto dry = RetireDevice(*services_, Who("soc"), bridge_.id, "replaced", true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->touched.changes,
            Strings({bridge_.id + " (uem-bridge): ENROLLED -> RETIRED",
                     "the 2 phones of bridge " + bridge_.id + " -> RETIRED"}));
  EXPECT_EQ(dry->touched.devices, 3u);
  EXPECT_EQ(dry->touched.persons, 2u);
  EXPECT_EQ(DeviceNow(one).state(), v1::Device::ENROLLED);
  // A crash after the bridge itself: nobody speaks for the phones, and once more ends it.
  store_->FailIn(2);
  EXPECT_FALSE(RetireDevice(*services_, Who("soc"), bridge_.id, "replaced", false).ok());
  EXPECT_EQ(DeviceNow(bridge_.id).state(), v1::Device::RETIRED);
  EXPECT_EQ(DeviceNow(one).state(), v1::Device::ENROLLED);
  PhoneRegistrar registrar(*services_);
  v1::Hello hello;
  *hello.mutable_phone() = Identity("u-1", "alice");
  EXPECT_EQ(registrar.Hello({bridge_.id, "test"}, one, hello).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(RetireDevice(*services_, Who("soc"), bridge_.id, "replaced", false).ok());
  EXPECT_EQ(DeviceNow(one).state(), v1::Device::RETIRED);
  EXPECT_EQ(DeviceNow(two).state(), v1::Device::RETIRED);
  EXPECT_EQ(Audited("device.retire").size(), 3u);
  EXPECT_EQ(RetireDevice(*services_, Who("soc"), bridge_.id, "replaced", false).status().code(),
            absl::StatusCode::kFailedPrecondition);
  Settle();
  EXPECT_EQ(wire_->closed.code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(PhonesTest, AProblemIsToldOnceAndSoIsItsEnd) {
  using App = v1::PhoneApp;
  const std::string id = Phone("u-1", "alice");
  const auto send = [&](App::State state) {
    ASSERT_TRUE(Send(id, StateOf("whatsapp", state)).ok());
  };
  for (const App::State state : {App::COMPLIANT, App::VIOLATION, App::VIOLATION, App::PENDING,
                                 App::UNKNOWN, App::VIOLATION, App::PENDING}) {
    send(state);
  }
  EXPECT_EQ(PhoneEntries().size(), 1u) << "neither COMPLIANT at first nor PENDING tell anything";
  send(App::COMPLIANT);
  send(App::COMPLIANT);
  send(App::NOT_ENFORCEABLE);
  EXPECT_EQ(PhoneEntries().size(), 3u);
  // No longer named: its verdict is ALLOW by now.
  ASSERT_TRUE(Send(id, StateOf("signal", App::COMPLIANT)).ok());
  Strings reasons, subjects;
  for (const char* verb : {"phone.violation", "phone.not-enforceable", "phone.resolved"}) {
    for (const v1::AuditEntry& e : Audited(verb)) {
      reasons.push_back(absl::StrCat(verb, " ", e.reason()));
      EXPECT_EQ(e.object(), "device/" + id);
      const std::set<std::string> about_whom(e.subjects().begin(), e.subjects().end());
      EXPECT_TRUE(about_whom.contains("person/" + IdOf(kAlice)));
      EXPECT_TRUE(about_whom.contains("device/" + id));
      EXPECT_TRUE(about_whom.contains("app/whatsapp"));
    }
  }
  EXPECT_EQ(reasons,
            Strings({"phone.violation whatsapp: because", "phone.not-enforceable whatsapp: because",
                     "phone.resolved whatsapp: because",
                     "phone.resolved whatsapp is kept from this phone no longer"}));
}

TEST_F(PhonesTest, WhatTheUemSaysIsBoundedAndStaysReadable) {
  const std::string id = Phone("u-1", "alice");
  v1::Report report;
  std::string word = "x";
  for (int i = 0; i < 400; ++i) word += "é";
  for (size_t i = 0; i < limits::kMaxReportedPhoneApps + 5; ++i) {
    v1::PhoneApp& app = *report.mutable_phone()->add_apps();
    app.set_app_id(absl::StrCat("app", i));
    app.set_why(word);
    app.set_reason(word);
  }
  *report.mutable_phone()->mutable_identity() = Identity("u-9", "bob");
  report.mutable_phone()->mutable_facts()->set_os(word);
  ASSERT_TRUE(Send(id, report).ok());
  const v1::PhoneStatus status = StatusNow(id);
  EXPECT_EQ(status.report().apps_size(), static_cast<int>(limits::kMaxReportedPhoneApps));
  EXPECT_EQ(status.report().apps(0).why(), word.substr(0, 511));
  EXPECT_EQ(status.report().apps(0).reason(), word.substr(0, 127));
  EXPECT_EQ(status.report().facts().os(), word.substr(0, 511));
  EXPECT_EQ(status.report().identity().uem_id(), "u-1");
  EXPECT_EQ(Owner(id), "alice@agency.test");
}

TEST_F(PhonesTest, OnlyABridgesPhoneReportsAsOne) {
  TestDevice laptop;
  laptop.id = EnrolDevice(laptop.key, "bob").device.device_id();
  for (v1::Report report : {StateOf("whatsapp", v1::PhoneApp::VIOLATION), v1::Report()}) {
    if (!report.has_phone()) report.mutable_bridge()->set_phones(7);
    const auto outcome = IngestReport(*services_, laptop.id, laptop.Sign(report), {});
    EXPECT_EQ(outcome->acked_seq, laptop.seq) << "its chain goes on";
  }
  EXPECT_EQ(Audited("report.refused").size(), 2u);
  EXPECT_FALSE(DeviceNow(laptop.id).has_bridge_report());
  EXPECT_FALSE(Find<v1::PhoneStatus>(*store_->Read(), PhoneKey(laptop.id))->has_value());
}

TEST_F(PhonesTest, ABridgeReportsOfItself) {
  v1::Report report;
  report.mutable_bridge()->set_uem("workspace-one https://uem.agency.test");
  report.mutable_bridge()->set_phones(2);
  ASSERT_TRUE(IngestReport(*services_, bridge_.id, bridge_.Sign(report), {}).ok());
  EXPECT_EQ(DeviceNow(bridge_.id).bridge_report().phones(), 2u);
}

TEST_F(PhonesTest, NobodyElseIsReportedOntoAPhone) {
  const std::string id = Phone("u-1", "alice");
  v1::Report report;
  report.mutable_status()->set_mode(v1::StatusReport::ENFORCING);
  report.mutable_status()->add_local_accounts("bob");
  report.mutable_status()->set_hostname("bob's");
  ASSERT_TRUE(Send(id, report).ok());
  EXPECT_EQ(DeviceNow(id).mode(), v1::StatusReport::ENFORCING);
  EXPECT_EQ(DeviceNow(id).hostname(), "alice's phone");
  EXPECT_EQ(PersonsOfDevice(*store_->Read(), DeviceNow(id))->size(), 1u);
}

}  // namespace
}  // namespace muster
