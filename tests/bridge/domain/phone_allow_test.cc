#include <gtest/gtest.h>

#include "common/bridge_limits.h"
#include "tests/bridge/domain/phone_rows.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;
using Facts = v1::PhoneFacts;
using Op = v1::BridgeOperation;
using World = PhoneWorld;

World& Grant(World& w) { return w.Verdict(v1::Verdict::ALLOW, true); }
World& ExportOnly(World& w) { return w.Verdict(v1::Verdict::ALLOW_EXPORT_ONLY); }
World& Unlisted(World& w) { return w.Verdict(v1::Verdict::REPORT); }

const Row kGranted[] = {
    {"absent", kAndroid, [](World& w) { Grant(w); }, App::PENDING, App::INSTALLED, App::ABSENT,
     "install", "The UEM is told next to install it."},
    {"absent, personal apps are kept back", kAndroid,
     [](World& w) { Grant(w).facts().set_personal_apps_hidden(true); }, App::PENDING,
     App::INSTALLED, App::ABSENT, "install", "The UEM is told next to install it."},
    {"queued", kAndroid, [](World& w) { Grant(w).Operation(Op::INSTALL_APP, Op::QUEUED); },
     App::PENDING, App::INSTALLED, App::ABSENT, "", "The UEM is told next to install it."},
    {"accepted", kAndroid, [](World& w) { Grant(w).Operation(Op::INSTALL_APP, Op::ACCEPTED); },
     App::PENDING, App::INSTALLED, App::ABSENT, "", "The UEM was told to install it; it comes"},
    {"refused", kAndroid,
     [](World& w) { Grant(w).Operation(Op::INSTALL_APP, Op::REFUSED, kNow, "no licence"); },
     App::PENDING, App::INSTALLED, App::ABSENT, "", "The UEM refused to install it (no licence)"},
    {"failed on the phone", kAndroid,
     [](World& w) {
       v1::SampledApp& app =
           Grant(w).Operation(Op::INSTALL_APP, Op::ACCEPTED).Sample("Failed", false);
       app.set_latest_action("InstallCommandFailed");
       *app.mutable_latest_action_at() = ToProto(Ago(absl::Hours(3)));
     },
     App::PENDING, App::INSTALLED, App::ABSENT, "",
     "The UEM could not install it (InstallCommandFailed)"},
    {"the person took it away today", kAndroid,
     [](World& w) {
       Grant(w).Sample("ManagedButUninstalled", false);
       App& was = w.Was(App::COMPLIANT, "ALLOW");
       was.set_action("install");
       *was.mutable_action_at() = ToProto(Ago(absl::Hours(23)));
     },
     App::PENDING, App::INSTALLED, App::ABSENT, "", "The person refused it or took it away"},
    {"the person took it away yesterday", kAndroid,
     [](World& w) {
       Grant(w).Sample("ManagedButUninstalled", false);
       App& was = w.Was(App::PENDING, "ALLOW");
       was.set_action("install");
       *was.mutable_action_at() = ToProto(Ago(absl::Hours(24)));
     },
     App::PENDING, App::INSTALLED, App::ABSENT, "install", "The UEM is told next to install it."},
    {"a removal is on its way", kAndroid,
     [](World& w) { Grant(w).Operation(Op::REMOVE_APP, Op::SENT, kNow); }, App::PENDING,
     App::INSTALLED, App::ABSENT, "", "The UEM was told before to remove it; when that is read"},
    {"a removal was read back", kAndroid,
     [](World& w) { Grant(w).Operation(Op::REMOVE_APP, Op::ACCEPTED, Ago(absl::Hours(3))); },
     App::PENDING, App::INSTALLED, App::ABSENT, "install", "The UEM is told next to install it."},
    {"there, a removal is on its way", kAndroid,
     [](World& w) { Grant(w).Operation(Op::REMOVE_APP, Op::SENT).Sample("Managed"); }, App::PENDING,
     App::INSTALLED, App::MANAGED, "", "The UEM was told before to remove it, and"},
    {"there", kAndroid, [](World& w) { Grant(w).Sample("Managed"); }, App::COMPLIANT,
     App::INSTALLED, App::MANAGED, "", ""},
    {"there, by facts of before the installation", kAndroid,
     [](World& w) {
       Grant(w).Operation(Op::INSTALL_APP, Op::ACCEPTED, Ago(absl::Hours(2))).Sample("Managed");
     },
     App::PENDING, App::INSTALLED, App::MANAGED, "", "The UEM was told to install it; the phone's"},
    {"there, read back", kAndroid,
     [](World& w) {
       Grant(w).Operation(Op::INSTALL_APP, Op::ACCEPTED, Ago(absl::Hours(3))).Sample("Managed");
     },
     App::COMPLIANT, App::INSTALLED, App::MANAGED, "", ""},
    {"by the person", kAndroid, [](World& w) { Grant(w).Sample("UserInstalledApp"); },
     App::COMPLIANT, App::INSTALLED, App::BY_PERSON, "", ""},
    {"no copy of the UEM's", kAndroid, [](World& w) { Grant(w).setup.clear(); }, App::COMPLIANT,
     App::WANTED_UNSPECIFIED, App::ABSENT, "", "It is allowed, but the UEM has no copy to install"},
    {"records are to be kept", kAndroid,
     [](World& w) {
       Grant(w).Sample("Managed");
       w.chat().holds_records = true;
     },
     App::COMPLIANT, App::INSTALLED, App::MANAGED, "", ""},
    {"no profile was ever sent", kIos, [](World& w) { Grant(w).Sample("Managed"); }, App::COMPLIANT,
     App::INSTALLED, App::MANAGED, "", ""},
    {"a profile of before may hide it", kIos,
     [](World& w) { Grant(w.Profile()).Sample("Managed"); }, App::PENDING, App::INSTALLED,
     App::MANAGED, "", "It is there. A restrictions profile of before"},
    {"a profile of before may hide it, the new one was refused", kIos,
     [](World& w) {
       Grant(w.Profile()).Operation(Op::INSTALL_PROFILE, Op::REFUSED, kNow, "no").Sample("Managed");
     },
     App::PENDING, App::INSTALLED, App::MANAGED, "",
     "It is there. A restrictions profile of before may hide it, and the UEM refused the new one"},
    {"a profile that hides nothing was taken, not seen since", kIos,
     [](World& w) {
       Grant(w.Profile(Ago(absl::Hours(2)))).Sample("Managed");
       w.record.set_profile_sha256(LiftedSha256());
     },
     App::PENDING, App::INSTALLED, App::MANAGED, "",
     "It is there. A restrictions profile of before may hide it until the phone connects"},
    {"a profile that hides nothing is there", kIos,
     [](World& w) {
       Grant(w.Profile()).Sample("Managed");
       w.record.set_profile_sha256(LiftedSha256());
     },
     App::COMPLIANT, App::INSTALLED, App::MANAGED, "", ""},
    {"it was usable before another change", kIos,
     [](World& w) {
       Grant(w.Profile()).Sample("Managed");
       w.Was(App::COMPLIANT, "ALLOW");
     },
     App::COMPLIANT, App::INSTALLED, App::MANAGED, "", ""},
    {"unsupervised, there", kIos,
     [](World& w) {
       Grant(w).facts().set_management(Facts::UNSUPERVISED);
       w.Sample("Managed");
     },
     App::COMPLIANT, App::INSTALLED, App::MANAGED, "", ""},
    {"work profile, absent", kAndroid,
     [](World& w) { Grant(w).facts().set_management(Facts::PERSONAL_WORK_PROFILE); }, App::PENDING,
     App::INSTALLED, App::ABSENT, "install", "The UEM is told next to install it."},
    {"not enrolled", kAndroid, [](World& w) { Grant(w).facts().set_enrolment(Facts::UNENROLLED); },
     App::UNKNOWN, App::INSTALLED, App::ABSENT, "", "NOT_ENROLLED: "},
    {"never read", kAndroid, [](World& w) { Grant(w).facts().clear_apps_read_at(); }, App::UNKNOWN,
     App::INSTALLED, App::PRESENCE_UNSPECIFIED, "", "The phone's apps have not been read"},
    {"not seen for a week: it comes when the phone does", kAndroid,
     [](World& w) { *Grant(w).facts().mutable_last_seen_at() = ToProto(Ago(absl::Hours(24 * 8))); },
     App::UNKNOWN, App::INSTALLED, App::ABSENT, "install", "The UEM has not seen this phone"},
    {"known by its signer alone", kAndroid,
     [](World& w) {
       Grant(w).chat().bundle_ids.clear();
       w.chat().by_signer_only = true;
     },
     App::UNKNOWN, App::INSTALLED, App::PRESENCE_UNSPECIFIED, "", "NO_BUNDLE_ID: "},
};

TEST(PhoneState, AllowByAGrant) {
  for (const Row& row : kGranted) Check(row);
}

const Row kOthers[] = {
    {"export only, there", kIos, [](World& w) { ExportOnly(w).Sample("Managed"); }, App::VIOLATION,
     App::LEFT, App::MANAGED, "",
     "It must not be used any more, but it stays for the export of its messages. Ask the service"},
    {"export only, by the person, unsupervised", kIos,
     [](World& w) {
       ExportOnly(w).facts().set_management(Facts::UNSUPERVISED);
       w.Sample("UserInstalledApp");
     },
     App::VIOLATION, App::LEFT, App::BY_PERSON, "", "It must not be used any more"},
    {"export only, absent", kIos, [](World& w) { ExportOnly(w); }, App::COMPLIANT, App::LEFT,
     App::ABSENT, "", "It is not there. If messages went with it"},
    {"export only, absent, unsupervised", kIos,
     [](World& w) { ExportOnly(w).facts().set_management(Facts::UNSUPERVISED); },
     App::NOT_ENFORCEABLE, App::LEFT, App::ABSENT, "", "IOS_UNSUPERVISED: "},
    {"export only, absent, personal apps are kept back", kAndroid,
     [](World& w) { ExportOnly(w).facts().set_personal_apps_hidden(true); }, App::UNKNOWN,
     App::LEFT, App::PRESENCE_UNSPECIFIED, "", "The UEM's privacy setting"},
    {"export only, an installation is on its way", kAndroid,
     [](World& w) { ExportOnly(w).Operation(Op::INSTALL_APP, Op::SENT); }, App::PENDING, App::LEFT,
     App::ABSENT, "", "The UEM was told before to install it"},
    {"export only, never read", kAndroid,
     [](World& w) { ExportOnly(w).facts().clear_apps_read_at(); }, App::UNKNOWN, App::LEFT,
     App::PRESENCE_UNSPECIFIED, "", "The phone's apps have not been read"},
    {"export only, not enrolled", kAndroid,
     [](World& w) {
       ExportOnly(w).facts().set_enrolment(Facts::GONE);
       w.Sample("Managed");
     },
     App::NOT_ENFORCEABLE, App::LEFT, App::MANAGED, "", "NOT_ENROLLED: "},
    {"unlisted, there", kIos, [](World& w) { Unlisted(w).Sample("UserInstalledApp"); },
     App::COMPLIANT, App::WANTED_UNSPECIFIED, App::BY_PERSON, "", ""},
    {"unlisted, absent", kIos, [](World& w) { Unlisted(w); }, App::COMPLIANT,
     App::WANTED_UNSPECIFIED, App::ABSENT, "", ""},
    {"unlisted, unsupervised", kIos,
     [](World& w) { Unlisted(w).facts().set_management(Facts::UNSUPERVISED); }, App::COMPLIANT,
     App::WANTED_UNSPECIFIED, App::ABSENT, "", ""},
    {"unlisted, never read", kIos, [](World& w) { Unlisted(w).facts().clear_apps_read_at(); },
     App::UNKNOWN, App::WANTED_UNSPECIFIED, App::PRESENCE_UNSPECIFIED, "", "The phone's apps"},
    {"unlisted, not enrolled", kIos,
     [](World& w) { Unlisted(w).facts().set_enrolment(Facts::GONE); }, App::UNKNOWN,
     App::WANTED_UNSPECIFIED, App::ABSENT, "", "NOT_ENROLLED: "},
};

TEST(PhoneState, ExportOnlyAndUnlisted) {
  for (const Row& row : kOthers) Check(row);
}

TEST(PhoneState, WhatEverybodyMayHaveIsNotTold) {
  World world;
  world.Verdict(v1::Verdict::ALLOW).Sample("UserInstalledApp");
  EXPECT_TRUE(world.Judge().apps.empty());
  world.Verdict(v1::Verdict::BLOCK).chat().bundle_ids.clear();
  world.chat().web_hosts = {"chat.example"};
  EXPECT_TRUE(world.Judge().apps.empty());  // a web client alone
  EXPECT_EQ(world.Judge().hidden_hosts, std::vector<std::string>({"chat.example"}));
}

TEST(PhoneState, TellsTheWholeOfAnApp) {
  World world;
  Grant(world).Operation(Op::INSTALL_APP, Op::ACCEPTED, Ago(absl::Hours(3)));
  v1::SampledApp& sample = world.Sample("Managed");
  sample.set_latest_action("InstallCommandDispatched");
  *sample.mutable_latest_action_at() = ToProto(Ago(absl::Hours(2)));
  App want;
  want.set_app_id("chat");
  want.set_verdict("ALLOW");
  want.set_reason("GRANT GRT-1");
  want.set_state(App::COMPLIANT);
  want.set_wanted(App::INSTALLED);
  want.set_presence(App::MANAGED);
  want.set_version("1.2");
  want.set_action("install");
  *want.mutable_action_at() = ToProto(Ago(absl::Hours(3)));
  want.set_action_result("InstallCommandDispatched");
  *want.mutable_since() = ToProto(kNow);
  want.set_transaction_id("TXN-1");
  EXPECT_EQ(world.Judge().apps[0].DebugString(), want.DebugString());

  // The same state goes on, and the action is remembered when its operation is closed.
  *world.record.mutable_reported()->add_apps() = want;
  *world.record.mutable_reported()->mutable_apps(0)->mutable_since() = ToProto(Ago(absl::Hours(9)));
  world.operations.clear();
  *want.mutable_since() = ToProto(Ago(absl::Hours(9)));
  EXPECT_EQ(world.Judge().apps[0].DebugString(), want.DebugString());
}

TEST(PhoneState, TellsTheActionThatHides) {
  World world;
  world.Profile().Sample("UserInstalledApp");
  const PhoneView hidden = world.Judge();
  EXPECT_EQ(hidden.apps[0].action(), "hide");
  EXPECT_EQ(FromProto(hidden.apps[0].action_at()), Ago(absl::Hours(5)));
  EXPECT_TRUE(hidden.hides && hidden.profile_proven);
  EXPECT_EQ(hidden.hidden_bundle_ids, std::vector<std::string>({"com.chat", "com.chat.mod"}));
  EXPECT_EQ(hidden.hidden_sha256, HiddenSha256({"com.chat", "com.chat.mod"}, {}));
  EXPECT_NE(HiddenSha256({"a"}, {}), HiddenSha256({}, {"a"}));
  EXPECT_EQ(HiddenSha256({}, {}), "");
}

TEST(PhoneState, AProfileOfBeforeIsLiftedAndNoneIsSentWithoutOne) {
  World world;
  world.Verdict(v1::Verdict::ALLOW);
  EXPECT_EQ(world.Judge().hidden_sha256, "");  // never had one
  world.Profile();
  EXPECT_EQ(world.Judge().hidden_sha256, LiftedSha256());
  EXPECT_TRUE(world.Judge().hidden_bundle_ids.empty());
  world.record.clear_profile_sha256();
  world.Operation(Op::INSTALL_PROFILE, Op::SENT);  // may be there
  EXPECT_EQ(world.Judge().hidden_sha256, LiftedSha256());
}

// A catalogue may name several ids of one app; one of them is the UEM's.
TEST(PhoneState, OfSeveralCopiesTheConfiguredOneCounts) {
  for (const char* id : {"com.chat", "com.chat.mod"}) {
    World world(kAndroid);
    world.setup[0].second.managed->bundle_id = id;
    world.Sample("Managed").set_version("1");
    world.Sample("Managed", true, "com.chat.mod").set_version("2");
    const std::string version = id == std::string("com.chat") ? "1" : "2";
    const PhoneView blocked = world.Judge();
    ASSERT_EQ(blocked.actions.size(), 1u) << id;
    EXPECT_EQ(blocked.actions[0].app.bundle_id, id);
    EXPECT_EQ(blocked.apps[0].version(), version);
    EXPECT_EQ(Grant(world).Judge().apps[0].version(), version);
    for (v1::SampledApp& app : *world.record.mutable_apps()) app.set_reason("UserInstalledApp");
    EXPECT_EQ(world.Judge().apps[0].version(), version);
  }
}

TEST(PhoneState, AnInstallationNamesItsRequest) {
  World world;
  const PhoneView view = Grant(world).Judge();
  ASSERT_EQ(view.actions.size(), 1u);
  EXPECT_EQ(view.actions[0].transaction_id, "TXN-1");
  EXPECT_EQ(view.actions[0].app_id, "chat");
  EXPECT_EQ(view.actions[0].app.uem_id, "7");
}

TEST(PhoneState, AReportHasRoomForWhatIsNotWell) {
  World world(kAndroid);
  const AppRuling chat = world.chat();
  world.policy.apps.clear();
  for (size_t i = 0; i < limits::kMaxReportedPhoneApps + 10; ++i) {
    AppRuling app = chat;
    app.app_id = absl::StrCat("app-", 1000 + i);
    app.bundle_ids = {absl::StrCat("id-", 1000 + i)};
    world.policy.apps.push_back(app);
  }
  world.Sample("UserInstalledApp", true, absl::StrCat("id-", 1509));
  const PhoneView view = world.Judge();
  ASSERT_EQ(view.apps.size(), limits::kMaxReportedPhoneApps);
  EXPECT_EQ(view.apps.back().app_id(), "app-1509");
  EXPECT_EQ(view.apps.back().state(), App::VIOLATION);
  EXPECT_EQ(view.apps[0].app_id(), "app-1000");
  EXPECT_EQ(view.distance, 1u);
}

}  // namespace
}  // namespace muster::bridge
