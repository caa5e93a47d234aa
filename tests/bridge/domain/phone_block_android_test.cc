#include <gtest/gtest.h>

#include "bridge/domain/phone_state.h"
#include "tests/bridge/domain/phone_rows.h"

namespace muster::bridge {
namespace {

using App = v1::PhoneApp;
using Facts = v1::PhoneFacts;
using Op = v1::BridgeOperation;
using World = PhoneWorld;

const Row kBlockedAndroid[] = {
    {"absent", kAndroid, [](World&) {}, App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"known to be absent", kAndroid, [](World& w) { w.Sample("MDMRemoved", false); },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"absent, removal not read back", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::ACCEPTED, Ago(absl::Hours(2))); }, App::PENDING,
     App::REMOVED, App::ABSENT, "", "The UEM was told to remove it; the phone's apps"},
    {"absent, seen since the removal, not read since", kAndroid,
     [](World& w) {
       w.Operation(Op::REMOVE_APP, Op::ACCEPTED, Ago(absl::Minutes(50)));
       *w.facts().mutable_last_seen_at() = ToProto(Ago(absl::Minutes(30)));
     },
     App::PENDING, App::REMOVED, App::ABSENT, "",
     "The UEM was told to remove it; the phone's apps"},
    {"absent, read since the removal, not seen since", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::SENT, Ago(absl::Minutes(90))); }, App::PENDING,
     App::REMOVED, App::ABSENT, "", "The UEM was told to remove it; the phone's apps"},
    {"absent, removal read back", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::ACCEPTED, Ago(absl::Hours(3))); },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"absent, removed before, not read back", kAndroid,
     [](World& w) {
       App& was = w.Was(App::PENDING, "BLOCK");
       was.set_action("remove");
       *was.mutable_action_at() = ToProto(Ago(absl::Hours(2)));
     },
     App::PENDING, App::REMOVED, App::ABSENT, "",
     "The UEM was told to remove it; the phone's apps"},
    {"absent, removal was shown before, and the phone was seen since", kAndroid,
     [](World& w) {
       App& was = w.Was(App::COMPLIANT, "BLOCK");
       was.set_action("remove");
       *was.mutable_action_at() = ToProto(Ago(absl::Hours(3)));
       *w.facts().mutable_last_seen_at() = ToProto(Ago(absl::Minutes(30)));
     },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"absent, an installation is on its way", kAndroid,
     [](World& w) { w.Operation(Op::INSTALL_APP, Op::SENT, Ago(absl::Hours(1))); }, App::PENDING,
     App::REMOVED, App::ABSENT, "", "The UEM was told before to install it"},
    {"absent, an installation is under way on the phone", kAndroid,
     [](World& w) {
       w.Operation(Op::INSTALL_APP, Op::ACCEPTED, Ago(absl::Hours(3)))
           .Sample("Prompting", false)
           .set_latest_action("InstallCommandDispatched");
     },
     App::PENDING, App::REMOVED, App::ABSENT, "", "The UEM was told before to install it"},
    {"absent, the installation came to nothing", kAndroid,
     [](World& w) {
       w.Operation(Op::INSTALL_APP, Op::ACCEPTED, Ago(absl::Hours(3)))
           .Sample("Failed", false)
           .set_latest_action("InstallCommandFailed");
     },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"managed", kAndroid, [](World& w) { w.Sample("Managed"); }, App::VIOLATION, App::REMOVED,
     App::MANAGED, "remove", "The app is there; the UEM is told next to remove it. Ask the"},
    {"managed, queued", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::QUEUED).Sample("Managed"); }, App::VIOLATION,
     App::REMOVED, App::MANAGED, "", "The app is there; the UEM is told next to remove it."},
    {"managed, sent", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::SENT).Sample("Managed"); }, App::PENDING,
     App::REMOVED, App::MANAGED, "", "The UEM was told to remove it; it goes as soon as"},
    {"managed, accepted", kAndroid,
     [](World& w) { w.Operation(Op::REMOVE_APP, Op::ACCEPTED).Sample("Managed"); }, App::PENDING,
     App::REMOVED, App::MANAGED, "", "The UEM was told to remove it; it goes as soon as"},
    {"managed, failed on the phone", kAndroid,
     [](World& w) {
       w.Operation(Op::REMOVE_APP, Op::ACCEPTED);
       v1::SampledApp& app = w.Sample("Managed");
       app.set_latest_action("RemoveApplicationFailed");
       *app.mutable_latest_action_at() = ToProto(Ago(absl::Hours(3)));
     },
     App::VIOLATION, App::REMOVED, App::MANAGED, "",
     "The UEM could not remove it (RemoveApplicationFailed): the UEM team has to look. Ask"},
    {"managed, failed before it was asked for again", kAndroid,
     [](World& w) {
       w.Operation(Op::REMOVE_APP, Op::ACCEPTED);
       v1::SampledApp& app = w.Sample("Managed");
       app.set_latest_action("RemoveApplicationFailed");
       *app.mutable_latest_action_at() = ToProto(Ago(absl::Hours(9)));
     },
     App::PENDING, App::REMOVED, App::MANAGED, "", "The UEM was told to remove it; it goes"},
    {"managed, refused", kAndroid,
     [](World& w) {
       w.Operation(Op::REMOVE_APP, Op::REFUSED, kNow, "not removable").Sample("Managed");
     },
     App::VIOLATION, App::REMOVED, App::MANAGED, "",
     "The UEM refused to remove it, \"not removable\": the UEM team has to look."},
    {"managed, its number is not known", kAndroid,
     [](World& w) {
       w.Sample("Managed");
       w.setup.clear();
     },
     App::VIOLATION, App::REMOVED, App::MANAGED, "", "The UEM installed it, but Muster was not"},
    {"managed, with records", kAndroid,
     [](World& w) {
       w.Sample("Managed");
       w.chat().holds_records = true;
     },
     App::VIOLATION, App::LEFT, App::MANAGED, "", "The app is there. Its messages are not shown"},
    {"by the person", kAndroid, [](World& w) { w.Sample("UserInstalledApp"); }, App::VIOLATION,
     App::REMOVED, App::BY_PERSON, "", "The person installed it, and only what the UEM installed"},
    {"no reason is known, assigned", kAndroid, [](World& w) { w.Sample("").set_assigned(true); },
     App::VIOLATION, App::REMOVED, App::MANAGED, "remove", "The app is there"},
    {"no reason is known, no longer assigned, managed before", kAndroid,
     [](World& w) {
       w.Sample("");
       w.Was(App::COMPLIANT, "ALLOW").set_presence(App::MANAGED);
     },
     App::VIOLATION, App::REMOVED, App::MANAGED, "remove", "The app is there"},
    {"no reason is known, never assigned", kAndroid, [](World& w) { w.Sample(""); }, App::VIOLATION,
     App::REMOVED, App::BY_PERSON, "", "The person installed it"},
    {"personal work profile, absent", kAndroid,
     [](World& w) { w.facts().set_management(Facts::PERSONAL_WORK_PROFILE); }, App::NOT_ENFORCEABLE,
     App::REMOVED, App::ABSENT, "", "ANDROID_WORK_PROFILE: "},
    {"known by its signer alone", kAndroid,
     [](World& w) {
       w.chat().bundle_ids.clear();
       w.chat().by_signer_only = true;
     },
     App::NOT_ENFORCEABLE, App::REMOVED, App::PRESENCE_UNSPECIFIED, "", "NO_BUNDLE_ID: "},
    {"only reported, there", kAndroid,
     [](World& w) {
       w.Sample("Managed");
       w.chat().only_reports = true;
       w.policy.monitor_until = kNow + absl::Hours(1);
     },
     App::VIOLATION, App::WANTED_UNSPECIFIED, App::MANAGED, "",
     "The app is there. Until 2027-01-15T09:00:00Z it is only reported"},
    {"only reported, absent", kAndroid,
     [](World& w) {
       w.chat().only_reports = true;
       w.policy.monitor_until = kNow + absl::Hours(1);
     },
     App::COMPLIANT, App::WANTED_UNSPECIFIED, App::ABSENT, "", "It is not there. Until"},
    {"never read", kAndroid, [](World& w) { w.facts().clear_apps_read_at(); }, App::UNKNOWN,
     App::REMOVED, App::PRESENCE_UNSPECIFIED, "", "The phone's apps have not been read"},
    {"read too long ago", kAndroid,
     [](World& w) { *w.facts().mutable_apps_read_at() = ToProto(Ago(absl::Hours(49))); },
     App::UNKNOWN, App::REMOVED, App::ABSENT, "", "The phone's apps could not be read"},
    {"read in a time to come", kAndroid,
     [](World& w) { *w.facts().mutable_apps_read_at() = ToProto(kNow + absl::Hours(49)); },
     App::UNKNOWN, App::REMOVED, App::ABSENT, "", "The phone's apps could not be read"},
    {"read two days ago, just", kAndroid,
     [](World& w) { *w.facts().mutable_apps_read_at() = ToProto(Ago(absl::Hours(48))); },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "", ""},
    {"never seen", kAndroid, [](World& w) { w.facts().clear_last_seen_at(); }, App::UNKNOWN,
     App::REMOVED, App::PRESENCE_UNSPECIFIED, "", "The UEM has never seen this phone"},
    {"not seen for a week: what is known is removed when it comes back", kAndroid,
     [](World& w) {
       *w.facts().mutable_last_seen_at() = ToProto(Ago(absl::Hours(24 * 7 + 1)));
       w.Sample("Managed");
     },
     App::UNKNOWN, App::REMOVED, App::MANAGED, "remove", "The UEM has not seen this phone for a"},
    {"enrolled since", kAndroid,
     [](World& w) { *w.facts().mutable_enrolled_at() = ToProto(Ago(absl::Minutes(5))); },
     App::UNKNOWN, App::REMOVED, App::PRESENCE_UNSPECIFIED, "", "The phone enrolled anew"},
    {"its policy has ended", kAndroid,
     [](World& w) {
       w.policy.stale = true;
       w.policy.stale_since = Ago(absl::Hours(1));
     },
     App::COMPLIANT, App::REMOVED, App::ABSENT, "",
     "The signed policy of this phone has ended (2027-01-15T07:00:00Z): no grant counts until"},
};

TEST(PhoneState, BlockOnAndroid) {
  for (const Row& row : kBlockedAndroid) Check(row);
}

}  // namespace
}  // namespace muster::bridge
