#include "bridge/domain/phone_state.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bridge/domain/phone_reading.h"
#include "bridge/domain/phone_reports.h"
#include "common/fleet_limits.h"
#include "tests/bridge/domain/phone_rows.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;
using Facts = v1::PhoneFacts;
using Op = v1::BridgeOperation;
using World = PhoneWorld;

TEST(PhoneState, SaysWhatCannotBeEnforced) {
  struct Case {
    v1::Platform::Id platform;
    Facts::Enrolment enrolment;
    Facts::Management management;
    const char* os;
    bool compromised;
    const char* code;
    bool hides;
  };
  const Case kCases[] = {
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "17.4", false, "", true},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "", false, "", true},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "iOS 9.3.1", false, "", true},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "iOS 9.2", false, "OS_TOO_OLD", false},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "9", false, "OS_TOO_OLD", false},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "99999999999", false, "", true},
      {kIos, Facts::ENROLLED, Facts::SUPERVISED, "17.4", true, "COMPROMISED", true},
      {kIos, Facts::ENROLLED, Facts::UNSUPERVISED, "17.4", false, "IOS_UNSUPERVISED", false},
      {kIos, Facts::ENROLLED, Facts::USER_ENROLLED, "17.4", false, "IOS_USER_ENROLLED", false},
      {kIos, Facts::ENROLLED, Facts::MANAGEMENT_UNSPECIFIED, "17", false, "MANAGEMENT_UNKNOWN",
       false},
      {kIos, Facts::ENROLLED, Facts::DEVICE_OWNER, "17", false, "MANAGEMENT_UNKNOWN", false},
      {kIos, Facts::UNENROLLED, Facts::SUPERVISED, "17", false, "NOT_ENROLLED", false},
      {kIos, Facts::GONE, Facts::SUPERVISED, "17", false, "NOT_ENROLLED", false},
      {kIos, Facts::ENROLMENT_UNSPECIFIED, Facts::SUPERVISED, "17", false, "NOT_ENROLLED", false},
      {kAndroid, Facts::ENROLLED, Facts::DEVICE_OWNER, "Android 14", false, "", false},
      {kAndroid, Facts::ENROLLED, Facts::DEVICE_OWNER, "5.0", false, "", false},
      {kAndroid, Facts::ENROLLED, Facts::DEVICE_OWNER, "4.4", false, "OS_TOO_OLD", false},
      {kAndroid, Facts::ENROLLED, Facts::DEVICE_OWNER, "14", true, "COMPROMISED", false},
      {kAndroid, Facts::ENROLLED, Facts::COMPANY_WORK_PROFILE, "14", false,
       "ANDROID_COMPANY_WORK_PROFILE", false},
      {kAndroid, Facts::ENROLLED, Facts::PERSONAL_WORK_PROFILE, "14", false, "ANDROID_WORK_PROFILE",
       false},
      {kAndroid, Facts::ENROLLED, Facts::SUPERVISED, "14", false, "MANAGEMENT_UNKNOWN", false},
      {v1::Platform::LINUX, Facts::ENROLLED, Facts::SUPERVISED, "14", false, "PLATFORM", false},
  };
  for (const Case& c : kCases) {
    Facts facts;
    facts.set_enrolment(c.enrolment);
    facts.set_management(c.management);
    facts.set_os(c.os);
    facts.set_compromised(c.compromised);
    const std::string got = CannotEnforce(c.platform, facts);
    EXPECT_EQ(got.substr(0, got.find(':')), c.code) << c.os;
    EXPECT_EQ(CanHide(c.platform, facts), c.hides) << c.code << c.os;
    if (!got.empty()) {
      EXPECT_GT(got.size(), std::string(c.code).size() + 20) << got;
    }
  }
}

void Nothing(World&) {}

const Row kBlockedIos[] = {
    {"absent, nothing hides it", kIos, Nothing, App::PENDING, App::REMOVED, App::ABSENT, "",
     "It is not there, but could be installed. The restrictions profile that hides it is the next"},
    {"absent, the profile was queued", kIos,
     [](World& w) { w.Operation(Op::INSTALL_PROFILE, Op::QUEUED); }, App::PENDING, App::REMOVED,
     App::ABSENT, "", "It is not there, but could be installed. The restrictions profile that"},
    {"absent, the profile was sent", kIos,
     [](World& w) { w.Operation(Op::INSTALL_PROFILE, Op::SENT); }, App::PENDING, App::REMOVED,
     App::ABSENT, "",
     "It is not there, but could be installed. The restrictions profile that hides it was sent"},
    {"absent, the profile was refused", kIos,
     [](World& w) { w.Operation(Op::INSTALL_PROFILE, Op::REFUSED, kNow, "no"); },
     App::NOT_ENFORCEABLE, App::REMOVED, App::ABSENT, "",
     "PROFILE_REFUSED: It is not there, but could be installed. The UEM refused the restrictions "
     "profile that hides it, \"no\""},
    {"absent, the profile could not be signed", kIos,
     [](World& w) {
       w.Operation(Op::INSTALL_PROFILE, Op::REFUSED, kNow,
                   absl::StrCat(kProfileNotMade, ": it is too old"));
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::ABSENT, "",
     "PROFILE_NOT_MADE: It is not there, but could be installed. The restrictions profile that "
     "hides it was not sent, \"the restrictions profile cannot be made: it is too old\": the "
     "bridge's administrator has to look. It is tried again daily, and when the bridge starts."},
    {"absent, the profile was taken, not seen since", kIos,
     [](World& w) { w.Profile(Ago(absl::Hours(2))); }, App::PENDING, App::REMOVED, App::ABSENT, "",
     "It is not there, but could be installed. The UEM took the restrictions profile"},
    {"absent, seen while the phone could still be without the profile", kIos,
     [](World& w) { w.Profile(Ago(absl::Hours(2) + limits::kProfileProof)); }, App::PENDING,
     App::REMOVED, App::ABSENT, "", "It is not there, but could be installed. The UEM took the"},
    {"absent, seen a moment later", kIos,
     [](World& w) { w.Profile(Ago(absl::Hours(2) + limits::kProfileProof + absl::Seconds(1))); },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"absent, the UEM has no sample of it", kIos,
     [](World& w) {
       w.Profile().record.set_inventory_sha256(kUnsampled);
       w.facts().clear_apps_read_at();
     },
     App::UNKNOWN, App::REMOVED, App::PRESENCE_UNSPECIFIED, "",
     "The UEM lists no app of this phone, and is not shown yet to have asked it"},
    {"absent, the UEM has no sample of it and will not ask it", kIos,
     [](World& w) {
       w.Profile().record.set_inventory_sha256(kUnsampled);
       w.facts().clear_apps_read_at();
       w.Operation(Op::QUERY_PHONE, Op::REFUSED, Ago(absl::Hours(1)), "no permission");
       w.operations[0].clear_app_id();
       w.operations[0].set_key("QUERY_PHONE:phn-1:first-sample");
     },
     App::UNKNOWN, App::REMOVED, App::PRESENCE_UNSPECIFIED, "",
     "The UEM lists no app of this phone, and did not take the command that asks it, "
     "\"no permission\": the UEM team has to look. The list counts when the phone was seen since."},
    {"absent, hidden", kIos, [](World& w) { w.Profile(); }, App::COMPLIANT, App::REMOVED,
     App::ABSENT, "", ""},
    {"absent, the profile is of before the enrolment", kIos,
     [](World& w) {
       w.Profile();
       *w.facts().mutable_enrolled_at() = ToProto(Ago(absl::Hours(4)));
     },
     App::PENDING, App::REMOVED, App::ABSENT, "", "It is not there, but could be installed."},
    {"absent, another profile is on its way", kIos,
     [](World& w) {
       w.Profile().Operation(Op::INSTALL_PROFILE, Op::SENT);
       w.operations[0].set_payload_sha256("other");
     },
     App::PENDING, App::REMOVED, App::ABSENT, "", "It is not there, but could be installed."},
    {"absent, hidden by the profile of before", kIos,
     [](World& w) {
       w.Profile().record.set_profile_sha256("before");
       w.Was(App::COMPLIANT, "BLOCK").set_wanted(App::REMOVED);
     },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"absent, it was only reported before", kIos,
     [](World& w) {
       w.Profile().record.set_profile_sha256("before");
       w.Was(App::COMPLIANT, "BLOCK");
     },
     App::PENDING, App::REMOVED, App::ABSENT, "", "It is not there, but could be installed."},
    {"absent, personal apps are kept back", kIos,
     [](World& w) {
       w.Profile();
       w.facts().set_personal_apps_hidden(true);
     },
     App::UNKNOWN, App::REMOVED, App::PRESENCE_UNSPECIFIED, "", "The UEM's privacy setting"},
    {"by the person, nothing hides it", kIos, [](World& w) { w.Sample("UserInstalledApp"); },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "",
     "The restrictions profile that hides it is the next to be sent. Ask the service desk."},
    {"by the person, the profile was sent", kIos,
     [](World& w) { w.Operation(Op::INSTALL_PROFILE, Op::ACCEPTED).Sample("UserInstalledApp"); },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "",
     "The restrictions profile that hides it was"},
    {"by the person, the profile was taken", kIos,
     [](World& w) { w.Profile(Ago(absl::Hours(1))).Sample("UserInstalledApp"); }, App::VIOLATION,
     App::REMOVED, App::BY_PERSON, "", "The UEM took the restrictions profile"},
    {"by the person, the profile was refused", kIos,
     [](World& w) {
       w.Operation(Op::INSTALL_PROFILE, Op::REFUSED, kNow).Sample("UserInstalledApp");
     },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "",
     "The UEM refused the restrictions profile that hides it, without a word"},
    {"by the person, hidden", kIos, [](World& w) { w.Profile().Sample("UserInstalledApp"); },
     App::COMPLIANT, App::REMOVED, App::HIDDEN, "", "The person installed it: it cannot be"},
    {"by the person, came since, with another profile on its way", kIos,
     [](World& w) {
       w.Profile().record.set_profile_sha256("before");
       App& was = w.Was(App::COMPLIANT, "BLOCK");
       was.set_wanted(App::REMOVED);
       was.set_presence(App::ABSENT);
       w.Sample("UserInstalledApp");
     },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "", "The restrictions profile that hides it"},
    {"by the person, hidden, with records", kIos,
     [](World& w) {
       w.Profile().Sample("UserInstalledApp");
       w.chat().holds_records = true;
     },
     App::COMPLIANT, App::LEFT, App::HIDDEN, "",
     "It is hidden by the restrictions profile. Its messages are not shown to be saved, so it is "
     "not removed: the person exports every chat (one that was never exported goes with the app), "
     "and it goes when the records office has its receipts."},
    {"managed", kIos, [](World& w) { w.Sample("Managed"); }, App::VIOLATION, App::REMOVED,
     App::MANAGED, "remove", "The app is there; the UEM is told next to remove it. Ask the"},
    {"managed, hidden", kIos, [](World& w) { w.Profile().Sample("Managed"); }, App::PENDING,
     App::REMOVED, App::MANAGED, "remove", "It is hidden by the restrictions profile, and is"},
    {"managed, hidden, the UEM will not remove it", kIos,
     [](World& w) { w.Profile().Operation(Op::REMOVE_APP, Op::REFUSED).Sample("Managed"); },
     App::COMPLIANT, App::REMOVED, App::HIDDEN, "", "It is hidden by the restrictions profile and"},
    {"managed, with records", kIos,
     [](World& w) {
       w.Sample("Managed");
       w.chat().holds_records = true;
     },
     App::VIOLATION, App::LEFT, App::MANAGED, "",
     "The restrictions profile that hides it is the next to be sent. Its messages are not shown"},
    {"managed, hidden, with records", kIos,
     [](World& w) {
       w.Profile().Sample("Managed");
       w.chat().holds_records = true;
     },
     App::COMPLIANT, App::LEFT, App::HIDDEN, "", "It is hidden by the restrictions profile. Its"},
    {"managed, hidden, with records, a removal is on its way", kIos,
     [](World& w) {
       w.Profile().Operation(Op::REMOVE_APP, Op::SENT).Sample("Managed");
       w.chat().holds_records = true;
     },
     App::PENDING, App::LEFT, App::MANAGED, "",
     "It is hidden by the restrictions profile. The UEM was told to remove it before its messages"},
    {"managed, hidden, its number is not known", kIos,
     [](World& w) {
       w.Profile().Sample("Managed");
       w.setup.clear();
     },
     App::COMPLIANT, App::REMOVED, App::HIDDEN, "", "It is hidden by the restrictions profile and"},
    {"two copies: the UEM's goes, the person's is hidden", kIos,
     [](World& w) {
       w.Profile().Sample("Managed");
       w.Sample("UserInstalledApp", true, "com.chat.mod");
     },
     App::PENDING, App::REMOVED, App::BY_PERSON, "remove", "It is hidden by the restrictions"},
    {"unsupervised, by the person", kIos,
     [](World& w) {
       w.facts().set_management(Facts::UNSUPERVISED);
       w.Sample("UserInstalledApp");
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::BY_PERSON, "", "IOS_UNSUPERVISED: "},
    {"unsupervised, managed: that goes", kIos,
     [](World& w) {
       w.facts().set_management(Facts::UNSUPERVISED);
       w.Sample("Managed");
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::MANAGED, "remove", "IOS_UNSUPERVISED: "},
    {"unsupervised, absent", kIos, [](World& w) { w.facts().set_management(Facts::UNSUPERVISED); },
     App::NOT_ENFORCEABLE, App::REMOVED, App::ABSENT, "", "IOS_UNSUPERVISED: "},
    {"not enrolled: nothing is sent", kIos,
     [](World& w) {
       w.facts().set_enrolment(Facts::UNENROLLED);
       w.Sample("Managed");
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::MANAGED, "", "NOT_ENROLLED: "},
    {"compromised, hidden", kIos,
     [](World& w) {
       w.Profile().Sample("UserInstalledApp");
       w.facts().set_compromised(true);
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::BY_PERSON, "", "COMPROMISED: "},
};

TEST(PhoneState, BlockOnAnIphone) {
  for (const Row& row : kBlockedIos) Check(row);
}

// As if the UEM took the profile that hides what it can.
void ProfileWithout(World& w, const std::string& id, const std::string& host) {
  w.Profile().record.set_profile_sha256(HiddenSha256({"com.chat"}, {}));
  w.chat().bundle_ids = {"com.chat"};
  if (!id.empty()) w.chat().bundle_ids = {id, "com.chat"};
  std::sort(w.chat().bundle_ids.begin(), w.chat().bundle_ids.end());
  if (!host.empty()) w.chat().web_hosts = {host};
}

const Row kLeftOpen[] = {
    {"an id that stands for every web clip", kIos,
     [](World& w) { ProfileWithout(w, "com.apple.webapp", ""); }, App::NOT_ENFORCEABLE,
     App::REMOVED, App::ABSENT, "",
     "NOT_IN_PROFILE: no restrictions profile can name the id 'com.apple.webapp'"},
    {"an id that no app has", kIos, [](World& w) { ProfileWithout(w, "a b", ""); },
     App::NOT_ENFORCEABLE, App::REMOVED, App::ABSENT, "",
     "NOT_IN_PROFILE: no restrictions profile can name the id 'a b'"},
    {"a site that is none", kIos, [](World& w) { ProfileWithout(w, "", "chat"); },
     App::NOT_ENFORCEABLE, App::REMOVED, App::ABSENT, "",
     "NOT_IN_PROFILE: no restrictions profile can name the site 'chat'"},
    {"there and hidden, its site is open", kIos,
     [](World& w) {
       ProfileWithout(w, "", "chat");
       w.Sample("UserInstalledApp");
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::HIDDEN, "", "NOT_IN_PROFILE: "},
    {"there by the id that is not hidden", kIos,
     [](World& w) {
       ProfileWithout(w, "com.apple.webapp", "");
       w.Sample("UserInstalledApp", true, "com.apple.webapp");
     },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "", "NOT_IN_PROFILE: "},
    {"there by both", kIos,
     [](World& w) {
       ProfileWithout(w, "com.apple.webapp", "");
       w.Sample("UserInstalledApp");
       w.Sample("UserInstalledApp", true, "com.apple.webapp");
     },
     App::VIOLATION, App::REMOVED, App::BY_PERSON, "", "NOT_IN_PROFILE: "},
};

TEST(PhoneState, WhatTheProfileLeavesOpenIsNotHidden) {
  for (const Row& row : kLeftOpen) Check(row);
}

// Apple's list of sites is bounded: those beyond are open.
TEST(PhoneState, ASiteThatTheProfileHasNoRoomForIsNotHidden) {
  World world;
  AppRuling& chat = world.chat();
  for (int i = 0; i < 251; ++i) chat.web_hosts.push_back(absl::StrCat("h", 1000 + i, ".example"));
  const PhoneView view = world.Judge();
  ASSERT_EQ(view.hidden_hosts.size(), 250u);
  EXPECT_EQ(view.hidden_hosts.back(), "h1249.example");
  EXPECT_EQ(LeftOpen(chat, view), "the site 'h1250.example'");
  const v1::StatusReport status = MakeStatusReport(world.record, world.policy, view, "1.0", kNow);
  ASSERT_EQ(status.cannot_enforce_size(), 1);
  EXPECT_EQ(status.cannot_enforce(0),
            "NOT_IN_PROFILE: ids or sites that the restrictions profile cannot name, or has no "
            "room for: chat");
  chat.web_hosts.pop_back();
  EXPECT_EQ(LeftOpen(chat, world.Judge()), "");
}

}  // namespace
}  // namespace muster::bridge
