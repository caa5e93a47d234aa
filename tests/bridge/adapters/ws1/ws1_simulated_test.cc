// Every call of the client against the simulator, which was written from the same facts by other
// hands: what the one asks, the other understands. It proves nothing about the real service.
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bridge/adapters/ws1/ws1_client.h"
#include "common/time_proto.h"
#include "tests/support/now.h"
#include "tests/support/uem_simulator/client_options.h"
#include "tests/support/uem_simulator/simulator.h"

namespace muster::bridge {
namespace {

using Kind = UemCall::Kind;
using uemsim::Fault;
using v1::PhoneFacts;

constexpr char kBundle[] = "net.whatsapp.WhatsApp";

constexpr char kProfile[] =
    R"(<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string><key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>example.muster</string>
<key>PayloadUUID</key><string>0A1B2C3D-0000-4000-8000-000000000001</string>
<key>PayloadRemovalDisallowed</key><true/>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.applicationaccess</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>example.muster.apps</string>
<key>PayloadUUID</key><string>0A1B2C3D-0000-4000-8000-000000000002</string>
<key>blockedAppBundleIDs</key><array><string>net.whatsapp.WhatsApp</string></array>
</dict></array></dict></plist>)";

struct Simulated : testing::Test {
  FakeClock clock{kNow};
  uemsim::Simulator sim{{}, &clock};
  Ws1Client client{SimulatedUem({}), &sim, &clock};

  UemAnswer Do(const UemCall& call) {
    const UemAnswer answer = client.Do(call);
    EXPECT_TRUE(answer.status.ok()) << CallName(call.kind) << " " << answer.status;
    return answer;
  }
  UemCall About(Kind kind, const UemPhone& phone, const ManagedApp& app = {}) {
    UemCall call;
    call.kind = kind;
    call.phone = phone;
    call.app = app;
    return call;
  }
  UemPhone Add(uemsim::SimPhone phone) {
    const std::string uuid = sim.AddPhone(phone);
    for (const UemPhone& listed : Do(About(Kind::kListPhones, {})).phones) {
      if (listed.identity.uem_id() == uuid) return listed;
    }
    ADD_FAILURE() << "not listed";
    return {};
  }
  ManagedApp AddApp(ManagedApp::Kind kind) {
    uemsim::SimManagedApp app;
    app.kind = kind;
    app.bundle_id = kBundle;
    app.uuid = "0a1b2c3d-0000-4000-8000-0000000000aa";
    app.assigned_to_all = true;
    ManagedApp out;
    out.kind = kind;
    out.platform = v1::Platform::IOS;
    out.bundle_id = kBundle;
    out.uem_id = absl::StrCat(sim.AddManagedApp(app));
    if (kind == ManagedApp::Kind::kPurchased) out.uem_id = app.uuid;
    return out;
  }
  std::string Shown(const UemPhone& phone) {
    for (const UemApp& app : Do(About(Kind::kListApps, phone)).apps) {
      if (app.bundle_id == kBundle) return app.installed ? "installed" : "not installed";
    }
    return "absent";
  }
};

TEST_F(Simulated, PhonesAreListedWholeAcrossPages) {
  std::set<std::string> made, listed;
  for (int i = 0; i < 1'203; ++i) {
    uemsim::SimPhone phone;
    phone.user = absl::StrCat("user", i);
    made.insert(sim.AddPhone(phone));
  }
  UemCall call = About(Kind::kListPhones, {});
  while (true) {
    const UemAnswer answer = Do(call);
    EXPECT_TRUE(answer.simulator);
    for (const UemPhone& phone : answer.phones) listed.insert(phone.identity.uem_id());
    if (answer.last_page || ++call.page > 9) break;
  }
  EXPECT_EQ(call.page, 2u);
  EXPECT_EQ(listed, made);
}

TEST_F(Simulated, APhoneIsTheSameHoweverItIsAskedFor) {
  uemsim::SimPhone made;
  made.user = "pat";
  made.serial = "SER1";
  made.os = "17.5.1";
  for (const auto management :
       {PhoneFacts::SUPERVISED, PhoneFacts::UNSUPERVISED, PhoneFacts::USER_ENROLLED}) {
    made.management = management;
    made.serial += "x";
    const UemPhone phone = Add(made);
    EXPECT_EQ(phone.identity.user_name() + phone.facts.os(), "pat17.5.1");
    EXPECT_EQ(phone.identity.serial(), made.serial);
    EXPECT_EQ(phone.facts.enrolment(), PhoneFacts::ENROLLED);
    EXPECT_EQ(phone.facts.management(), management);
    EXPECT_EQ(FromProto(phone.facts.enrolled_at()), kNow);
    UemPhone by_uuid = phone;
    by_uuid.number = 0;
    for (const UemPhone& asked : {phone, by_uuid}) {
      const UemAnswer one = Do(About(Kind::kGetPhone, asked));
      ASSERT_EQ(one.phones.size(), 1u);
      EXPECT_EQ(one.phones[0].identity.SerializeAsString(), phone.identity.SerializeAsString());
      EXPECT_EQ(one.phones[0].facts.SerializeAsString(), phone.facts.SerializeAsString());
      EXPECT_EQ(one.phones[0].number, phone.number);
      EXPECT_EQ(one.phones[0].udid, phone.udid);
    }
  }
}

TEST_F(Simulated, AppsAreInstalledAndRemovedWhateverTheirKind) {
  for (const auto kind :
       {ManagedApp::Kind::kPublic, ManagedApp::Kind::kInternal, ManagedApp::Kind::kPurchased}) {
    const ManagedApp app = AddApp(kind);
    const UemPhone phone = Add({});
    EXPECT_FALSE(Do(About(Kind::kGetApp, phone, app)).apps.at(0).installed);
    Do(About(Kind::kInstallApp, phone, app));
    clock.Advance(absl::Minutes(5));
    EXPECT_EQ(Shown(phone), "installed") << static_cast<int>(kind);
    const UemApp read = Do(About(Kind::kGetApp, phone, app)).apps.at(0);
    EXPECT_TRUE(read.installed);
    EXPECT_EQ(read.reason, "Managed");
    Do(About(Kind::kRemoveApp, phone, app));
    clock.Advance(absl::Minutes(5));
    EXPECT_NE(Shown(phone), "installed") << static_cast<int>(kind);
  }
  EXPECT_EQ(sim.redundant(), 0u);
}

TEST_F(Simulated, AnAppOfThePersonCannotBeRemoved) {
  const ManagedApp app = AddApp(ManagedApp::Kind::kPublic);
  const UemPhone phone = Add({});
  ASSERT_TRUE(sim.InstallByPerson(phone.identity.uem_id(), kBundle).ok());
  Do(About(Kind::kQueryPhone, phone));
  clock.Advance(absl::Minutes(5));
  EXPECT_EQ(Do(About(Kind::kGetApp, phone, app)).apps.at(0).reason, "UserInstalledApp");
  const UemAnswer refused = client.Do(About(Kind::kRemoveApp, phone, app));
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status)) << refused.status;
  EXPECT_FALSE(refused.effect_unknown);
}

TEST_F(Simulated, AProfileHides) {
  const UemPhone phone = Add({});
  ASSERT_TRUE(sim.InstallByPerson(phone.identity.uem_id(), kBundle).ok());
  UemCall call = About(Kind::kInstallProfile, phone);
  call.payload = kProfile;
  Do(call);
  clock.Advance(absl::Minutes(5));
  sim.Tick();
  const auto truth = sim.Phone(phone.identity.uem_id());
  ASSERT_EQ(truth->profiles.size(), 1u);
  EXPECT_EQ(absl::StrJoin(truth->profiles[0].blocked_bundle_ids, ","), kBundle);
  ASSERT_NE(truth->Find(kBundle), nullptr);
  EXPECT_TRUE(truth->Find(kBundle)->hidden);
}

TEST_F(Simulated, ApplicationGroupsAreFoundMadeAndChanged) {
  UemCall call;
  call.kind = Kind::kFindAppGroup;
  call.group.name = "Muster blocked ios";
  call.group.platform = v1::Platform::IOS;
  call.group.bundle_ids = {"a.b"};
  EXPECT_FALSE(Do(call).group.has_value());
  call.kind = Kind::kCreateAppGroup;
  const auto made = Do(call).group;
  ASSERT_TRUE(made.has_value());
  call.kind = Kind::kFindAppGroup;
  const auto found = Do(call).group;
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, made->id);
  call.group.id = found->id;
  call.kind = Kind::kAddToAppGroup;
  call.group.bundle_ids = {"c.d", "e.f"};
  Do(call);
  Do(call);  // it is there already
  call.group.bundle_ids = {"a.b"};
  call.kind = Kind::kRemoveFromAppGroup;
  Do(call);
  call.kind = Kind::kGetAppGroup;
  EXPECT_EQ(absl::StrJoin(Do(call).group->bundle_ids, ","), "c.d,e.f");
  EXPECT_EQ(absl::StrJoin(sim.AppGroup(call.group.name), ","), "c.d,e.f");
}

TEST_F(Simulated, SmartGroupsAreFoundMadeAndChangedAndAppsAssigned) {
  UemCall call;
  call.kind = Kind::kFindSmartGroup;
  call.group.name = "Muster allowed whatsapp";
  const std::string users = sim.AddUserGroup({.name = "G-WhatsApp"});
  const std::string more = sim.AddUserGroup({.name = "G-More"});
  call.group.user_groups = {users};
  EXPECT_FALSE(Do(call).group.has_value());
  call.kind = Kind::kCreateSmartGroup;
  ASSERT_TRUE(Do(call).group.has_value());
  call.kind = Kind::kFindSmartGroup;
  const auto found = Do(call).group;
  ASSERT_TRUE(found.has_value() && !found->id.empty() && !found->uuid.empty());
  call.group.id = found->id;
  call.group.uuid = found->uuid;
  call.kind = Kind::kChangeSmartGroup;
  call.group.user_groups = {more};
  Do(call);
  call.kind = Kind::kGetSmartGroup;
  std::vector<std::string> both = {users, more};
  std::sort(both.begin(), both.end());
  EXPECT_EQ(Do(call).group->user_groups, both);
  call.kind = Kind::kAssignApp;
  call.app = AddApp(ManagedApp::Kind::kPublic);
  Do(call);
  Do(call);  // it is assigned already
  call.app.uem_id = "999999";
  EXPECT_TRUE(absl::IsInvalidArgument(client.Do(call).status));
  call.kind = Kind::kGetSmartGroup;
  call.group.id = "999999";
  EXPECT_TRUE(absl::IsNotFound(client.Do(call).status));
}

TEST_F(Simulated, MembersComeWithTheSync) {
  UemCall call;
  call.group.uuid = sim.AddUserGroup({.name = "G-WhatsApp", .members = {"kim"}});
  ASSERT_TRUE(sim.SetDirectory(call.group.uuid, {"kim", "pat"}).ok());
  call.kind = Kind::kListMembers;
  EXPECT_EQ(Do(call).members, (std::vector<std::string>{"kim"}));
  call.kind = Kind::kSyncUserGroup;
  Do(call);
  Do(call);  // one runs already
  clock.Advance(absl::Minutes(2));
  call.kind = Kind::kAddMissingUsers;
  Do(call);
  clock.Advance(absl::Minutes(2));
  call.kind = Kind::kListMembers;
  const UemAnswer members = Do(call);
  EXPECT_EQ(std::set<std::string>(members.members.begin(), members.members.end()),
            (std::set<std::string>{"kim", "pat"}));
  EXPECT_TRUE(members.last_page);
}

TEST_F(Simulated, TokensThatEndAreReplaced) {
  Add({});
  clock.Advance(absl::Hours(3));
  Do(About(Kind::kListPhones, {}));
  sim.RevokeTokens();
  Do(About(Kind::kListPhones, {}));
}

TEST_F(Simulated, FaultsAreToldApart) {
  const ManagedApp app = AddApp(ManagedApp::Kind::kPublic);
  struct Case {
    Fault fault;
    absl::StatusCode want;
    bool effect_unknown;
  };
  const Case kCases[] = {
      {Fault::kLostAfter, absl::StatusCode::kUnavailable, true},
      {Fault::kErrorWithEffect, absl::StatusCode::kUnavailable, true},
      {Fault::kUnavailable, absl::StatusCode::kResourceExhausted, true},
      {Fault::kThrottleStorm, absl::StatusCode::kResourceExhausted, false},
  };
  for (const Case& c : kCases) {
    const UemPhone phone = Add({});
    sim.FailNext(c.fault, 1, "/install");
    const UemAnswer got = client.Do(About(Kind::kInstallApp, phone, app));
    EXPECT_EQ(got.status.code(), c.want) << got.status;
    EXPECT_EQ(got.effect_unknown, c.effect_unknown) << uemsim::FaultName(c.fault);
    clock.Advance(absl::Minutes(10));
  }
  for (const Fault fault : {Fault::kBrokenJson, Fault::kTruncated, Fault::kLostBefore}) {
    sim.FailNext(fault, 1, "/search");
    EXPECT_TRUE(absl::IsUnavailable(client.Do(About(Kind::kListPhones, {})).status))
        << uemsim::FaultName(fault);
  }
}

}  // namespace
}  // namespace muster::bridge
