#include "bridge/domain/phone_policy.h"

#include <gtest/gtest.h>

#include "common/archive_limits.h"
#include "tests/bridge/domain/phone_world.h"

namespace muster::bridge {
namespace {

// A cohort with one app, `chat`, known on iOS and by two ids on Android, and its owner alice.
struct Documents {
  v1::CohortContent content;
  v1::DeviceAssignment assignment;
  v1::EmergencyDeny deny;
  bool has_assignment = true, has_deny = false;
  absl::Time cohort_not_after = kNow + absl::Hours(100);
  absl::Time floor = absl::InfinitePast();
  absl::Time monitor_until = absl::InfinitePast();

  Documents() {
    v1::App& app = *content.add_apps();
    app.set_id("chat");
    app.set_name("Chat");
    AddId(app, v1::Platform::IOS, v1::Origin::BUNDLE, "com.chat.ios");
    AddId(app, v1::Platform::ANDROID, v1::Origin::ANDROID_PACKAGE, "com.chat");
    AddId(app, v1::Platform::ANDROID, v1::Origin::ANDROID_PACKAGE, "com.chat.mod").set_signer("ab");
    v1::Trm& trm = *content.add_trm();
    trm.set_app_id("chat");
    trm.set_status(v1::Trm::RESTRICTED);
    *assignment.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(200));
    v1::AssignedPerson& person = *assignment.add_persons();
    person.set_person_id("p1");
    person.set_account_name("alice");
  }

  static v1::AppIdentity& AddId(v1::App& app, v1::Platform::Id platform, v1::Origin::Kind origin,
                                const std::string& id) {
    v1::AppIdentity& out = *app.add_identities();
    out.set_platform(platform);
    out.set_origin(origin);
    out.set_package_id(id);
    return out;
  }

  v1::Entitlement& Grant() {
    v1::Entitlement& e = *assignment.add_entitlements();
    e.set_grant_id("GRT-1");
    e.set_person_id("p1");
    e.set_app_id("chat");
    e.set_transaction_id("TXN-1");
    *e.mutable_not_after() = ToProto(kNow + absl::Hours(10));
    return e;
  }

  void Owe(v1::Obligation::State state, const std::string& person = "p1") {
    v1::AssignedObligation& o = *assignment.add_obligations();
    o.set_person_id(person);
    o.set_app_id("chat");
    o.set_state(state);
  }

  PhonePolicy Make(v1::Platform::Id platform = v1::Platform::IOS, absl::Time now = kNow) const {
    agent::PolicyParts parts;
    parts.content = content;
    parts.how_to_ask = "Ask the service desk.";
    parts.cohort_not_after = cohort_not_after;
    if (has_assignment) parts.assignment = &assignment;
    if (has_deny) parts.emergency_deny = &deny;
    parts.uid_of = {{"alice", kOwnerUid}};
    parts.time_floor = floor;
    return MakePhonePolicy(*agent::PolicyIndex::Build(std::move(parts)), platform, now,
                           monitor_until);
  }
};

TEST(PhonePolicy, RulesAsALaptopDoes) {
  struct Case {
    const char* what;
    std::function<void(Documents&)> edit;
    v1::Verdict::Kind verdict;
    std::string reason, words, transaction;
    bool granted, holds, stale;
    absl::Duration next;
  };
  const auto none = [](Documents&) {};
  const std::string ask = "Ask the service desk.";
  const Case kCases[] = {
      {"no grant", none, v1::Verdict::BLOCK, "NO_GRANT",
       "no approved request for this person and app. " + ask, "", false, false, false,
       absl::Hours(100)},
      {"grant", [](Documents& d) { d.Grant(); }, v1::Verdict::ALLOW, "GRANT GRT-1",
       "Nothing to do. The grant ends 2027-01-15T18:00:00Z.", "TXN-1", true, false, false,
       absl::Hours(10)},
      {"the grant of somebody else", [](Documents& d) { d.Grant().set_person_id("p2"); },
       v1::Verdict::BLOCK, "NO_GRANT", "no approved request for this person and app. " + ask, "",
       false, false, false, absl::Hours(100)},
      {"the grant has ended", [](Documents& d) { *d.Grant().mutable_not_after() = ToProto(kNow); },
       v1::Verdict::BLOCK, "NO_GRANT", "grant GRT-1 ended 2027-01-15T08:00:00Z. " + ask, "", false,
       false, false, absl::Hours(100)},
      {"no assignment",
       [](Documents& d) {
         d.Grant();
         d.has_assignment = false;
       },
       v1::Verdict::BLOCK, "NO_GRANT", "no person is known as the owner of this phone. " + ask, "",
       false, true, false, absl::Hours(100)},
      {"no owner", [](Documents& d) { d.assignment.clear_persons(); }, v1::Verdict::BLOCK,
       "NO_GRANT", "no person is known as the owner of this phone. " + ask, "", false, false, false,
       absl::Hours(100)},
      {"the cohort has ended",
       [](Documents& d) {
         d.Grant();
         d.cohort_not_after = kNow;
       },
       v1::Verdict::BLOCK, "NO_GRANT", "grant GRT-1 ended 2027-01-15T08:00:00Z. " + ask, "", false,
       true, true, absl::InfiniteDuration()},
      {"the assignment has ended, and named no grant",
       [](Documents& d) {
         *d.assignment.mutable_header()->mutable_not_after() = ToProto(kNow - absl::Hours(1));
       },
       v1::Verdict::BLOCK, "NO_GRANT", "no approved request for this person and app. " + ask, "",
       false, false, true, absl::Hours(100)},
      {"signed dates keep the clock from going back",
       [](Documents& d) {
         d.Grant();
         d.floor = kNow + absl::Hours(11);
       },
       v1::Verdict::BLOCK, "NO_GRANT", "grant GRT-1 ended 2027-01-15T18:00:00Z. " + ask, "", false,
       false, false, absl::Hours(100)},
      {"an emergency",
       [](Documents& d) {
         d.Grant();
         d.has_deny = true;
         d.deny.add_app_ids("chat");
         d.deny.set_reason("a worm");
         *d.deny.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(5));
       },
       v1::Verdict::BLOCK, "EMERGENCY_DENY",
       "a worm. The agency has stopped chat for everybody for now; no approval lifts that. Ask the "
       "service desk what to use instead.",
       "", false, false, false, absl::Hours(5)},
      {"exports are overdue",
       [](Documents& d) {
         d.Grant().set_suspended_archive_overdue(true);
         d.Owe(v1::Obligation::OVERDUE);
       },
       v1::Verdict::ALLOW_EXPORT_ONLY, "ARCHIVE_OVERDUE",
       "Exports are overdue: the person exports the chats on the phone now. Full use returns when "
       "the export is receipted.",
       "", false, true, false, absl::Hours(10)},
      {"prohibited, to be exported",
       [](Documents& d) {
         d.content.mutable_trm(0)->set_status(v1::Trm::PROHIBITED);
         v1::Entitlement& e = d.Grant();
         e.set_suspended_by_trm(true);
         *e.mutable_export_until() = ToProto(kNow + absl::Hours(3));
       },
       v1::Verdict::ALLOW_EXPORT_ONLY, "TRM_PROHIBITED_EXPORT",
       "The TRM office prohibits it: the person exports the chats on the phone before "
       "2027-01-15T11:00:00Z, then it is blocked.",
       "", false, false, false, absl::Hours(3)},
      {"permitted", [](Documents& d) { d.content.mutable_trm(0)->set_status(v1::Trm::PERMITTED); },
       v1::Verdict::ALLOW, "TRM_PERMITTED", "Nothing to do.", "", false, false, false,
       absl::Hours(100)},
      {"unlisted", [](Documents& d) { d.content.clear_trm(); }, v1::Verdict::REPORT, "UNLISTED",
       "Nothing to do.", "", false, false, false, absl::Hours(100)},
  };
  for (const Case& c : kCases) {
    Documents documents;
    c.edit(documents);
    const PhonePolicy got = documents.Make();
    ASSERT_EQ(got.apps.size(), 1u) << c.what;
    const AppRuling& app = got.apps[0];
    EXPECT_EQ(app.verdict, c.verdict) << c.what;
    EXPECT_EQ(app.reason, c.reason) << c.what;
    EXPECT_EQ(app.words, c.words) << c.what;
    EXPECT_EQ(app.transaction_id, c.transaction) << c.what;
    EXPECT_EQ(app.granted, c.granted) << c.what;
    EXPECT_EQ(app.holds_records, c.holds) << c.what;
    EXPECT_EQ(got.stale, c.stale) << c.what;
    EXPECT_EQ(got.next_change, kNow + c.next) << c.what;
  }
}

TEST(PhonePolicy, OnlyClearRecordsAreNoneToLose) {
  for (int state = v1::Obligation::State_MIN; state <= v1::Obligation::State_MAX; ++state) {
    Documents documents;
    documents.Owe(static_cast<v1::Obligation::State>(state));
    EXPECT_EQ(documents.Make().apps[0].holds_records, state != v1::Obligation::CLEAR) << state;
  }
  Documents since;  // the day of an export
  since.Owe(v1::Obligation::CLEAR);
  since.assignment.mutable_obligations(0)->mutable_uncovered_since()->set_seconds(1);
  EXPECT_TRUE(since.Make().apps[0].holds_records);
  Documents before;
  before.Owe(v1::Obligation::ACCRUING, "an earlier owner");
  EXPECT_TRUE(before.Make().apps[0].holds_records);
  Documents cut_off;
  for (size_t i = 0; i < limits::kMaxAssignedObligations; ++i) {
    cut_off.Owe(v1::Obligation::CLEAR);
  }
  EXPECT_TRUE(cut_off.Make().apps[0].holds_records);
}

TEST(PhonePolicy, KnowsAppsByExactIdsOfThePlatform) {
  Documents documents;
  v1::App& signer = *documents.content.add_apps();
  signer.set_id("by-signer");
  Documents::AddId(signer, v1::Platform::ANDROID, v1::Origin::UNSPECIFIED, "").set_signer("cd");
  v1::App& twin = *documents.content.add_apps();
  twin.set_id("twin");
  Documents::AddId(twin, v1::Platform::ANDROID, v1::Origin::ANDROID_PACKAGE, "com.chat");
  v1::App& web = *documents.content.add_apps();
  web.set_id("a-site");
  web.add_web_hosts("chat.example");
  v1::App& elsewhere = *documents.content.add_apps();
  elsewhere.set_id("elsewhere");
  Documents::AddId(elsewhere, v1::Platform::LINUX, v1::Origin::DPKG, "chat");

  const PhonePolicy android = documents.Make(v1::Platform::ANDROID);
  ASSERT_EQ(android.apps.size(), 4u);
  EXPECT_EQ(android.apps[0].app_id, "a-site");
  EXPECT_EQ(android.apps[0].web_hosts, std::vector<std::string>({"chat.example"}));
  EXPECT_FALSE(android.apps[0].by_signer_only);
  EXPECT_EQ(android.apps[1].app_id, "by-signer");
  EXPECT_EQ(android.apps[1].name, "by-signer");
  EXPECT_TRUE(android.apps[1].by_signer_only);
  EXPECT_EQ(android.apps[2].app_id, "chat");
  EXPECT_EQ(android.apps[2].bundle_ids, std::vector<std::string>({"com.chat", "com.chat.mod"}));
  EXPECT_EQ(android.apps[3].app_id, "twin");
  EXPECT_TRUE(android.apps[3].bundle_ids.empty());
  EXPECT_EQ(android.FindByBundle("com.chat"), &android.apps[2]);
  EXPECT_EQ(android.FindByBundle("com.chat.mod"), &android.apps[2]);
  for (const char* id : {"com.Chat", "com.chat.", "com.cha", "", "com.chat.ios"}) {
    EXPECT_EQ(android.FindByBundle(id), nullptr) << id;
  }
  EXPECT_NE(documents.Make(v1::Platform::IOS).FindByBundle("com.chat.ios"), nullptr);
  EXPECT_EQ(documents.Make(v1::Platform::IOS).FindByBundle("com.chat"), nullptr);
}

TEST(PhonePolicy, ACohortMayOnlyReport) {
  Documents documents;
  documents.monitor_until = kNow + absl::Hours(2);
  EXPECT_TRUE(documents.Make().apps[0].only_reports);
  EXPECT_EQ(documents.Make().next_change, kNow + absl::Hours(2));
  EXPECT_FALSE(documents.Make(v1::Platform::IOS, kNow + absl::Hours(2)).apps[0].only_reports);
  documents.has_deny = true;
  documents.deny.add_app_ids("chat");
  *documents.deny.mutable_header()->mutable_not_after() = ToProto(kNow + absl::Hours(5));
  EXPECT_FALSE(documents.Make().apps[0].only_reports);
}

}  // namespace
}  // namespace muster::bridge
