#include "bridge/domain/phone_reports.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/bridge/domain/phone_world.h"

namespace muster::bridge {
namespace {

using Facts = v1::PhoneFacts;
using World = PhoneWorld;

// "restrictions profile BLOCKED: detail", one a line.
std::string Probes(const World& w) {
  std::string out;
  for (const v1::Canary& c : MakeCanaries(w.record, w.Judge(), kNow)) {
    absl::StrAppend(&out, c.filesystem(), " ", v1::Canary::Result_Name(c.result()), ": ",
                    c.detail(), "\n");
  }
  return out;
}

TEST(PhoneReports, ProbesAreWhatWasReadBack) {
  World ios(kIos);
  EXPECT_EQ(Probes(ios),
            "restrictions profile NOT_TRIED: it is on its way to the UEM\n"
            "app removal NOT_TRIED: not known yet: chat\n");
  ios.Profile(Ago(absl::Hours(1)));
  EXPECT_EQ(Probes(ios),
            "restrictions profile NOT_TRIED: the UEM took it, and the phone was not seen since\n"
            "app removal NOT_TRIED: not known yet: chat\n");
  ios.Profile();
  const std::string hidden =
      "restrictions profile BLOCKED: the UEM took it at 2027-01-15T03:00:00Z, and the phone was "
      "seen since; it hides 2 ids and 0 sites\n"
      "app removal BLOCKED: 1 blocked apps are not there, or do not start\n";
  EXPECT_EQ(Probes(ios), hidden);
  ios.Sample("UserInstalledApp");
  EXPECT_EQ(Probes(ios), hidden);
  ios.facts().set_management(Facts::UNSUPERVISED);
  EXPECT_EQ(Probes(ios), "");

  World android(kAndroid);
  EXPECT_EQ(Probes(android),
            "app removal BLOCKED: 1 blocked apps are not there, or do not start\n");
  android.Sample("UserInstalledApp");
  EXPECT_EQ(Probes(android), "app removal RAN: there, and blocked: chat\n");
  android.Verdict(v1::Verdict::ALLOW_EXPORT_ONLY);
  EXPECT_EQ(Probes(android), "app removal NOT_TRIED: nothing is blocked here\n");
  World granted(kIos);
  granted.Verdict(v1::Verdict::ALLOW, true);
  EXPECT_EQ(Probes(granted),
            "restrictions profile NOT_TRIED: nothing is to be hidden\n"
            "app removal NOT_TRIED: nothing is blocked here\n");
}

TEST(PhoneReports, SaysHowItEnforces) {
  const auto status = [](const World& w) {
    return MakeStatusReport(w.record, w.policy, w.Judge(), "1.0", kNow);
  };
  World ios(kIos);
  ios.record.mutable_identity()->set_name("Ann's \x01iPhone");
  v1::StatusReport want;
  want.set_mode(v1::StatusReport::ENFORCING);
  want.set_agent_version("1.0");
  want.set_kernel("17.4");
  want.set_hostname("Ann's \xEF\xBF\xBDiPhone");
  EXPECT_EQ(status(ios).DebugString(), want.DebugString());

  ios.policy.monitor_until = kNow + absl::Hours(1);
  EXPECT_EQ(status(ios).mode(), v1::StatusReport::MONITORING);
  EXPECT_EQ(FromProto(status(ios).monitor_until()), kNow + absl::Hours(1));
  ios.facts().set_management(Facts::USER_ENROLLED);
  EXPECT_EQ(status(ios).mode(), v1::StatusReport::REPORT_ONLY);
  ASSERT_EQ(status(ios).cannot_enforce_size(), 1);
  EXPECT_EQ(status(ios).cannot_enforce(0).substr(0, 19), "IOS_USER_ENROLLED: ");

  World android(kAndroid);
  android.chat().bundle_ids.clear();
  android.chat().by_signer_only = true;
  EXPECT_EQ(status(android).mode(), v1::StatusReport::ENFORCING);
  ASSERT_EQ(status(android).cannot_enforce_size(), 2);
  EXPECT_EQ(
      status(android).cannot_enforce(0),
      "NO_BUNDLE_ID: known here by their signing certificate alone, which no UEM tells: chat");
  EXPECT_EQ(status(android).cannot_enforce(1).substr(0, 19), "ANDROID_BY_PERSON: ");
}

TEST(PhoneReports, AReportIsTheRecordAndTheView) {
  World world(kAndroid);
  world.Sample("UserInstalledApp");
  const PhoneView view = world.Judge();
  const v1::PhoneReport got = MakePhoneReport(world.record, view);
  EXPECT_EQ(got.identity().DebugString(), world.record.identity().DebugString());
  EXPECT_EQ(got.facts().DebugString(), world.record.facts().DebugString());
  ASSERT_EQ(got.apps_size(), 1);
  EXPECT_EQ(got.apps(0).DebugString(), view.apps[0].DebugString());
  EXPECT_EQ(got.distance(), 1u);
}

}  // namespace
}  // namespace muster::bridge
